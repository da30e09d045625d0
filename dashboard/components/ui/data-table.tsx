// A table that sorts by raw values and shows its rows in portions, so that ten thousand of them stay quick. Where it is too
// wide for its place each row becomes a few short lines.
'use client';
import { ArrowDown, ArrowUp, ChevronRight } from 'lucide-react';
import { Fragment, type MouseEvent, useMemo, useState, type ReactNode } from 'react';
import { useStacked } from '@/hooks/use-stacked';
import { cn } from '@/lib/cn';
import { formatCount, MISSING } from '@/lib/format';
import { Button } from './button';

const PORTION = 100;

/** Where a cell stands in a row of several lines: before the title, as the title, at its right, below it in full, among the
 * facts with its label, at the end of the first line or of the last. */
type Part = 'lead' | 'title' | 'aside' | 'text' | 'fact' | 'actions' | 'foot';

const PARTS: Record<Part, string> = {
  lead: 'order-none',
  title: 'order-1 min-w-0 flex-1 basis-2/5 wrap-anywhere [&_.truncate]:line-clamp-3 [&_.truncate]:whitespace-normal',
  aside: 'order-2',
  text: 'order-4 w-full',
  fact: 'order-5 text-xs text-dim before:mr-1 before:text-muted before:content-[attr(data-label)]',
  actions: 'order-2 -mr-2 ml-auto self-center',
  foot: 'order-6 -mr-2 ml-auto self-center',
};

export interface Column<Row> {
  id: string;
  label: string;
  /** The raw value to sort by; without it the column does not sort. */
  value?(row: Row): number | string | null;
  cell(row: Row): ReactNode;
  align?: 'right';
  /** Of the cells of a table. */
  className?: string;
  /** The first column is the title, those labelled Actions are at the end, all others are facts. */
  part?: Part;
}

interface DataTableProps<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey(row: Row): string;
  initialSort?: { id: string; down: boolean };
  empty: ReactNode;
  /** What a row opens to, below it; with what the button that opens it is called. */
  detail?: { label(row: Row): string; of(row: Row): ReactNode };
}

