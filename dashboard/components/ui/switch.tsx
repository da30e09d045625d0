// An on/off choice that takes effect at once.
'use client';
import * as Base from 'radix-ui/switch';
import { cn } from '@/lib/cn';

interface SwitchProps {
  id?: string;
  label: string;
  checked: boolean;
  onChange(checked: boolean): void;
  disabled?: boolean;
  className?: string;
}

export function Switch({ id, label, checked, onChange, disabled, className }: SwitchProps) {
  return (
    <Base.Root
      id={id}
      aria-label={label}
      checked={checked}
      onCheckedChange={onChange}
      disabled={disabled}
      className={cn(
        'relative h-6 w-10 shrink-0 rounded-full border border-control bg-page transition-colors duration-[120ms] disabled:opacity-50 data-[state=checked]:border-accent-hover data-[state=checked]:bg-accent-hover',
        className,
      )}
    >
      <Base.Thumb className="block size-4 translate-x-[3px] rounded-full bg-dim transition-transform duration-[120ms] data-[state=checked]:translate-x-[19px] data-[state=checked]:bg-on-accent" />
    </Base.Root>
  );
}
