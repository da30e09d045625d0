// A button for something that changes the server. It stays visible in a read-only session, disabled with its reason
// on hover and focus.
'use client';
import { lazily } from './lazily';
import { Button, type ButtonProps } from '@/components/ui/button';
import { cn } from '@/lib/cn';
import { useWriteGate } from '@/hooks/use-write-gate';

// The tooltip brings the positioning code with it, which nobody needs for the first paint.
const Tooltip = lazily(
  () => import('@/components/ui/tooltip').then((module) => module.Tooltip),
  ({ children }) => children,
);

/** `barred` is a reason of its own not to do it. */
export function GatedButton({ right, barred = null, onClick, ...rest }: ButtonProps & { right?: string; barred?: string | null }) {
  const own = useWriteGate(right);
  const gate = barred === null ? own : { allowed: false, reason: barred };
  if (gate.allowed) return <Button onClick={onClick} {...rest} />;
  const button = <Button {...rest} aria-disabled="true" className={cn(rest.className, 'enabled:hover:bg-transparent')} />;
  return <Tooltip content={gate.reason}>{button}</Tooltip>;
}
