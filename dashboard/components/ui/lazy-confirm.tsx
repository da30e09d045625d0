// The confirmation dialog, loaded when the first one opens.
'use client';
import type { ComponentProps } from 'react';
import { lazily } from '@/components/state/lazily';
import type { Confirm as Loaded } from './confirm';

const Dialog = lazily(() => import('./confirm').then((module) => module.Confirm));

export function Confirm(props: ComponentProps<typeof Loaded>) {
  return props.open ? <Dialog {...props} /> : null;
}
