// A length of time as a number and a unit, in milliseconds; null for none or what is no number.
'use client';
import { useId, useState } from 'react';
import { Input, Select } from '@/components/ui/input';

const UNITS = [
  ['seconds', 1000],
  ['minutes', 60_000],
  ['hours', 3_600_000],
  ['days', 86_400_000],
] as const;

interface DurationFieldProps {
  label: string;
  initial_ms: number | null;
  onChange(ms: number | null): void;
  placeholder?: string;
}

function split(ms: number | null): [string, number] {
  if (ms === null) return ['', 60_000];
  const unit = [...UNITS].reverse().find(([, size]) => ms >= size && ms % size === 0)?.[1] ?? 1000;
  return [String(Math.max(1, Math.round(ms / unit))), unit];
}

export function DurationField({ label, initial_ms, onChange, placeholder }: DurationFieldProps) {
  const id = useId();
  const [[text, unit], setState] = useState(() => split(initial_ms));
  const change = (nextText: string, nextUnit: number) => {
    setState([nextText, nextUnit]);
    const ms = Math.round(Number(nextText) * nextUnit);
    onChange(nextText.trim() === '' || !Number.isSafeInteger(ms) || ms < 1 ? null : ms);
  };
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-xs text-dim">
        {label}
      </label>
      <div className="flex gap-2">
        <Input id={id} type="number" min={1} step="any" inputMode="decimal" className="w-32" placeholder={placeholder} value={text} onChange={(event) => change(event.target.value, unit)} />
        <Select aria-label={`Unit of ${label}`} value={String(unit)} onChange={(event) => change(text, Number(event.target.value))}>
          {UNITS.map(([name, size]) => (
            <option key={name} value={size}>
              {name}
            </option>
          ))}
        </Select>
      </div>
    </div>
  );
}
