// The forms that change an element or add one. What they give is staged, not sent.
'use client';
import { Plus, X } from 'lucide-react';
import { useState, type KeyboardEvent, type ReactNode } from 'react';
import { BytesField } from '@/components/ui/bytes-field';
import { Button } from '@/components/ui/button';
import { Input, Select } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { useWayBack } from '@/hooks/use-way-back';
import type { Bytes, KeyEdit } from '@/lib/contract';
import { parseScore } from '@/lib/edits';
import { changeOf, type NewExpiry, type Target } from '@/lib/item-rows';
import { DurationField } from './duration-field';

interface FormProps {
  edit: KeyEdit | null;
  verb: string;
  onStage(edit: KeyEdit): void;
  onCancel(): void;
  children: ReactNode;
}

function Form({ edit, verb, onStage, onCancel, children }: FormProps) {
  const { note } = useWayBack();
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      onCancel();
    } else if (event.key === 'Enter' && edit !== null && (event.metaKey || event.ctrlKey || (event.target instanceof HTMLInputElement && event.target.type === 'text'))) {
      event.preventDefault();
      onStage(edit);
    }
  };
  return (
    <div ref={note} className="flex flex-col gap-2 font-sans" onKeyDown={onKeyDown}>
      {children}
      <div className="flex gap-2">
        <Button size="sm" variant="solid" disabled={edit === null} onClick={() => edit !== null && onStage(edit)}>
          {verb}
        </Button>
        <Button size="sm" onClick={onCancel}>
          Cancel
        </Button>
      </div>
    </div>
  );
}

interface ChangeFormProps {
  target: Target;
  /** The value that is staged already, else that of the element. */
  present: Bytes;
  onStage(edit: KeyEdit): void;
  onCancel(): void;
}

export function ChangeForm({ target, present, onStage, onCancel }: ChangeFormProps) {
  const [value, setValue] = useState<Bytes | null>(present);
  // Undefined is what cannot be staged: a length of time that is none.
  const [expiry, setExpiry] = useState<{ ttl_ms: NewExpiry } | undefined>({ ttl_ms: undefined });
  const edit = value === null || expiry === undefined ? null : changeOf(target, value, expiry.ttl_ms);
  return (
    <Form edit={edit} verb="Stage" onStage={onStage} onCancel={onCancel}>
      <BytesField label="New value" hideLabel lines autoFocus initial={present} onChange={setValue} />
      {target.type === 'hash' && <FieldExpiry until={target.until} onChange={setExpiry} />}
    </Form>
  );
}

type Choice = 'keep' | 'set' | 'none';

/** What becomes of the expiry of a field; undefined while that is no length of time. */
function FieldExpiry({ until, onChange }: { until: number | null; onChange(expiry: { ttl_ms: NewExpiry } | undefined): void }) {
  const [choice, setChoice] = useState<Choice>('keep');
  const [ttl_ms, setTtl] = useState<number | null>(null);
  const tell = (choice: Choice, ttl_ms: number | null) => onChange(choice === 'keep' ? { ttl_ms: undefined } : choice === 'none' ? { ttl_ms: null } : ttl_ms === null ? undefined : { ttl_ms });
  return (
    <div className="flex flex-wrap items-end gap-2">
      <label className="flex flex-col gap-1 text-xs text-dim">
        Expiry of the field
        <Select
          value={choice}
          onChange={(event) => {
            const next = event.target.value as Choice;
            setChoice(next);
            tell(next, ttl_ms);
          }}
        >
          <option value="keep">{until === null ? 'none, as it is' : 'as it is'}</option>
          <option value="set">{until === null ? 'expires' : 'expires anew'}</option>
          {until !== null && <option value="none">none</option>}
        </Select>
      </label>
      {choice === 'set' && (
        <DurationField
          label="Expires in"
          initial_ms={null}
          placeholder="e.g. 15"
          onChange={(next) => {
            setTtl(next);
            tell(choice, next);
          }}
        />
      )}
    </div>
  );
}

export function ScoreForm({ target, present, onStage, onCancel }: { target: Extract<Target, { type: 'zset' }>; present: string } & Pick<ChangeFormProps, 'onStage' | 'onCancel'>) {
  const [text, setText] = useState(present);
  const score = parseScore(text);
  return (
    <Form edit={score === null ? null : { op: 'zadd', member: target.member, score, was: target.score }} verb="Stage" onStage={onStage} onCancel={onCancel}>
      <Input size="sm" variant="mono" aria-label="New score" autoFocus className="w-40" value={text} aria-invalid={score === null} onChange={(event) => setText(event.target.value)} />
    </Form>
  );
}

