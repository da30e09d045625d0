// A field for bytes: plain text where a field shows them as they are, else with escapes such as \xff. What cannot be read
// is said below it, and handed on as null.
'use client';
import { useId, useState, type KeyboardEvent } from 'react';
import { cn } from '@/lib/cn';
import type { Bytes } from '@/lib/contract';
import { escaped, isPlain, parseEscaped } from '@/lib/escapes';

interface BytesFieldProps {
  label: string;
  /** Where it begins; later ones are for a field with another `key`. */
  initial: Bytes;
  onChange(value: Bytes | null): void;
  /** More than one line. */
  lines?: boolean;
  hideLabel?: boolean;
  autoFocus?: boolean;
  placeholder?: string;
  className?: string;
  onKeyDown?(event: KeyboardEvent): void;
}

/** Longer texts do not decide how high their field is: that would lay all of them out with each character. */
const MEASURED_MAX = 20_000;

const LOOK = 'w-full min-w-0 rounded-md border border-control bg-page px-2.5 font-mono text-xs text-ink placeholder:text-muted aria-invalid:border-error';

export function BytesField({ label, initial, onChange, lines = false, hideLabel = false, autoFocus, placeholder, className, onKeyDown }: BytesFieldProps) {
  const id = useId();
  const [escapes, setEscapes] = useState(!isPlain(initial, lines));
  const [text, setText] = useState(() => (isPlain(initial, lines) ? initial : escaped(initial)));
  const value = escapes ? parseEscaped(text) : text;
  const wrong = value instanceof Error ? value.message : null;
  const change = (next: string) => {
    setText(next);
    const read = escapes ? parseEscaped(next) : next;
    onChange(read instanceof Error ? null : read);
  };
  const isLong = text.length > MEASURED_MAX;
  const mayLeave = !escapes || (!(value instanceof Error) && isPlain(value, lines));
  const toggle = () => {
    if (!escapes) setText(escaped(text));
    else if (!(value instanceof Error) && isPlain(value, lines)) setText(value);
    setEscapes(!escapes);
  };
  const shared = {
    id,
    value: text,
    autoFocus,
    placeholder,
    onKeyDown,
    spellCheck: false,
    autoComplete: 'off',
    'aria-invalid': wrong !== null,
    'aria-describedby': wrong === null ? undefined : `${id}-wrong`,
  };
  return (
    <div className={cn('flex min-w-0 flex-col gap-1', className)}>
      <label htmlFor={id} className={hideLabel ? 'sr-only' : 'text-xs text-dim'}>
        {label}
      </label>
      <div className="relative">
        {lines ? (
          <textarea {...shared} rows={3} onChange={(event) => change(event.target.value)} className={cn(LOOK, 'block min-h-18 resize-y py-1.5 pr-11 leading-relaxed coarse:pr-14', isLong ? 'h-[40vh]' : 'max-h-[40vh] field-sizing-content')} />
        ) : (
          <input {...shared} type="text" onChange={(event) => change(event.target.value)} className={cn(LOOK, 'block h-8 pr-11 coarse:h-11 coarse:pr-14')} />
        )}
        <button
          type="button"
          aria-pressed={escapes}
          aria-label={`\\x escapes in ${label}`}
          title={mayLeave ? 'Type bytes as \\xNN, \\n, \\t, \\\\' : 'These bytes can only be shown with escapes'}
          disabled={!mayLeave}
          onClick={toggle}
          className={cn(
            'absolute top-1 right-1 h-6 min-w-8 rounded-sm px-1 font-mono text-tick coarse:top-0.5 coarse:h-10 coarse:min-w-11',
            escapes ? 'bg-tint-accent font-medium text-accent-text' : 'text-muted hover:bg-raised hover:text-ink',
            !mayLeave && 'cursor-not-allowed',
          )}
        >
          \x
        </button>
      </div>
      {wrong !== null && (
        <p id={`${id}-wrong`} role="alert" className="text-xs text-error-text">
          {wrong}
        </p>
      )}
    </div>
  );
}
