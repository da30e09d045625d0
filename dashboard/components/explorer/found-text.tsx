// A text in which something is looked for: how often it is there, and the places one after the other.
'use client';
import { ChevronDown, ChevronUp } from 'lucide-react';
import { Fragment, useEffect, useRef } from 'react';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { formatCount } from '@/lib/format';
import { PLACES_MAX } from '@/lib/search-text';

interface FindFieldProps {
  wanted: string;
  /** Number of places; `at` is the one that is shown. */
  count: number;
  at: number;
  /** Whether there is more of the text than what is searched. */
  isPart: boolean;
  onWanted(text: string): void;
  onAt(at: number): void;
}

export function FindField({ wanted, count, at, isPart, onWanted, onAt }: FindFieldProps) {
  const step = (by: number) => count > 0 && onAt((at + by + count) % count);
  const many = count >= PLACES_MAX ? `${formatCount(PLACES_MAX)}+` : formatCount(count);
  return (
    <span className="flex flex-wrap items-center gap-1">
      <Input
        type="search"
        variant="mono"
        size="sm"
        aria-label="Find in text"
        placeholder="Find in text"
        className="w-44"
        value={wanted}
        onChange={(event) => onWanted(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return;
          event.preventDefault();
          step(event.shiftKey ? -1 : 1);
        }}
      />
      {wanted !== '' && (
        <>
          <span role="status" className="num text-xs text-muted">
            {count === 0 ? 'not found' : `${formatCount(at + 1)} of ${many}`}
            {isPart && ' in what is loaded'}
          </span>
          <Button variant="ghost" size="icon-sm" aria-label="Place before" disabled={count < 2} onClick={() => step(-1)}>
            <ChevronUp />
          </Button>
          <Button variant="ghost" size="icon-sm" aria-label="Next place" disabled={count < 2} onClick={() => step(1)}>
            <ChevronDown />
          </Button>
        </>
      )}
    </span>
  );
}

/** The text with its places marked; the one that is shown comes into sight. */
export function FoundText({ text, places, length, at }: { text: string; places: readonly number[]; length: number; at: number }) {
  const current = useRef<HTMLElement>(null);
  const place = places[at];
  useEffect(() => {
    if (place !== undefined) current.current?.scrollIntoView({ block: 'center' });
  }, [place]);
  return (
    <pre className="px-4 py-3 font-mono text-xs break-words whitespace-pre-wrap">
      {places.map((place, index) => (
        <Fragment key={place}>
          {text.slice(index === 0 ? 0 : (places[index - 1] ?? 0) + length, place)}
          <mark ref={index === at ? current : undefined} className={index === at ? 'bg-accent-hover text-on-accent' : 'bg-tint-warning text-ink'}>
            {text.slice(place, place + length)}
          </mark>
        </Fragment>
      ))}
      {places.length === 0 ? text : text.slice((places[places.length - 1] ?? 0) + length)}
    </pre>
  );
}
