// A link within the pages that fetches what is behind it when somebody is about to press it, and not because it is in
// sight: a page shows so many links that the first visit would carry every other page too.
'use client';
import Base from 'next/link';
import { useState, type ComponentProps } from 'react';

export function Link(props: Omit<ComponentProps<typeof Base>, 'prefetch' | 'onPointerEnter' | 'onPointerDown' | 'onFocus'>) {
  const [near, setNear] = useState(false);
  const approach = () => setNear(true);
  return <Base {...props} prefetch={near ? null : false} onPointerEnter={approach} onPointerDown={approach} onFocus={approach} />;
}
