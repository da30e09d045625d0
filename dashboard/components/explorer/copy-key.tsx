// One button that copies the open key in the form that was chosen last, and beside it the menu of all forms. What was copied is
// said by a notice. Values are asked for when they are copied: what is shown may be a part, or staged.
'use client';
import { Check, ChevronDown, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Button } from '@/components/ui/button';
import { Menu, MenuItem, MenuLabel, MenuSeparator } from '@/components/ui/menu';
import { api } from '@/lib/api';
import { copyText } from '@/lib/clipboard';
import { type Contents, type CopyForm, cutRows, formOf, FORMS, nameForm, type Named, valueForm } from '@/lib/copies';
import type { Bytes } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { counted, formatCount } from '@/lib/format';
import { distinctRows, type ItemRow, rowsOf } from '@/lib/item-rows';
import { wholeValue } from '@/lib/whole-value';
import { useServerStore } from '@/stores/server';
import { useSettingsStore } from '@/stores/settings';
import { useToastStore } from '@/stores/toast';

/** More is a matter for a file. */
const ELEMENTS_MAX = 1000;
const GROUPS: readonly (readonly ['key' | 'value' | 'program', string])[] = [
  ['key', 'Key'],
  ['value', 'Value'],
  ['program', 'To read it'],
];

interface Copied {
  key: Bytes;
  db: number;
  type: string;
}

async function contentsOf({ key, db, type }: Copied): Promise<{ contents: Contents; more: boolean }> {
  if (type === 'string') return { contents: { value: await wholeValue(key, db) }, more: false };
  const rows: ItemRow[] = [];
  let cursor: string | null = null;
  do {
    const page = await api.items(key, { db, cursor });
    if (page.type !== type) throw new Error('The key has changed its type meanwhile.');
    rows.push(...rowsOf(page, rows.length, Date.now()));
    cursor = page.cursor;
  } while (cursor !== null && rows.length < ELEMENTS_MAX);
  const distinct = distinctRows(rows);
  const cut = cutRows(distinct);
  if (cut > 0) throw new Error(`${counted(cut, 'element is', 'elements are')} too long to be copied here. The file has all of it.`);
  return { contents: { rows: distinct.slice(0, ELEMENTS_MAX) }, more: cursor !== null || distinct.length > ELEMENTS_MAX };
}

export async function copyAs(name: CopyForm, copied: Copied): Promise<boolean> {
  const { said, form, needsValue } = formOf(name);
  try {
    if (!needsValue) {
      const named: Named = { ...copied, host: window.location.hostname, port: useServerStore.getState().server?.port ?? 6379, origin: window.location.origin };
      return await copyText(nameForm(form, named), said);
    }
    const { contents, more } = await contentsOf(copied);
    const extent = 'rows' in contents ? `, ${more ? `the first ${formatCount(ELEMENTS_MAX)} elements` : counted(contents.rows.length, 'element')}` : '';
    return await copyText(valueForm(form, copied.type, contents), said + extent);
  } catch (error) {
    useToastStore.getState().say(errorText(error), 'error');
    return false;
  }
}

export function CopyKey({ name, db, type }: { name: Bytes; db: number; type: string | null }) {
  const chosen = useSettingsStore((store) => store.copies);
  const change = useSettingsStore((store) => store.change);
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  // Of a key that is gone only its name is left.
  const form = formOf(type === null ? 'key' : chosen);
  const run = (wanted: CopyForm) => void copyAs(wanted, { key: name, db, type: type ?? '' }).then(setDone);
  return (
    <span className="inline-flex">
      <Button variant="ghost" size="icon-sm" className="rounded-r-none" aria-label={`Copy: ${form.label}`} title={`Copy: ${form.label}`} onClick={() => run(form.form)}>
        {done ? <Check className="text-success" /> : <Copy />}
      </Button>
      {type !== null && (
        <Menu
          trigger={
            <Button variant="ghost" size="icon-sm" className="w-6 rounded-l-none px-0 coarse:w-11" aria-label="Copy as…" title="Copy as…">
              <ChevronDown className="size-3.5" />
            </Button>
          }
        >
          {GROUPS.map(([group, heading], at) => (
            <div key={group} role="group" aria-label={heading}>
              {at > 0 && <MenuSeparator />}
              <MenuLabel>{heading}</MenuLabel>
              {FORMS.filter((one) => one.group === group).map((one) => (
                <MenuItem
                  key={one.form}
                  hint={one.form === form.form ? 'chosen' : undefined}
                  onSelect={() => {
                    change({ copies: one.form });
                    run(one.form);
                  }}
                >
                  {one.label}
                </MenuItem>
              ))}
            </div>
          ))}
        </Menu>
      )}
    </span>
  );
}
