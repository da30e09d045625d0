// A key that is not there yet: its name in any bytes, its type, its value and its expiry. A key of that name is never
// overwritten.
'use client';
import { useState } from 'react';
import { BytesField } from '@/components/ui/bytes-field';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Segmented } from '@/components/ui/segmented';
import { api, ApiError } from '@/lib/api';
import { keyWord } from '@/lib/bytes';
import type { Bytes, NewValue } from '@/lib/contract';
import { parseScore } from '@/lib/edits';
import { errorText } from '@/lib/errors';
import { useExplorerStore } from '@/stores/explorer';
import { useToastStore } from '@/stores/toast';
import { DurationField } from './duration-field';
import { newPair, type Pair, Pairs, wholePairs } from './row-editor';

type Type = NewValue['type'];

const TYPES: readonly { value: Type; label: string }[] = [
  { value: 'string', label: 'String' },
  { value: 'hash', label: 'Hash' },
  { value: 'list', label: 'List' },
  { value: 'set', label: 'Set' },
  { value: 'zset', label: 'Sorted set' },
  { value: 'stream', label: 'Stream' },
];

const COLUMNS: Record<Exclude<Type, 'string'>, [string, string?]> = {
  hash: ['Field', 'Value'],
  list: ['Element'],
  set: ['Member'],
  zset: ['Score', 'Member'],
  stream: ['Field', 'Value'],
};

/** What is typed, as a value; null where something cannot be read. */
function valueOf(type: Type, text: Bytes | null, rows: readonly Pair[]): NewValue | null {
  if (type === 'string') return text === null ? null : { type, value: text };
  const pairs = wholePairs(rows);
  if (pairs === null) return null;
  const firsts = pairs.map(([first]) => first);
  switch (type) {
    case 'list':
      return { type, items: firsts };
    case 'set':
      return { type, members: firsts };
    case 'hash':
      return { type, fields: pairs };
    case 'stream':
      return { type, entries: [{ id: '*', fields: pairs }] };
    case 'zset': {
      const members = pairs.flatMap(([score, member]): [Bytes, NonNullable<ReturnType<typeof parseScore>>][] => {
        const number = typeof score === 'string' ? parseScore(score) : null;
        return number === null ? [] : [[member, number]];
      });
      return members.length === pairs.length ? { type, members } : null;
    }
  }
}

export function NewKey({ db, onClose, onMade }: { db: number; onClose(): void; onMade(word: string): void }) {
  const [name, setName] = useState<Bytes | null>('');
  const [type, setType] = useState<Type>('string');
  const [text, setText] = useState<Bytes | null>('');
  const [rows, setRows] = useState<Pair[]>(() => [newPair()]);
  const [ttl_ms, setTtl] = useState<number | null>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<{ text: string; taken: boolean } | null>(null);
  const value = valueOf(type, text, rows);
  const ready = name !== null && name !== '' && value !== null && !busy;
  const make = async () => {
    if (name === null || value === null) return;
    setBusy(true);
    setFailure(null);
    try {
      await api.makeKey(name, db, value, ttl_ms);
      useToastStore.getState().say('The key is made');
      useExplorerStore.getState().touch();
      onMade(keyWord(name));
      onClose();
    } catch (error) {
      const taken = error instanceof ApiError && error.code === 'KEY_EXISTS';
      setFailure({ taken, text: taken ? 'There is a key of this name already. It was not touched.' : errorText(error) });
      setBusy(false);
    }
  };
  return (
    <Dialog open onOpenChange={(open) => !open && !busy && onClose()} title="New key" description={`In database ${db}. A key that is there already is not overwritten.`} className="w-[min(640px,calc(100vw-24px))]">
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) void make();
        }}
      >
        <BytesField label="Name" autoFocus initial="" placeholder="session:user:ada" onChange={setName} />
        <div className="flex flex-col gap-1">
          <span aria-hidden className="text-xs text-dim">
            Type
          </span>
          <Segmented<Type>
            label="Type"
            size="md"
            className="flex-wrap self-start"
            value={type}
            onChange={(next) => {
              setType(next);
              setRows([newPair()]);
            }}
            options={TYPES}
          />
        </div>
        {type === 'string' ? (
          <BytesField label="Value" lines initial="" onChange={setText} />
        ) : (
          <fieldset className="flex flex-col gap-1">
            <legend className="mb-1 text-xs text-dim">{type === 'stream' ? 'First entry, its id by the clock' : type === 'zset' ? 'Scores and members' : `${COLUMNS[type].join('s and ').toLowerCase()}s`.replace(/^./, (letter) => letter.toUpperCase())}</legend>
            <Pairs key={type} pairs={rows} onChange={setRows} first={COLUMNS[type][0]} second={COLUMNS[type][1]} />
          </fieldset>
        )}
        <DurationField label="Expires in (empty: never)" initial_ms={null} onChange={setTtl} />
        {failure !== null && (
          <div role="alert" className="flex flex-wrap items-center justify-between gap-2 rounded-md bg-tint-error px-3 py-2 text-error-text">
            {failure.text}
            {failure.taken && name !== null && (
              <Button
                size="sm"
                onClick={() => {
                  onMade(keyWord(name));
                  onClose();
                }}
              >
                Open that key
              </Button>
            )}
          </div>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="solid" disabled={!ready}>
            {busy ? 'Making…' : 'Make key'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
