// Parts of a whole as areas, one hue, drawn as SVG in the pixels that there are. Each leads somewhere: with a press, or with the
// arrow keys and Enter. What one stands for is said below the map; the table beside it says the same in numbers.
'use client';
import { useRouter } from 'next/navigation';
import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent } from 'react';
import { cn } from '@/lib/cn';
import { type Box, neighbour, treemap } from '@/lib/treemap';

export interface Cell {
  id: string;
  /** Written into it where there is room. */
  label: string;
  /** Below the label. */
  figure: string;
  /** All there is to say of it. */
  said: string;
  weight: number;
  href: string;
  /** What is left over, or stands for others. */
  isRest?: boolean;
  parts?: readonly Cell[];
}

interface TreemapProps {
  label: string;
  cells: readonly Cell[];
  height: number;
}

interface Placed {
  cell: Cell;
  box: Box;
  depth: 0 | 1;
  /** Its name stands in a line of its own, above its parts. */
  hasHead: boolean;
}

const HEAD = 20;
const GAP = 2;
/** Of the letters of labels, about. */
const LETTER = 6.7;

function inset(box: Box, by: number, head = 0): Box {
  return { x: box.x + by, y: box.y + by + head, width: Math.max(0, box.width - 2 * by), height: Math.max(0, box.height - 2 * by - head) };
}

function place(cells: readonly Cell[], width: number, height: number): Placed[] {
  const boxes = treemap(cells.map((cell) => cell.weight), { x: 0, y: 0, width, height });
  return cells.flatMap((cell, at): Placed[] => {
    const box = boxes[at] ?? { x: 0, y: 0, width: 0, height: 0 };
    const within = inset(box, GAP + 1, HEAD - 2);
    const parts = cell.parts ?? [];
    if (parts.length < 2 || within.width < 60 || within.height < 24) return [{ cell, box, depth: 0, hasHead: false }];
    const inner = treemap(parts.map((part) => part.weight), within);
    return [{ cell, box, depth: 0, hasHead: true }, ...parts.map((part, index) => ({ cell: part, box: inner[index] ?? within, depth: 1 as const, hasHead: false }))];
  });
}

function cut(text: string, width: number): string {
  const letters = Math.floor((width - 10) / LETTER);
  if (letters >= text.length) return text;
  return letters < 3 ? '' : `${text.slice(0, letters - 1)}…`;
}

export function Treemap({ label, cells, height }: TreemapProps) {
  const router = useRouter();
  const box = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(320);
  const [active, setActive] = useState(0);
  const [shown, setShown] = useState<number | null>(null);
  useEffect(() => {
    const size = new ResizeObserver(([entry]) => entry !== undefined && entry.contentRect.width > 0 && setWidth(Math.round(entry.contentRect.width)));
    if (box.current !== null) size.observe(box.current);
    return () => size.disconnect();
  }, []);
  const placed = useMemo(() => place(cells, width, height), [cells, width, height]);
  const at = Math.min(active, placed.length - 1);
  const onKey = (event: KeyboardEvent) => {
    const last = placed.length - 1;
    const next = event.key === 'Home' ? 0 : event.key === 'End' ? last : neighbour(placed.map((one) => one.box), at, event.key);
    if (next === null) return;
    event.preventDefault();
    setActive(next);
    box.current?.querySelectorAll<SVGAElement>('a')[next]?.focus();
  };
  const press = (event: MouseEvent, href: string) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    router.push(href);
  };
  const said = shown === null ? undefined : placed[shown]?.cell.said;
  return (
    <div className="flex flex-col gap-1.5">
      <svg ref={box} role="group" aria-roledescription="treemap" aria-label={`${label}. Arrow keys move from part to part.`} viewBox={`0 0 ${width} ${height}`} height={height} className="w-full" onKeyDown={onKey} onPointerLeave={() => setShown(null)}>
        {placed.map(({ cell, box: { x, y, width: w, height: h }, depth, hasHead }, index) => (
          <a
            key={`${depth} ${cell.id}`}
            href={cell.href}
            aria-label={cell.said}
            tabIndex={index === at ? 0 : -1}
            onClick={(event) => press(event, cell.href)}
            onFocus={() => {
              setActive(index);
              setShown(index);
            }}
            onBlur={() => setShown(null)}
            onPointerEnter={() => setShown(index)}
            className="group/cell outline-none"
          >
            <rect
              x={x + GAP / 2}
              y={y + GAP / 2}
              width={Math.max(0, w - GAP)}
              height={Math.max(0, h - GAP)}
              rx="3"
              className={cn(
                'stroke-accent/60 transition-[fill-opacity] duration-[120ms] group-hover/cell:stroke-accent-text group-focus-visible/cell:stroke-accent-text group-focus-visible/cell:stroke-3',
                cell.isRest === true ? 'fill-raised stroke-line' : hasHead ? 'fill-accent/8' : 'fill-accent/22 group-hover/cell:fill-accent/35',
              )}
            />
            {h >= 18 && (
              <text aria-hidden x={x + 7} y={y + 15} className="pointer-events-none fill-ink font-mono text-[11px]">
                {cut(hasHead ? `${cell.label}  ${cell.figure}` : cell.label, w)}
              </text>
            )}
            {!hasHead && h >= 36 && (
              <text aria-hidden x={x + 7} y={y + 30} className="num pointer-events-none fill-dim text-[11px]">
                {cut(cell.figure, w)}
              </text>
            )}
          </a>
        ))}
      </svg>
      <p aria-hidden className="num min-h-5 truncate text-xs text-dim">
        {said ?? 'Point at a part, or press the arrow keys; Enter opens it.'}
      </p>
    </div>
  );
}
