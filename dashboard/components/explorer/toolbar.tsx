// What the keys are looked through by. It is also part of the exported page: there it stands as it will be, and does nothing
// until the session is known.
'use client';
import { Plus, Upload } from 'lucide-react';
import type { ReactNode, Ref } from 'react';
import { Heading } from '@/components/layout/page-head';
import { SkeletonBars } from '@/components/state/skeleton';
import { Button } from '@/components/ui/button';
import { Input, Select } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { cn } from '@/lib/cn';
import type { TreeOrder } from '@/lib/contract';
import { JumpField } from './jump';

/** The frame of the two halves, and the half at the left. */
export const BOX = 'flex min-h-[480px] flex-1 overflow-hidden rounded-lg border border-line';
export const LEFT = 'min-w-0 flex-1 bg-panel md:w-[42%] md:flex-none md:border-r md:border-line';

const TYPES = ['string', 'hash', 'list', 'set', 'zset', 'stream'] as const;

interface ToolbarProps {
  db: number | 'all';
  databases: number;
  mayTree: boolean;
  asTree: boolean;
  order: TreeOrder;
  type: string;
  text: string;
  filter?: Ref<HTMLInputElement>;
  className?: string;
  /** Only to be looked at. */
  inert?: boolean;
  onDb(db: string): void;
  onView(view: 'tree' | 'list'): void;
  onOrder(order: string): void;
  onType(type: string): void;
  onText(text: string): void;
  children: ReactNode;
}

export function Toolbar({ db, databases, mayTree, asTree, order, type, text, filter, className, inert, onDb, onView, onOrder, onType, onText, children }: ToolbarProps) {
  return (
    <div inert={inert} className={cn('contents', className)}>
      <Select aria-label="Database" value={String(db)} onChange={(event) => onDb(event.target.value)}>
        <option value="all">All dbs</option>
        {Array.from({ length: databases }, (_, at) => (
          <option key={at} value={String(at)}>
            db{at}
          </option>
        ))}
      </Select>
      {db !== 'all' && (
        <>
          {mayTree && (
            <Segmented
              label="Show keys as"
              size="md"
              value={asTree ? 'tree' : 'list'}
              onChange={onView}
              options={[
                { value: 'tree', label: 'Tree' },
                { value: 'list', label: 'List' },
              ]}
            />
          )}
          {asTree && (
            <Select aria-label="Order of branches" value={order} onChange={(event) => onOrder(event.target.value)}>
              <option value="bytes">By bytes</option>
              <option value="count">By keys</option>
              <option value="name">By name</option>
              <option value="expiry">By expiry</option>
              <option value="heat">Hottest</option>
            </Select>
          )}
          <Select aria-label="Type" value={type} onChange={(event) => onType(event.target.value)}>
            <option value="">All types</option>
            {TYPES.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </Select>
          <Input
            ref={filter}
            data-filter
            type="search"
            // The font of keys would be fetched for the first paint, for a field that holds none yet.
            variant={inert ? 'text' : 'mono'}
            aria-label="Filter keys"
            placeholder="text or pattern*"
            defaultValue={text}
            onChange={(event) => onText(event.target.value)}
            className="w-52 placeholder:font-sans max-md:w-44 max-sm:order-last max-sm:w-full"
          />
        </>
      )}
      {children}
    </div>
  );
}

export function NewKeyLabel() {
  return (
    <>
      <Plus /> New key
    </>
  );
}

export function ImportLabel() {
  return (
    <>
      <Upload /> Import
    </>
  );
}

/** Unless the server says otherwise; the list of them is as wide as its longest name. */
const DATABASES = 16;

const ignore = () => undefined;

/** The page before the session is known. Nothing in it can be reached, so that nothing that is typed is lost. */
export function ExplorerFrame() {
  return (
    <>
      <Heading
        actions={
          <Toolbar inert db={0} databases={DATABASES} mayTree asTree order="bytes" type="" text="" onDb={ignore} onView={ignore} onOrder={ignore} onType={ignore} onText={ignore}>
            <Button aria-disabled="true">
              <ImportLabel />
            </Button>
            <Button variant="solid" aria-disabled="true">
              <NewKeyLabel />
            </Button>
          </Toolbar>
        }
      >
        Explorer
      </Heading>
      <div role="status" aria-label="Loading" className={BOX}>
        <div className={LEFT}>
          <div className="h-10 border-b border-line" />
          <JumpField inert />
          <SkeletonBars rows={10} className="px-4" />
        </div>
        <div className="min-w-0 flex-1 bg-page max-md:hidden" />
      </div>
    </>
  );
}
