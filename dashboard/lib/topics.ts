// What pages want to hear of, and who hears it. The connection asks here what to subscribe to; a topic that two panels
// listen to is subscribed to once. Listeners get messages as they come: keep them out of React's state, or few.
import type { TopicData, TopicMessage, TopicName } from './contract';

export const TOPICS: readonly TopicName[] = ['job', 'hotkeys', 'alert', 'command', 'keyspace', 'webhooks', 'commandstats', 'slowlog', 'clients', 'memory', 'pubsub', 'audit'];

/** `lost`: events that were dropped since the last time, where the server or the network was faster than this page; null where
 * nobody knows how many, after a connection broke. */
export interface Listener<Name extends TopicName> {
  onMessage(data: TopicData[Name]): void;
  onLost?(lost: number | null): void;
  /** The connection is new: what came meanwhile is missing and is to be asked for. */
  onFresh?(): void;
}

export class TopicListeners {
  private readonly listeners = new Map<TopicName, Set<Listener<TopicName>>>();

  /** `onChange` hears when a topic gets its first listener, and when it loses its last. */
  constructor(private readonly onChange: (topic: TopicName, wanted: boolean) => void) {}

  /** The answer takes the listener away again. */
  listen<Name extends TopicName>(topic: Name, listener: Listener<Name>): () => void {
    const of = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, of);
    const mine = listener as Listener<TopicName>;
    of.add(mine);
    if (of.size === 1) this.onChange(topic, true);
    return () => {
      if (of.delete(mine) && of.size === 0) this.onChange(topic, false);
    };
  }

  get wanted(): TopicName[] {
    return TOPICS.filter((topic) => (this.listeners.get(topic)?.size ?? 0) > 0);
  }

  deliver(message: TopicMessage): void {
    this.each(message.type, (listener) => listener.onMessage(message.data as never));
  }

  lost(topic: TopicName, lost: number | null): void {
    this.each(topic, (listener) => listener.onLost?.(lost));
  }

  /** Tells all listeners of a topic that they are subscribed anew. */
  fresh(topic: TopicName): void {
    this.each(topic, (listener) => listener.onFresh?.());
  }

  private each(topic: TopicName, tell: (listener: Listener<TopicName>) => void): void {
    for (const listener of [...(this.listeners.get(topic) ?? [])]) tell(listener);
  }
}

export function isTopic(name: string): name is TopicName {
  return (TOPICS as readonly string[]).includes(name);
}
