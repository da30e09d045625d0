// Sends a file of keys for its dry run.
import type { ImportFormat } from './contract';
import { sendFile, type Sending } from './send-file';

/** Begins a dry run of the file; the id of its job. */
export async function sendForDryRun(sending: Sending & { format: ImportFormat; db: number | null }): Promise<string> {
  const query = new URLSearchParams({ format: sending.format, dry_run: 'true', name: sending.file.name.slice(0, 60) });
  if (sending.db !== null) query.set('db', String(sending.db));
  return (await sendFile<{ id: string }>(`/imports?${query.toString()}`, 202, sending)).id;
}
