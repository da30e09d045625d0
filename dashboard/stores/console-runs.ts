// The sockets of the console's commands that listen or wait, by the entry of the log that each belongs to. Outside of the
// store: what is drawn is their state, which the entry holds.
import { RunSocket, type RunWish } from '@/lib/run-socket';
import { isOver, type RunEnd, type RunState } from '@/lib/run';
import { useServerStore } from './server';

const sockets = new Map<number, RunSocket>();

export function beginRun(entry: number, wish: RunWish, onState: (run: RunState) => void): void {
  const socket = new RunSocket(wish, {
    onState: (run) => {
      if (isOver(run)) sockets.delete(entry);
      onState(run);
    },
    onSessionEnded: () => void useServerStore.getState().refreshSession().catch(() => undefined),
  });
  sockets.set(entry, socket);
  onState(socket.state);
}

export function stopRun(entry: number, why?: RunEnd): void {
  sockets.get(entry)?.stop(why);
}

export function stopAllRuns(why: RunEnd): void {
  for (const socket of [...sockets.values()]) socket.stop(why);
}

export function clearRuns(): void {
  for (const socket of sockets.values()) socket.clear();
}

/** The one that a stop by key is meant for. */
export function newestRun(): number | null {
  return [...sockets.keys()].at(-1) ?? null;
}

/** Gives an UNSUBSCRIBE to what was begun last and listens; false where nothing does. */
export function tellListener(line: string): boolean {
  const listener = [...sockets.values()].reverse().find((socket) => socket.state.kind === 'subscribe' && socket.state.phase === 'going');
  listener?.more(line);
  return listener !== undefined;
}
