// A whole number within bounds, as text until it is one.
'use client';
import { useId } from 'react';
import { Input } from '@/components/ui/input';
import { formatCount } from '@/lib/format';
import { wholeNumber } from '@/lib/playground';

interface NumberFieldProps {
  label: string;
  unit?: string;
  value: string;
  least: number;
  most: number;
  /** May be left empty, which means this. */
  empty?: string;
  onChange(value: string): void;
}

export function NumberField({ label, unit, value, least, most, empty, onChange }: NumberFieldProps) {
  const id = useId();
  const isFine = (empty !== undefined && value.trim() === '') || wholeNumber(value, least, most) !== null;
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <label htmlFor={id}>
        {label} {unit !== undefined && <span className="text-xs text-muted">{unit}</span>}
      </label>
      <Input id={id} inputMode="numeric" autoComplete="off" placeholder={empty} value={value} onChange={(event) => onChange(event.target.value)} aria-invalid={!isFine || undefined} className="num" />
      {!isFine && (
        <p role="alert" className="text-xs text-error-text">
          A whole number from {formatCount(least)} to {formatCount(most)}
        </p>
      )}
    </div>
  );
}
