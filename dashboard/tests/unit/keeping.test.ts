// How safe the data is, and how long going back takes, told from the facts alone.
import { describe, expect, it } from 'vitest';
import type { Persistence, SnapshotRow } from '@/lib/contract';
import { loadEstimate_ms, verdict } from '@/lib/keeping';

const NOW = 1_790_000_000_000;
const settings = { fsync: 'everysec', fsync_interval_ms: 1000, save: '', interval_s: 0, retention: 2 };
const kept: Persistence = { log: true, log_failure: null, log_segments: 1, log_bytes: 10, lsn: 9, durable_lsn: 9, changes: 4, saving: false, last_save_failed: false, last_took_s: null, load: null, settings };
const newest: SnapshotRow = { id: 'a', label: '', lsn: 1, created_ms: NOW - 120_000, kind: 'full', bytes: 1, keys: 1, kept: true, file: 'a', base: null };
const judge = (part: Partial<Persistence>, snapshot: SnapshotRow | null = newest) => verdict({ persistence: { ...kept, ...part }, newest: snapshot, keys: 1234, now: NOW });

describe('how safe the data is', () => {
  it('depends on when the log reaches the disk', () => {
    expect(judge({}).level).toBe('ok');
    expect(judge({}).text).toContain('every 1\u00a0s');
    expect(judge({ settings: { ...settings, fsync: 'always' } }).text).toContain('loses nothing that was answered');
    expect(judge({ settings: { ...settings, fsync: 'no' } }).level).toBe('warning');
    expect(judge({ settings: null }).text).toContain('not readable');
  });
  it('is bad without log and without snapshots, and says what is lost', () => {
    const off = judge({ log: false });
    expect(off.level).toBe('error');
    expect(off.text).toContain('loses 4 changes since the newest snapshot, 2\u00a0m ago');
    expect(judge({ log: false }, null).text).toContain('loses all 1,234 keys');
    expect(judge({ log: false, changes: 0 }).text).toContain('Nothing has changed');
    expect(judge({ log: false, settings: { ...settings, save: '3600 1' } }).level).toBe('warning');
    expect(judge({ log: false, settings: null }).level).toBe('warning');
  });
  it('is bad with a log that cannot be written', () => {
    expect(judge({ log_failure: 'no space left' })).toMatchObject({ level: 'error', text: expect.stringContaining('no space left') as string });
    expect(judge({ last_save_failed: true }).level).toBe('warning');
  });
});

describe('how long a restore takes', () => {
  it('comes from a load that was large enough to measure', () => {
    expect(loadEstimate_ms(10, null)).toBeNull();
    expect(loadEstimate_ms(10, { keys: 999, ms: 5 })).toBeNull();
    expect(loadEstimate_ms(4000, { keys: 1000, ms: 50 })).toBe(200);
  });
});
