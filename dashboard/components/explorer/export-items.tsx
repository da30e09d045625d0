// A file of many keys, as entries of a menu. The browser fetches that of a prefix by itself, so that it need not fit into the
// memory of the page; named keys are sent along, and are few.
'use client';
import { MenuItem } from '@/components/ui/menu';
import { api } from '@/lib/api';
import type { BulkTarget } from '@/lib/bulk';
import type { ExportFormat } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { useToastStore } from '@/stores/toast';

function fetchFile(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}

async function exportAll(db: number, { keys, ...match }: BulkTarget, format: ExportFormat): Promise<void> {
  const name = `flashdb-keys.${format === 'jsonl' ? 'jsonl' : 'txt'}`;
  if (keys === undefined) return fetchFile(api.exportUrl({ db, ...match, format }), name);
  const url = URL.createObjectURL(await api.exportKeys(keys, db, format));
  fetchFile(url, name);
  // The browser has it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export function ExportItems({ db, target }: { db: number; target: BulkTarget }) {
  const run = (format: ExportFormat) => void exportAll(db, target, format).catch((error: unknown) => useToastStore.getState().say(errorText(error), 'error'));
  return (
    <>
      <MenuItem onSelect={() => run('jsonl')}>Export as JSON lines</MenuItem>
      <MenuItem onSelect={() => run('commands')}>Export as commands</MenuItem>
    </>
  );
}
