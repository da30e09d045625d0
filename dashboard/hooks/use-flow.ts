// All that the data-flow view is made of, kept up by topics while it is shown. What no topic carries (the log, snapshots, names
// of channels) is asked for when it is shown, when the figures say that it has changed, and when somebody wants it.
'use client';
import { useEffect, useMemo, useRef, useState } from 'react';
import { api } from '@/lib/api';
import { askIf } from '@/lib/ask';
import type { ClientsKnown } from '@/lib/client-rows';
import { mergeTold } from '@/lib/command-stats';
import type { CommandStats, HotKeys, Listening, ListeningTotals, Sample, Snapshots } from '@/lib/contract';
import { type ClientGroup, doings, type FamilyFlow, familyFlows, groupClients, type GroupBy, groupIdOf, groupKeys, isFlowing, type KeyFlow, keysIdOf, shownGroups, shownKeys, weightOf } from '@/lib/flow-groups';
import { type LogLooks, logPace, withLook } from '@/lib/flow-lines';
import { type Touch, Touches } from '@/lib/flow-touches';
import { useCommandStore } from '@/stores/commands';
import { useServerStore } from '@/stores/server';
import { useChanged } from './use-changed';
import { useClients } from './use-clients';
import { useHeld } from './use-held';
import { useLiveResource } from './use-live-resource';
import { usePlaces } from './use-places';
import { type Resource, useResource } from './use-resource';
import { useShownSample } from './use-shown-sample';
import { useSpaced } from './use-spaced';
import { useTopic } from './use-topic';

const GROUPS_MAX = 12;
const KEYS_MAX = 7;
const FAMILIES_MAX = 7;

export interface Flow {
  sample: Sample | null;
  clients: Resource<ClientsKnown>;
  groups: ClientGroup[];
  hot: Resource<HotKeys>;
  keys: KeyFlow[];
  /** Which of the groups were seen to touch which of the keys. */
  touches: Touch[];
  stats: Resource<CommandStats>;
  families: FamilyFlow[];
  names: Resource<Listening>;
  totals: ListeningTotals | null;
  kept: Resource<Kept>;
  /** What is missing to see a part of it. */
  needs: { clients: string | null; keys: string | null; kept: string | null; listening: string | null; touches: string | null };
  /** Whether all that is asked for has been answered, or refused. */
  isAnswered: boolean;
  reload(): void;
}

const OTHERS = 'others';

/** The place of what has none of its own is with the others, where these are shown. */
function among(shown: readonly { id: string }[]): (id: string) => string | null {
  const ids = new Set(shown.map(({ id }) => id));
  return (id) => (ids.has(id) ? id : ids.has(OTHERS) ? OTHERS : null);
}

interface Seen {
  sample: Sample | null;
  known: ClientsKnown | null;
  by: GroupBy;
  groups: readonly ClientGroup[];
  keys: readonly KeyFlow[];
  separator: string;
}

/** What is seen is put aside as it comes, and counted with each sample of the server. */
function useTouches(may: boolean, { sample, known, by, groups, keys, separator }: Seen): { touches: Touch[]; needs: string | null } {
  const [seen] = useState(() => new Touches());
  const refused = useTopic('command', { onMessage: (command) => seen.put(command) }, may);
  const t = sample?.t ?? null;
  const touches = useMemo(() => {
    if (t === null || known === null) return [];
    const [groupAmong, keysAmong] = [among(groups), among(keys)];
    const groupOf = (cid: string) => {
      const row = known.rows.get(cid);
      return row === undefined ? null : groupAmong(groupIdOf(row, by));
    };
    return seen.at(t, groupOf, (key, db) => keysAmong(keysIdOf(key, db, separator)));
  }, [seen, t, known, by, groups, keys, separator]);
  return { touches, needs: may ? refused : '+monitor' };
}

/** Totals as they are told; the names are asked for again when a subscription began or ended. */
function useListeningTotals() {
  const paused = useServerStore((store) => store.paused);
  const names = useResource((signal) => api.pubsub('', signal));
  const [told, setTold] = useState<ListeningTotals | null>(null);
  const again = useSpaced(names.reload);
  const refused = useTopic('pubsub', { onMessage: (newest) => !paused && setTold(newest) });
  const totals = told === null || (names.data !== null && names.data.t > told.t) ? names.data : told;
  useChanged(totals === null ? null : String(totals.changes), again);
  return { names, totals, refused };
}

function useSeparator(may: boolean): string {
  // Where it may not be asked it is the usual one.
  const asked = useResource((signal) => (may ? api.tree({ db: 0, p: '', sort: 'name', cursor: null, limit: 1, wait: 0 }, signal).then((tree) => tree.separator, () => ':') : Promise.resolve(':')), [may]);
  return asked.data ?? ':';
}

