// Which server this is, so that nobody types a password into the wrong one.
'use client';
import { Lock, LockOpen } from 'lucide-react';
import { Badge } from '@/components/ui/badge';
import { display } from '@/lib/bytes';
import { useServerStore } from '@/stores/server';

export function ServerCard() {
  const server = useServerStore((store) => store.server);
  return (
    // Both lines have their place before anything is known.
    <div className="flex min-h-12 w-full flex-col items-center text-dim">
      {server !== null && (
        <>
          <p title={display(server.name)} className="max-w-full truncate font-mono text-sm leading-6 text-ink">
            {display(server.name)}
          </p>
          <p className="flex h-6 items-center gap-2 whitespace-nowrap">
            <span className="text-xs text-muted">version {server.version}</span>
            {server.environment !== null && <Badge variant={server.environment === 'production' ? 'error' : 'warning'}>{server.environment}</Badge>}
            <Badge>
              {server.tls ? <Lock aria-hidden /> : <LockOpen aria-hidden />}
              {server.tls ? 'TLS' : 'no TLS'}
            </Badge>
          </p>
        </>
      )}
    </div>
  );
}
