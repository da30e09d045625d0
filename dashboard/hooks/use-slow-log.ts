// The slow log, kept up by its topic: asked for when it is shown and when the connection is new, never on a timer.
'use client';
import { useMemo, useState } from 'react';
import { api } from '@/lib/api';
import type { SlowLog } from '@/lib/contract';
import { NO_NEWS, slowLogWith, type SlowNews, withSlow } from '@/lib/slow-news';
import { type Resource, useResource } from './use-resource';
import { useTopic } from './use-topic';

export interface LiveSlowLog extends Resource<SlowLog> {
  /** Entries come by themselves. */
  live: boolean;
  /** Entries that came faster than they could be told. */
  lost: number;
}

export function useSlowLog(may = true): LiveSlowLog {
  const [news, setNews] = useState<SlowNews>(NO_NEWS);
  const asked = useResource(async (signal): Promise<SlowLog | null> => {
    if (!may) return null;
    const log = await api.slowlog(signal);
    setNews((news) => ({ ...news, lost: 0 }));
    return log;
  });
  const known = asked.data;
  const refused = useTopic(
    'slowlog',
    {
      onMessage: (message) => setNews((news) => withSlow(news, message, known?.entries ?? [])),
      onLost: (lost) => setNews((news) => ({ ...news, lost: news.lost + (lost ?? 0) })),
      onFresh: asked.reload,
    },
    may,
  );
  const data = useMemo(() => (known === null ? null : slowLogWith(known, news)), [known, news]);
  return { ...asked, data, live: may && refused === null, lost: news.lost };
}
