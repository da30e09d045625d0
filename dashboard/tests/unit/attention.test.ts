// What needs attention: worst first, unknown facts say nothing, good news is said.
import { describe, expect, it } from 'vitest';
import { type Facts, findings } from '@/lib/attention';
import type { Alert, Sample, SlowEntry } from '@/lib/contract';
import { safeNext } from '@/lib/next-path';
import { groupByShape } from '@/lib/slow-shape';
import { withAlert } from '@/stores/alerts';

const calm: Facts = {
  now: 1_000_000,
  sample: { mem: 10, maxmemory: 100, ops: 1000, errors: 0 } as Sample,
  evictedLately: 0,
  health: { status: 'ok', state: 'ready', version: '1', uptime_s: 1, checks: { memory: 'ok' } },
  slowlog: { threshold_us: 1, max_len: 1, entries: [] },
  snapshots: [{ id: 'a', label: '', created_ms: 940_000, kind: 'full', bytes: 1, keys: 1, kept: true, lsn: 1, file: 'a', base: null }],
  open: false,
  alerts: [],
};

describe('findings', () => {
  it('are all fine on a calm server', () => expect(findings(calm).every((finding) => finding.level === 'ok')).toBe(true));
  it('put the worst first', () => {
    const list = findings({ ...calm, open: true, sample: { ...calm.sample, mem: 97, errors: 200 } as Sample });
    expect(list.map((finding) => finding.level).slice(0, 3)).toEqual(['error', 'error', 'warning']);
  });
  it('say nothing of what is not known', () => {
    expect(findings({ now: 0, sample: null, evictedLately: null, health: null, slowlog: null, snapshots: null, open: false, alerts: null })).toEqual([]);
  });
});

describe('alerts', () => {
  const alert = (id: string, type: Alert['type'], state: Alert['state']): Alert => ({ id, type, rule: '', state, since: 1, until: null, value: 41_000, worst: 41_000, threshold: 1, text: null, key: 'cart:77', db: 0, qps: 41_000 });
  it('that fire are named, unless the figures say the same', () => {
    const list = findings({ ...calm, alerts: [alert('1', 'hot_key', 'firing'), alert('2', 'hot_key', 'resolved'), alert('3', 'memory', 'firing')] });
    expect(list.filter((finding) => finding.level !== 'ok').map((finding) => finding.text)).toEqual(['Hot key cart:77: 41.0\u00a0k/s']);
  });
  it('take the place of their older selves', () => {
    const [first, second] = [alert('1', 'errors', 'firing'), alert('2', 'errors', 'firing')];
    const ended = { ...first, state: 'resolved' as const };
    expect(withAlert(withAlert([first], second), ended)).toEqual([second, ended]);
  });
});

describe('slow shapes', () => {
  it('take together what differs only in numbers', () => {
    const entry = (id: number, key: string, duration_us: number) => ({ id: String(id), time_ms: id, duration_us, args: ['get', key], addr: '', name: '' }) as SlowEntry;
    expect(groupByShape([entry(1, 'user:17', 5), entry(2, 'user:18', 9), entry(3, 'all', 1)])).toEqual([
      { shape: 'GET user:*', count: 2, worst_us: 9, total_us: 14, last_ms: 2, keys: 2 },
      { shape: 'GET all', count: 1, worst_us: 1, total_us: 1, last_ms: 3, keys: 1 },
    ]);
  });
});

describe('where to go after signing in', () => {
  it('never leaves this site', () => {
    for (const wanted of [null, 'https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)', '/login/']) expect(safeNext(wanted)).toBe('/');
    expect(safeNext('/console/?line=GET')).toBe('/console/?line=GET');
  });
  it('does not call a few errors none', () => {
    const text = (errors: number) => findings({ ...calm, sample: { ...calm.sample, errors } as Sample }).find((finding) => finding.id === 'errors')?.text;
    expect(text(0)).toBe('Commands run without errors');
    expect(text(3)).toBe('Fewer than 1\u00a0% of commands fail');
  });
});
