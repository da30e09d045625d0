// Which server this is, so that nobody types a password into the wrong one.
'use client';
import { Lock, LockOpen } from 'lucide-react';
import { Badge } from '@/components/ui/badge';
import { useServerStore } from '@/stores/server';

export function ServerCard() {
  const server = useServerStore((store) => store.server);
  return (
    <p className="flex min-h-6 flex-wrap items-center justify-center gap-2 text-dim">
      {server !== null && (
        <>
          <span className="font-mono text-xs">{server.name}</span>
          <span className="text-xs text-muted">version {server.version}</span>
          {server.environment !== null && <Badge variant={server.environment === 'production' ? 'error' : 'warning'}>{server.environment}</Badge>}
          <Badge>
            {server.tls ? <Lock aria-hidden /> : <LockOpen aria-hidden />}
            {server.tls ? 'TLS' : 'no TLS'}
          </Badge>
        </>
      )}
    </p>
  );
}
