// A table that sorts by raw values and shows its rows in portions, so that ten thousand of them stay quick.
'use client';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { useMemo, useState, type ReactNode } from 'react';
import { cn } from '@/lib/cn';
import { formatCount } from '@/lib/format';
import { Button } from './button';

const PORTION = 100;

export interface Column<Row> {
  id: string;
  label: string;
  /** The raw value to sort by; without it the column does not sort. */
  value?(row: Row): number | string | null;
  cell(row: Row): ReactNode;
  align?: 'right';
  className?: string;
}

interface DataTableProps<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey(row: Row): string;
  initialSort?: { id: string; down: boolean };
  empty: ReactNode;
}

export function DataTable<Row>({ label, columns, rows, rowKey, initialSort, empty }: DataTableProps<Row>) {
  const [sort, setSort] = useState(initialSort ?? null);
  const [shown, setShown] = useState(PORTION);
  const sorted = useMemo(() => {
    const column = columns.find((one) => one.id === sort?.id);
    if (sort === null || column?.value === undefined) return rows;
    const value = column.value;
    return [...rows].sort((a, b) => compare(value(a), value(b)) * (sort.down ? -1 : 1));
  }, [rows, columns, sort]);
  if (rows.length === 0) return empty;
  const press = (id: string) => setSort((before) => ({ id, down: before?.id === id ? !before.down : true }));
  return (
    <>
      <div className="-mx-4 overflow-x-auto" role="region" aria-label={label} tabIndex={0}>
        <table className="w-full text-left">
          <thead>
            <tr className="border-b border-line text-xs text-muted">
              {columns.map((column) => (
                <th
                  key={column.id}
                  scope="col"
                  aria-sort={sort?.id === column.id ? (sort.down ? 'descending' : 'ascending') : undefined}
                  className={cn('h-8 px-2 font-medium whitespace-nowrap first:pl-4 last:pr-4', column.align === 'right' && 'text-right')}
                >
                  {column.value === undefined ? (
                    column.label
                  ) : (
                    <button type="button" onClick={() => press(column.id)} className={cn('inline-flex h-6 items-center gap-1 rounded-sm hover:text-ink', column.align === 'right' && 'flex-row-reverse')}>
                      {column.label}
                      <span className="size-3">{sort?.id === column.id && (sort.down ? <ArrowDown aria-hidden className="size-3" /> : <ArrowUp aria-hidden className="size-3" />)}</span>
                    </button>
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, shown).map((row) => (
              <tr key={rowKey(row)} className="row-h border-b border-line last:border-0 hover:bg-raised">
                {columns.map((column) => (
                  <td key={column.id} className={cn('px-2 py-0.5 whitespace-nowrap first:pl-4 last:pr-4', column.align === 'right' && 'num text-right', column.className)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > shown && (
        <Button size="sm" className="mt-3" onClick={() => setShown(shown + PORTION)}>
          Show more of {formatCount(rows.length)}
        </Button>
      )}
    </>
  );
}

// Unknown values stand last whichever way one sorts downwards.
function compare(a: number | string | null, b: number | string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), 'en', { numeric: true });
}
