// The places that the heaviest of many hold on the screen, from figure to figure (lib/flow-groups.ts); `what` begins anew.
'use client';
import { useState } from 'react';
import { placesOf } from '@/lib/flow-groups';

export function usePlaces(what: string, weights: ReadonlyMap<string, number>, most: number): readonly string[] {
  const [held, setHeld] = useState<{ what: string; places: readonly string[] }>({ what, places: [] });
  const before = held.what === what ? held.places : [];
  const places = placesOf(before, weights, most);
  const isSame = held.what === what && places.length === before.length && places.every((id, at) => id === before[at]);
  if (!isSame) setHeld({ what, places });
  return isSame ? before : places;
}
