// Pieces of a page that come when they are first shown. One that cannot be had, since the server is away, leaves the rest of
// the page as it is and is asked for again with each turn of the connection; a piece that throws takes the page with it.
'use client';
import { useEffect, useState, type ComponentType, type ReactNode } from 'react';
import { useServerStore } from '@/stores/server';

/** `loading` is shown in its place until it is there, with the same properties. */
export function lazily<Props extends object>(load: () => Promise<ComponentType<Props>>, loading?: (props: Props) => ReactNode): ComponentType<Props> {
  let loaded: ComponentType<Props> | null = null;
  return function Lazily(props: Props) {
    const [Piece, setPiece] = useState<ComponentType<Props> | null>(() => loaded);
    const phase = useServerStore((store) => store.live.phase);
    const isMissing = Piece === null;
    useEffect(() => {
      if (!isMissing) return;
      let gone = false;
      load().then(
        (piece) => {
          loaded = piece;
          if (!gone) setPiece(() => piece);
        },
        // The next turn of the connection asks again.
        () => undefined,
      );
      return () => {
        gone = true;
      };
    }, [isMissing, phase]);
    return Piece === null ? loading?.(props) : <Piece {...props} />;
  };
}
