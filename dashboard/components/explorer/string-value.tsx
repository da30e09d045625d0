// A string as text, as indented JSON where it is some, or as hex; long ones come in parts. One that is loaded whole can be
// edited, up to 1 MiB: what is typed is staged as it is typed. All of it can be had as a file.
'use client';
import { Braces, Pencil } from 'lucide-react';
import { useMemo, useState } from 'react';
import { GatedButton } from '@/components/state/gated-button';
import { BytesField } from '@/components/ui/bytes-field';
import { Button } from '@/components/ui/button';
import { CopyButton } from '@/components/ui/copy-button';
import { Segmented } from '@/components/ui/segmented';
import { usePages } from '@/hooks/use-pages';
import { useWayBack } from '@/hooks/use-way-back';
import { useWriteGate } from '@/hooks/use-write-gate';
import { api } from '@/lib/api';
import { displayBlock, displayJson, toBytes, whole } from '@/lib/bytes';
import type { Bytes, ItemsPage } from '@/lib/contract';
import { sameBytes } from '@/lib/escapes';
import { errorText } from '@/lib/errors';
import { formatBytes } from '@/lib/format';
import { placesOf } from '@/lib/search-text';
import { hexDump, joinBytes, prettyJson } from '@/lib/value-views';
import { EDITED_MAX, wholeValue } from '@/lib/whole-value';
import { useEditStore, useStaged } from '@/stores/edits';
import { useToastStore } from '@/stores/toast';
import { FileButton } from './file-button';
import { FindField, FoundText } from './found-text';

type StringPage = Extract<ItemsPage, { type: 'string' }>;
type Kind = 'text' | 'json' | 'hex';

export function StringValue({ name, db, first, place }: { name: Bytes; db: number; first: StringPage; place: string }) {
  const pages = usePages<StringPage>(
    async (cursor, signal) => {
      const page = await api.items(name, { db, cursor }, signal);
      if (page.type !== 'string') throw new Error('The key has changed its type meanwhile.');
      return { items: [page], cursor: page.cursor };
    },
    [name, db],
    { items: [first], cursor: first.cursor },
  );
  const say = useToastStore((store) => store.say);
  // All of it, asked for to be edited; the parts are not needed then.
  const [all, setAll] = useState<Bytes | null>(null);
  const [asking, setAsking] = useState(false);
  const value = useMemo(() => all ?? joinBytes(pages.items.map((page) => toBytes(whole(page.value)))), [all, pages.items]);
  const isComplete = all !== null || pages.cursor === null;
  const json = useMemo(() => (isComplete ? prettyJson(value) : null), [value, isComplete]);
  const [chosen, setChosen] = useState<Kind | null>(null);
  const staged = useStaged(place)[0];
  const [wanted, setEditing] = useState(false);
  const editing = wanted || staged !== undefined;
  const kind = chosen ?? (json !== null ? 'json' : typeof value === 'string' ? 'text' : 'hex');
  const text = useMemo(() => (kind === 'json' ? (json === null ? 'This is not JSON, or not all of it is loaded.' : displayJson(json)) : kind === 'hex' ? hexDump(toBytes(value)) : displayBlock(value)), [kind, json, value]);
  const [wantedText, setWantedText] = useState('');
  const [at, setAt] = useState(0);
  const places = useMemo(() => placesOf(text, wantedText), [text, wantedText]);
  const loaded = useMemo(() => toBytes(value).length, [value]);
  const isWhole = isComplete && loaded <= EDITED_MAX;
  const loadAll = () => {
    setAsking(true);
    wholeValue(name, db)
      .then(
        (whole) => {
          setAll(whole);
          setEditing(true);
        },
        (error: unknown) => say(errorText(error), 'error'),
      )
      .finally(() => setAsking(false));
  };
  return (
    <div className="flex flex-col">
      <div className="flex flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-2">
        <Segmented<Kind>
          label="Show the value as"
          value={kind}
          onChange={(next) => {
            setChosen(next);
            setEditing(false);
          }}
          options={[
            { value: 'text', label: 'Text' },
            { value: 'json', label: 'JSON' },
            { value: 'hex', label: 'Hex' },
          ]}
        />
        {!editing && (
          <FindField
            wanted={wantedText}
            count={places.length}
            at={Math.min(at, Math.max(0, places.length - 1))}
            isPart={!isComplete}
            onWanted={(next) => {
              setWantedText(next);
              setAt(0);
            }}
            onAt={setAt}
          />
        )}
        <span className="flex items-center gap-2 text-xs text-muted">
          {!isComplete && `${formatBytes(loaded)} of ${formatBytes(first.length)}`}
          {isWhole && !editing && (
            <GatedButton data-edit size="sm" onClick={() => setEditing(true)}>
              <Pencil /> Edit
            </GatedButton>
          )}
          {!isWhole && first.length <= EDITED_MAX && (
            <GatedButton data-edit size="sm" disabled={asking} onClick={loadAll}>
              <Pencil /> {asking ? 'Loading…' : 'Load all and edit'}
            </GatedButton>
          )}
          {first.length > EDITED_MAX && 'above 1 MiB: not edited here'}
          <FileButton name={name} db={db} what="The value as a file. Should it change while it is read, the download breaks off." />
          <CopyButton text={text} label="Copy the value" />
        </span>
      </div>
      {editing ? (
        <Editor place={place} was={value} hasStaged={staged !== undefined} staged={staged?.edit.op === 'set' ? staged.edit.value : value} onClose={() => setEditing(false)} />
      ) : first.length === 0 ? (
        <p className="px-4 py-3 text-xs text-muted">An empty string</p>
      ) : (
        <FoundText text={text} places={places} length={wantedText.length} at={Math.min(at, Math.max(0, places.length - 1))} />
      )}
      {!isComplete && (
        <div className="p-3 text-center">
          <Button size="sm" disabled={pages.loading} onClick={pages.more}>
            {pages.loading ? 'Loading…' : 'Load more'}
          </Button>
        </div>
      )}
    </div>
  );
}

interface EditorProps {
  place: string;
  was: Bytes;
  staged: Bytes;
  hasStaged: boolean;
  onClose(): void;
}

function Editor({ place, was, staged, hasStaged, onClose }: EditorProps) {
  const stage = useEditStore((store) => store.stage);
  const gate = useWriteGate();
  // Grows when the text is replaced from outside the field: indented, discarded, taken back.
  const [round, setRound] = useState(0);
  const [own, setOwn] = useState(staged);
  if (!sameBytes(own, staged)) {
    setOwn(staged);
    setRound(round + 1);
  }
  const indented = prettyJson(staged);
  const [wrong, setWrong] = useState(false);
  const { note } = useWayBack();
  return (
    <div ref={note} className="flex flex-col gap-2 px-4 py-3">
      <BytesField
        key={round}
        label="Value"
        hideLabel
        lines
        autoFocus
        initial={staged}
        onChange={(value) => {
          setWrong(value === null);
          if (value === null) return;
          setOwn(value);
          stage(place, { op: 'set', value, was });
        }}
      />
      <div className="flex flex-wrap items-center gap-2">
        {indented !== null && indented !== staged && (
          <Button
            size="sm"
            onClick={() => stage(place, { op: 'set', value: indented, was })}
          >
            <Braces /> Indent JSON
          </Button>
        )}
        {!hasStaged && (
          <Button size="sm" onClick={onClose}>
            Close the editor
          </Button>
        )}
        <span className="text-xs text-muted">
          {wrong ? 'What cannot be read is not staged.' : gate.allowed ? 'Staged as you type; nothing is sent before you save.' : gate.reason}
        </span>
      </div>
    </div>
  );
}
