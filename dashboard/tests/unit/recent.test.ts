// The feed of recent commands: newest first, bounded, and still while somebody looks closely.
import { describe, expect, it } from 'vitest';
import type { CommandMessage } from '@/lib/contract';
import { KEPT, RecentCommands, sampledText } from '@/lib/recent';

const command = (cmd: string, sample = 1): CommandMessage => ({ t: 0, cmd, key: null, args: [], more: 0, db: 0, cid: '1', addr: '', latency_us: null, failed: false, sample });

function feed() {
  let draw: (() => void) | null = null;
  let drawings = 0;
  const rows = new RecentCommands((next) => (draw = next));
  rows.subscribe(() => (drawings += 1));
  return {
    rows,
    frame() {
      draw?.();
      draw = null;
      return rows.snapshot().rows.map((row) => ('lost' in row ? row.lost : row.command.cmd));
    },
    drawings: () => drawings,
  };
}

describe('the feed', () => {
  it('shows the newest first, once a frame', () => {
    const { rows, frame, drawings } = feed();
    for (const cmd of ['GET', 'SET', 'DEL']) rows.put(command(cmd, 64));
    expect(rows.snapshot().rows).toEqual([]);
    expect(frame()).toEqual(['DEL', 'SET', 'GET']);
    expect(drawings()).toBe(1);
    expect(sampledText(rows.snapshot().sample)).toBe('sampled 1/64');
  });
  it('holds still and counts what waits, however much that is', () => {
    const { rows, frame } = feed();
    rows.put(command('GET'));
    frame();
    rows.hold(true);
    for (let at = 0; at < 3 * KEPT; at += 1) rows.put(command(`C${at}`, 8));
    expect(frame()).toEqual(['GET']);
    expect(rows.snapshot()).toMatchObject({ waiting: 3 * KEPT, sample: 8 });
    rows.hold(false);
    const shown = frame();
    expect(shown).toHaveLength(KEPT);
    expect([shown[0], shown.at(-1)]).toEqual([`C${3 * KEPT - 1}`, `C${2 * KEPT}`]);
    expect(rows.snapshot().waiting).toBe(0);
  });
  it('marks where rows are missing', () => {
    const { rows, frame } = feed();
    rows.put(command('GET'));
    rows.lose(5);
    rows.lose(7);
    rows.put(command('SET'));
    expect(frame()).toEqual(['SET', 12, 'GET']);
  });
  it('says what the rows stand for as a rule, not what one of them does', () => {
    const { rows, frame } = feed();
    const sampleAfter = (...samples: number[]) => {
      for (const sample of samples) rows.put(command('GET', sample));
      frame();
      return rows.snapshot().sample;
    };
    expect(sampleAfter(1, 64, 64, 128)).toBe(1);
    expect(sampleAfter(...Array.from({ length: 9 }, () => 64), 128)).toBe(64);
    expect(sampleAfter(1)).toBe(1);
  });
  it('gives each row a number of its own', () => {
    const { rows, frame } = feed();
    for (let at = 0; at < 5; at += 1) rows.put(command('GET'));
    frame();
    expect(new Set(rows.snapshot().rows.map((row) => row.id)).size).toBe(5);
  });
  it('says how much it shows', () => {
    expect([sampledText(null), sampledText(1), sampledText(64)]).toEqual([undefined, 'every command', 'sampled 1/64']);
  });
});
