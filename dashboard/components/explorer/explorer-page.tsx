// What is stored, and what is in this key: as a tree of prefixes, or as a list where a filter is set. What is shown lives
// in the address.
'use client';
import { useEffect, useMemo, useRef, useState } from 'react';
import { lazily } from '@/components/state/lazily';
import { PageHead } from '@/components/layout/page-head';
import { NoPermission } from '@/components/state/failures';
import { GatedButton } from '@/components/state/gated-button';
import { SkeletonRows } from '@/components/state/skeleton';
import { useQueryState } from '@/hooks/use-query-state';
import { useViewActions } from '@/hooks/use-view-actions';
import { useWriteGate } from '@/hooks/use-write-gate';
import { cn } from '@/lib/cn';
import { fromKeyWord, keyWord } from '@/lib/bytes';
import { globOf } from '@/lib/glob';
import { useExplorerStore } from '@/stores/explorer';
import { useServerStore } from '@/stores/server';
import { KeyTree } from './key-tree';
import { BOX, ImportLabel, LEFT, NewKeyLabel, Toolbar } from './toolbar';

// The list comes where a filter is set, the editors once there is a key to edit; the first load has a budget.
const KeyList = lazily(() => import('./key-list').then((module) => module.KeyList), () => <SkeletonRows rows={10} className="px-4 pt-10" />);
const AllDatabases = lazily(() => import('./all-databases').then((module) => module.AllDatabases), () => <SkeletonRows rows={4} className="px-4 pt-10" />);
const KeyPane = lazily(() => import('./key-pane').then((module) => module.KeyPane), () => <SkeletonRows rows={8} className="p-4" />);
const NewKey = lazily(() => import('./new-key').then((module) => module.NewKey));
const UndoBar = lazily(() => import('./undo-bar').then((module) => module.UndoBar));
const BulkBar = lazily(() => import('./bulk-bar').then((module) => module.BulkBar));
const BulkJobs = lazily(() => import('./bulk-jobs').then((module) => module.BulkJobs));
const ImportDialog = lazily(() => import('./import-dialog').then((module) => module.ImportDialog));
const BulkDialog = lazily(() => import('./bulk-dialog').then((module) => module.BulkDialog));

const ORDERS = ['bytes', 'count', 'name', 'expiry', 'heat'] as const;

export function ExplorerPage() {
  const session = useServerStore((store) => store.session);
  const [rawDb, setDb] = useQueryState('db', '0');
  const [text, setText] = useQueryState('q', '');
  const [rootWord, setRoot] = useQueryState('p', '');
  const [sort, setSort] = useQueryState('sort', 'bytes');
  const [view, setView] = useQueryState('view', 'tree');
  const [type, setType] = useQueryState('t', '');
  const [segment, setSegment] = useQueryState('k', '');
  const filter = useRef<HTMLInputElement>(null);
  const databases = session?.databases ?? 16;
  const isAll = rawDb === 'all';
  const db = Math.min(Math.max(0, Number.parseInt(rawDb, 10) || 0), databases - 1);
  const key = useMemo(() => (segment === '' || isAll ? null : fromKeyWord(segment)), [segment, isAll]);
  const root = useMemo(() => fromKeyWord(rootWord), [rootWord]);
  const mayTree = session?.capabilities['prefix.tree'] !== false;
  const isFiltered = text.trim() !== '' || type !== '';
  const asTree = mayTree && view === 'tree' && !isFiltered;
  const [making, setMaking] = useState(false);
  const [importing, setImporting] = useState(false);
  const enter = useExplorerStore((store) => store.enter);
  const isSelecting = useExplorerStore((store) => store.selected.size > 0 && store.db === db);
  const isChanging = useExplorerStore((store) => store.bulk !== null);
  // Nothing is selected in all of them.
  useEffect(() => enter(isAll ? -1 : db), [enter, isAll, db]);
  const open = (word: string) => setSegment(word, 'push');
  const show = (next: 'tree' | 'list') => {
    if (next === 'tree') {
      setText('');
      setType('');
      if (filter.current !== null) filter.current.value = '';
    }
    setView(next, 'push');
  };
  const enterDb = (next: number) => {
    setRoot('');
    setSegment('');
    setDb(String(next), 'push');
  };
  const { reason } = useWriteGate();
  const mayMake = useWriteGate('set').reason;
  useViewActions([
    ...(isAll ? [] : [{ id: 'new-key', label: 'New key…', reason: mayMake, run: () => setMaking(true) }]),
    { id: 'import', label: 'Import keys…', reason, run: () => setImporting(true) },
    ...(isAll ? [] : [{ id: 'as', label: asTree ? 'Show the keys as a list' : 'Show the keys as a tree', run: () => show(asTree ? 'list' : 'tree') }]),
    ...(key === null ? [] : [{ id: 'close', label: 'Close the key', run: () => setSegment('') }]),
  ]);
  const order = ORDERS.find((one) => one === sort) ?? 'bytes';
  if (session?.capabilities.scan === false && !mayTree) {
    return (
      <>
        <PageHead title="Explorer" />
        <NoPermission needs="+scan" />
      </>
    );
  }
  return (
    <>
      <PageHead title="Explorer">
        <Toolbar
          db={isAll ? 'all' : db}
          databases={databases}
          mayTree={mayTree}
          asTree={asTree}
          order={order}
          type={type}
          text={text}
          filter={filter}
          className={cn(key !== null && 'max-md:hidden')}
          onDb={(next) => setDb(next)}
          onView={show}
          onOrder={(next) => setSort(next)}
          onType={(next) => setType(next)}
          onText={(next) => setText(next)}
        >
          <GatedButton onClick={() => setImporting(true)}>
            <ImportLabel />
          </GatedButton>
          {!isAll && (
            <GatedButton right="set" variant="solid" onClick={() => setMaking(true)}>
              <NewKeyLabel />
            </GatedButton>
          )}
        </Toolbar>
      </PageHead>
      <UndoBar db={db} onOpen={open} />
      <BulkJobs />
      <div className={BOX}>
        <div className={cn(LEFT, key !== null && 'max-md:hidden')}>
          {isAll ? (
            <AllDatabases mayTree={mayTree} onOpen={enterDb} />
          ) : asTree ? (
            <KeyTree key={`${db} ${rootWord} ${order}`} db={db} root={root} sort={order} selected={segment} onSelect={(next) => setSegment(next, 'push')} onRoot={(prefix) => setRoot(keyWord(prefix), 'push')} />
          ) : (
            <KeyList db={db} match={globOf(text)} type={type} selected={segment} onSelect={(next) => setSegment(next, 'push')} />
          )}
        </div>
        <div className={cn('min-w-0 flex-1 bg-page', key === null && 'max-md:hidden')}>
          {key === null ? (
            <p className="grid h-full place-items-center p-6 text-center text-dim">Choose a {isAll ? 'database' : 'key'} to see what is in it.</p>
          ) : (
            <KeyPane key={`${db} ${segment}`} name={key} db={db} onClose={() => setSegment('')} onSelect={open} />
          )}
        </div>
      </div>
      {isSelecting && <BulkBar db={db} />}
      {isChanging && <BulkDialog />}
      {importing && <ImportDialog db={db} databases={databases} onClose={() => setImporting(false)} />}
      {making && <NewKey db={db} onClose={() => setMaking(false)} onMade={open} />}
    </>
  );
}
