// A file of many keys, as entries of a menu. The browser fetches that of a prefix by itself, so that it need not fit into the
// memory of the page; named keys are sent along, and are few.
'use client';
import { MenuItem } from '@/components/ui/menu';
import { api } from '@/lib/api';
import type { BulkTarget } from '@/lib/bulk';
import type { ExportFormat } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { fetchFile, saveFile } from '@/lib/save-file';
import { useToastStore } from '@/stores/toast';

async function exportAll(db: number, { keys, ...match }: BulkTarget, format: ExportFormat): Promise<void> {
  const name = `flashdb-keys.${format === 'jsonl' ? 'jsonl' : 'txt'}`;
  if (keys === undefined) return fetchFile(api.exportUrl({ db, ...match, format }), name);
  saveFile(await api.exportKeys(keys, db, format), name);
}

export function exportAs(db: number, target: BulkTarget, format: ExportFormat): void {
  void exportAll(db, target, format).catch((error: unknown) => useToastStore.getState().say(errorText(error), 'error'));
}

export function ExportItems({ db, target }: { db: number; target: BulkTarget }) {
  const run = (format: ExportFormat) => exportAs(db, target, format);
  return (
    <>
      <MenuItem onSelect={() => run('jsonl')}>Export as JSON lines</MenuItem>
      <MenuItem onSelect={() => run('commands')}>Export as commands</MenuItem>
    </>
  );
}
