// The confirmation dialog, loaded when the first one opens.
'use client';
import dynamic from 'next/dynamic';
import type { ComponentProps } from 'react';
import type { Confirm as Loaded } from './confirm';

const Dialog = dynamic(() => import('./confirm').then((module) => module.Confirm), { ssr: false });

export function Confirm(props: ComponentProps<typeof Loaded>) {
  return props.open ? <Dialog {...props} /> : null;
}
