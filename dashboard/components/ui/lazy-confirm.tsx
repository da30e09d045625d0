// The confirmation dialog, loaded when the first one opens.
'use client';
import { lazily } from '@/components/state/lazily';
import type { ConfirmProps } from './confirm';

const Dialog = lazily(() => import('./confirm').then((module) => module.Confirm));

export function Confirm({ open, onOpenChange, ...rest }: Omit<ConfirmProps, 'onClose'> & { open: boolean; onOpenChange(open: boolean): void }) {
  return open ? <Dialog {...rest} onClose={() => onOpenChange(false)} /> : null;
}