/** How the log and the snapshots were when they were asked for; the pace of the log is that since the look before. */
export interface Kept extends Snapshots {
  pace: ReturnType<typeof logPace>;
  /** Since when another look is wanted, because one tells no pace; null where it is known, or there is no log. */
  lone_since_ms: number | null;
}

const SECOND_LOOK_MS = 2000;

function useKept(may: boolean): Resource<Kept> {
  const looks = useRef<LogLooks | null>(null);
  const kept = useResource(
    (signal) =>
      askIf(may, async (): Promise<Kept> => {
        const answer = await api.snapshots(signal);
        // What is not shown counts for nothing.
        signal.throwIfAborted();
        const { persistence } = answer;
        if (persistence === null || !persistence.log) return { ...answer, pace: null, lone_since_ms: null };
        looks.current = withLook(looks.current, { lsn: Number(persistence.lsn), at_ms: performance.now() });
        const pace = logPace(looks.current);
        return { ...answer, pace, lone_since_ms: pace === null ? looks.current.from.at_ms : null };
      }),
    [may],
  );
  const { reload } = kept;
  // It takes two looks to know a pace: the second one follows the first by itself, and no other.
  const since_ms = kept.data?.lone_since_ms ?? null;
  useEffect(() => {
    if (since_ms === null) return;
    const timer = setTimeout(reload, Math.max(0, since_ms + SECOND_LOOK_MS - performance.now()));
    return () => clearTimeout(timer);
  }, [since_ms, reload]);
  const changed = useServerStore(({ sample }) => (sample === null ? null : [sample.snapshots_total, sample.snapshot_newest_ms, sample.snapshot_captured !== null, sample.config_changed_ms].join(' ')));
  useChanged(changed, reload);
  return kept;
}

export function useFlow(by: GroupBy): Flow {
  const rights = useServerStore((store) => store.session?.capabilities);
  const paused = useServerStore((store) => store.paused);
  const may = { hot: rights?.['hotkeys.list'] !== false, tree: rights?.['prefix.tree'] !== false, kept: rights?.['snapshot.list'] !== false, feed: rights?.['monitor'] !== false };
  const sample = useShownSample();
  const newest = useClients();
  const known = useHeld(newest.data, paused);
  const groups = useMemo(() => (known === null ? [] : groupClients(known, by)), [known, by]);
  // Ranked by their number until it is known what flows, and then once more.
  const groupPlaces = usePlaces(`${by} ${isFlowing(groups)}`, useMemo(() => new Map(groups.map((group) => [group.id, weightOf(group)])), [groups]), GROUPS_MAX);

  const hot = useLiveResource('hotkeys', (signal) => askIf(may.hot, () => api.hotKeys(signal)));
  // A right that is given while the view is open.
  useChanged(String(may.hot), hot.reload);
  const separator = useSeparator(may.tree);
  const flows = useMemo(() => (hot.data === null ? [] : groupKeys(hot.data, separator)), [hot.data, separator]);
  const keyPlaces = usePlaces(separator, useMemo(() => new Map(flows.map((flow) => [flow.id, flow.rate])), [flows]), KEYS_MAX);

  const stats = useLiveResource('commandstats', (signal) => api.commandStats(signal), mergeTold);
  const table = useCommandStore((store) => store.commands);
  const loadTable = useCommandStore((store) => store.load);
  useEffect(() => loadTable(), [loadTable]);
  const does = useMemo(() => doings(table), [table]);

  const uses = hot.data?.uses ?? 0;
  const shown = useMemo(() => ({ groups: shownGroups(groups, groupPlaces), keys: shownKeys(flows, keyPlaces, uses) }), [groups, groupPlaces, flows, keyPlaces, uses]);
  const { touches, needs: needsFeed } = useTouches(may.feed, { sample, known, by, ...shown, separator });

  const { names, totals, refused } = useListeningTotals();
  const kept = useKept(may.kept);
  const asked = [newest, hot, stats, names, kept];
  return {
    sample,
    clients: { ...newest, data: known },
    groups: shown.groups,
    hot,
    keys: shown.keys,
    touches,
    stats,
    families: useMemo(() => (stats.data === null ? [] : familyFlows(stats.data, does, FAMILIES_MAX)), [stats.data, does]),
    names,
    totals,
    kept,
    needs: { clients: rights?.['client|list'] === false ? '+client|list' : null, keys: may.hot ? null : '+hotkeys.list', kept: may.kept ? null : '+snapshot.list', listening: refused, touches: needsFeed },
    isAnswered: asked.every(({ data, error }) => data !== null || error !== null),
    reload: () => asked.forEach((one) => one.reload()),
  };
}
