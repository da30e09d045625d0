// Parts of resident memory by name: what they are called, what they are, and with which others they share a colour.
import type { MemoryView } from './contract';

type Group = 'Data' | 'Tables and index' | 'Buffers' | 'Program' | 'Allocator and rest';
type Tone = 1 | 2 | 3 | 4 | 5;

/** In the order of the stack, with their tones. */
export const GROUPS: Record<Group, Tone> = { Data: 1, 'Tables and index': 3, Buffers: 2, Program: 4, 'Allocator and rest': 5 };

const PARTS: Record<string, { label: string; what: string; group: Group }> = {
  data: { label: 'Keys and values', what: 'Entries of all databases', group: 'Data' },
  tables: { label: 'Hash tables', what: 'Where keys are found', group: 'Tables and index' },
  expiry: { label: 'Expiry', what: 'Keys, and hashes with fields, that expire', group: 'Tables and index' },
  index: { label: 'Prefix index', what: 'Counts of the key tree, while somebody looks at it', group: 'Tables and index' },
  clients: { label: 'Clients', what: 'Connections with their buffers', group: 'Buffers' },
  tracking: { label: 'Tracking', what: 'What clients that cache remember to have read', group: 'Buffers' },
  log: { label: 'Log buffer', what: 'Writes that are not on disk yet', group: 'Buffers' },
  http: { label: 'History', what: 'The figures of the last hour', group: 'Buffers' },
  scripts: { label: 'Scripts', what: 'Scripts and functions that are kept', group: 'Program' },
  server: { label: 'Server', what: 'Shards, core loops and the command table, as measured when empty', group: 'Program' },
  program: { label: 'Program', what: 'Pages of the binary and of libraries', group: 'Program' },
  other: { label: 'Allocator and rest', what: 'Free memory the allocator keeps, rounding of blocks, stacks, what nobody counts', group: 'Allocator and rest' },
};

export interface NamedPart {
  name: string;
  label: string;
  what: string;
  bytes: number;
  tone: Tone;
}

export interface MemoryGroup {
  label: string;
  bytes: number;
  tone: Tone;
}

/** All parts; one that is not known here keeps its name. */
export function namedParts(memory: MemoryView): NamedPart[] {
  return memory.parts.map(({ name, bytes }) => {
    const { label, what, group } = PARTS[name] ?? { label: name, what: '', group: 'Allocator and rest' as const };
    return { name, label, what, bytes, tone: GROUPS[group] };
  });
}

/** The same in a few groups, which add up as well. */
export function groupsOf(memory: MemoryView): MemoryGroup[] {
  const parts = namedParts(memory);
  return Object.entries(GROUPS).map(([label, tone]) => ({ label, tone, bytes: parts.filter((part) => part.tone === tone).reduce((sum, part) => sum + part.bytes, 0) }));
}

/** Running sums of columns, for areas that stand on one another; where one is not known, neither is what stands on it. */
export function stack(columns: readonly (readonly (number | null)[])[]): (number | null)[][] {
  const stacked: (number | null)[][] = [];
  for (const column of columns) {
    const below = stacked.at(-1);
    stacked.push(
      column.map((value, at) => {
        const base = below === undefined ? 0 : (below[at] ?? null);
        return value === null || base === null ? null : base + value;
      }),
    );
  }
  return stacked;
}