export function AddForm({ type, onStage, onCancel }: { type: string; onStage(edit: KeyEdit): void; onCancel(): void }) {
  const [first, setFirst] = useState<Bytes | null>('');
  const [second, setSecond] = useState<Bytes | null>('');
  const [side, setSide] = useState<'lpush' | 'rpush'>('rpush');
  const [ttl, setTtl] = useState<number | null>(null);
  const [score, setScore] = useState('0');
  const [id, setId] = useState('*');
  const [fields, setFields] = useState<Pair[]>(() => [newPair()]);
  const edit = (): KeyEdit | null => {
    const number = parseScore(score);
    switch (type) {
      case 'hash':
        return first === null || second === null ? null : { op: 'hset', field: first, value: second, was: null, ...(ttl === null ? {} : { ttl_ms: ttl }) };
      case 'list':
        return first === null ? null : { op: side, value: first };
      case 'set':
        return first === null ? null : { op: 'sadd', member: first, was: false };
      case 'zset':
        return first === null || number === null ? null : { op: 'zadd', member: first, score: number, was: null };
      case 'stream': {
        const whole = wholePairs(fields);
        return whole === null || id.trim() === '' ? null : { op: 'xadd', id: id.trim(), fields: whole };
      }
      default:
        return null;
    }
  };
  return (
    <Form edit={edit()} verb="Stage" onStage={onStage} onCancel={onCancel}>
      {type === 'hash' && (
        <div className="grid gap-2 sm:grid-cols-[minmax(0,1fr)_minmax(0,2fr)]">
          <BytesField label="Field" autoFocus initial="" onChange={setFirst} />
          <BytesField label="Value" lines initial="" onChange={setSecond} />
          <DurationField label="Expires in" initial_ms={null} placeholder="never" onChange={setTtl} />
        </div>
      )}
      {type === 'list' && (
        <>
          <BytesField label="Element" lines autoFocus initial="" onChange={setFirst} />
          <Segmented<'lpush' | 'rpush'>
            label="Where the element goes"
            className="self-start"
            value={side}
            onChange={setSide}
            options={[
              { value: 'lpush', label: 'At the beginning' },
              { value: 'rpush', label: 'At the end' },
            ]}
          />
        </>
      )}
      {type === 'set' && <BytesField label="Member" autoFocus initial="" onChange={setFirst} />}
      {type === 'zset' && (
        <div className="grid gap-2 sm:grid-cols-[140px_minmax(0,1fr)]">
          <label className="flex flex-col gap-1 text-xs text-dim">
            Score
            <Input variant="mono" value={score} aria-invalid={parseScore(score) === null} onChange={(event) => setScore(event.target.value)} />
          </label>
          <BytesField label="Member" autoFocus initial="" onChange={setFirst} />
        </div>
      )}
      {type === 'stream' && (
        <>
          <label className="flex w-48 flex-col gap-1 text-xs text-dim">
            Id (* is by the clock)
            <Input variant="mono" value={id} onChange={(event) => setId(event.target.value)} />
          </label>
          <Pairs pairs={fields} onChange={setFields} first="Field" second="Value" />
        </>
      )}
    </Form>
  );
}

export interface Pair {
  id: number;
  first: Bytes | null;
  second: Bytes | null;
}

let pairs = 0;

export function newPair(): Pair {
  pairs += 1;
  return { id: pairs, first: '', second: '' };
}

/** Null where one of them cannot be read. */
export function wholePairs(given: readonly Pair[]): [Bytes, Bytes][] | null {
  const whole = given.map((pair): [Bytes, Bytes] | null => (pair.first === null || pair.second === null ? null : [pair.first, pair.second]));
  return whole.every((pair) => pair !== null) ? whole : null;
}

const PAIRS_MAX = 100;

/** Rows of one or two fields that can be added and removed. */
export function Pairs({ pairs, onChange, first, second }: { pairs: readonly Pair[]; onChange(pairs: Pair[]): void; first: string; second?: string }) {
  const set = (id: number, part: Partial<Pair>) => onChange(pairs.map((pair) => (pair.id === id ? { ...pair, ...part } : pair)));
  return (
    <div className="flex flex-col gap-2">
      {pairs.map((pair, at) => (
        <div key={pair.id} className="flex items-start gap-2">
          <div className={second === undefined ? 'min-w-0 flex-1' : 'grid min-w-0 flex-1 gap-2 sm:grid-cols-[minmax(0,1fr)_minmax(0,2fr)]'}>
            <BytesField label={`${first} ${at + 1}`} hideLabel placeholder={first.toLowerCase()} initial="" onChange={(value) => set(pair.id, { first: value })} />
            {second !== undefined && <BytesField label={`${second} ${at + 1}`} hideLabel placeholder={second.toLowerCase()} initial="" onChange={(value) => set(pair.id, { second: value })} />}
          </div>
          <Button variant="ghost" size="icon" aria-label={`Remove row ${at + 1}`} disabled={pairs.length === 1} onClick={() => onChange(pairs.filter((one) => one.id !== pair.id))}>
            <X />
          </Button>
        </div>
      ))}
      <Button size="sm" variant="ghost" className="self-start" disabled={pairs.length >= PAIRS_MAX} onClick={() => onChange([...pairs, newPair()])}>
        <Plus /> Another
      </Button>
    </div>
  );
}