export function DataTable<Row>({ label, columns, rows, rowKey, initialSort, empty, detail }: DataTableProps<Row>) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [sort, setSort] = useState(initialSort ?? null);
  const [shown, setShown] = useState(PORTION);
  const sorted = useMemo(() => {
    const column = columns.find((one) => one.id === sort?.id);
    if (sort === null || column?.value === undefined) return rows;
    const value = column.value;
    return [...rows].sort((a, b) => compare(value(a), value(b)) * (sort.down ? -1 : 1));
  }, [rows, columns, sort]);
  const { box, stacked } = useStacked(sorted);
  if (rows.length === 0) return empty;
  const press = (id: string) => setSort((before) => ({ id, down: before?.id === id ? !before.down : true }));
  const toggle = (key: string) =>
    setOpen((before) => {
      const after = new Set(before);
      if (!after.delete(key)) after.add(key);
      return after;
    });
  const cellOf = (column: Column<Row>, at: number, row: Row) => {
    const content = column.cell(row);
    if (!stacked) {
      return (
        <td key={column.id} className={cn('px-2 py-0.5 whitespace-nowrap last:pr-4', detail === undefined && 'first:pl-4', column.align === 'right' && 'num text-right', column.className)}>
          {content}
        </td>
      );
    }
    const part = column.part ?? (column.label === 'Actions' ? 'actions' : at === 0 ? 'title' : 'fact');
    // A fact that is not known says nothing in a list.
    const isBlank = part === 'fact' && content === MISSING;
    return (
      <td key={column.id} role="cell" data-label={column.label} className={cn(PARTS[part], column.align === 'right' && 'num', isBlank && 'hidden')}>
        {content}
      </td>
    );
  };
  return (
    <>
      <div ref={box} className="-mx-4 overflow-x-auto" role="region" aria-label={label} tabIndex={0}>
        {/* What is not laid out as a table is none to screen readers, unless it says so. */}
        <table role={stacked ? 'table' : undefined} className={stacked ? 'block' : 'w-full text-left'}>
          <thead role={stacked ? 'rowgroup' : undefined} className={stacked ? 'block' : undefined}>
            <tr role={stacked ? 'row' : undefined} className={cn('border-b border-line text-xs text-muted', stacked && 'flex flex-wrap items-center gap-x-3 px-4 pb-1')}>
              {detail !== undefined && (
                <th scope="col" role={stacked ? 'columnheader' : undefined} className={stacked ? 'sr-only' : 'w-8 pl-3'}>
                  <span className="sr-only">Details</span>
                </th>
              )}
              {columns.map((column) => (
                <th
                  key={column.id}
                  scope="col"
                  role={stacked ? 'columnheader' : undefined}
                  aria-sort={sort?.id === column.id ? (sort.down ? 'descending' : 'ascending') : undefined}
                  className={cn('font-medium', stacked ? column.value === undefined && 'sr-only' : 'h-8 px-2 whitespace-nowrap first:pl-4 last:pr-4', column.align === 'right' && 'text-right')}
                >
                  {column.value === undefined ? (
                    <span className={column.label === 'Actions' ? 'sr-only' : undefined}>{column.label}</span>
                  ) : (
                    <button type="button" onClick={() => press(column.id)} className={cn('relative inline-flex h-6 items-center gap-1 rounded-sm hover:text-ink coarse:h-9', sort?.id === column.id && 'text-dim')}>
                      {column.label}
                      {/* In the space between columns: it takes no width of its own. */}
                      <span className={cn('size-3', stacked ? sort?.id !== column.id && 'hidden' : column.align === 'right' ? 'absolute right-full mr-0.5' : 'absolute left-full ml-0.5')}>{sort?.id === column.id && (sort.down ? <ArrowDown aria-hidden className="size-3" /> : <ArrowUp aria-hidden className="size-3" />)}</span>
                    </button>
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role={stacked ? 'rowgroup' : undefined} className={stacked ? 'block' : undefined}>
            {sorted.slice(0, shown).map((row) => {
              const key = rowKey(row);
              const isOpen = open.has(key);
              return (
                <Fragment key={key}>
                  <tr
                    role={stacked ? 'row' : undefined}
                    onClick={detail === undefined ? undefined : (event) => isPlain(event) && toggle(key)}
                    className={cn(
                      'border-b border-line last:border-0 hover:bg-raised',
                      stacked ? 'flex flex-wrap items-baseline gap-x-3 px-4 py-2 before:order-3 before:w-full' : 'row-h',
                      detail !== undefined && 'cursor-pointer',
                    )}
                  >
                    {detail !== undefined && (
                      <td role={stacked ? 'cell' : undefined} className={stacked ? 'order-none -ml-2 self-start' : 'w-8 pl-3'}>
                        <Opener label={detail.label(row)} isOpen={isOpen} onPress={() => toggle(key)} />
                      </td>
                    )}
                    {columns.map((column, at) => cellOf(column, at, row))}
                  </tr>
                  {isOpen && detail !== undefined && (
                    <tr role={stacked ? 'row' : undefined} className={cn('border-b border-line bg-raised/40', stacked && 'block')}>
                      <td role={stacked ? 'cell' : undefined} colSpan={columns.length + 1} className={cn('px-4 py-3', stacked && 'block')}>
                        {detail.of(row)}
                      </td>
                    </tr>
                  )}
                </Fragment>
              );
            })}
          </tbody>
        </table>
      </div>
      {rows.length > shown && (
        <Button size="sm" className="mt-3 self-start" onClick={() => setShown(shown + PORTION)}>
          Show {formatCount(Math.min(PORTION, rows.length - shown))} more of {formatCount(rows.length)}
        </Button>
      )}
    </>
  );
}

function Opener({ label, isOpen, onPress }: { label: string; isOpen: boolean; onPress(): void }) {
  return (
    <button type="button" aria-expanded={isOpen} aria-label={label} onClick={onPress} className="grid size-6 place-items-center rounded-sm text-muted hover:text-ink coarse:size-11">
      <ChevronRight aria-hidden className={cn('size-4', isOpen && 'rotate-90')} />
    </button>
  );
}

// What can be pressed in a row is not the row, nor is a text that somebody marks.
function isPlain(event: MouseEvent): boolean {
  if (event.target instanceof Element && event.target.closest('a, button, input') !== null) return false;
  return window.getSelection()?.type !== 'Range';
}

// Unknown values stand last whichever way one sorts downwards.
function compare(a: number | string | null, b: number | string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), 'en', { numeric: true });
}
