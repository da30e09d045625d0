// Asks again, and says how old the present answer is. Lists that the server does not push are refreshed by hand.
'use client';
import { RotateCw } from 'lucide-react';
import { Button } from '@/components/ui/button';
import type { Resource } from '@/hooks/use-resource';
import { cn } from '@/lib/cn';
import { Age } from './age';

export function Refresh({ resource }: { resource: Pick<Resource<unknown>, 'loadedAt' | 'loading' | 'reload'> }) {
  return (
    <span className="flex items-center gap-1.5 text-xs">
      {resource.loadedAt !== null && <Age at={resource.loadedAt} />}
      <Button variant="ghost" size="icon-sm" aria-label="Refresh" title="Refresh" disabled={resource.loading} onClick={resource.reload}>
        <RotateCw className={cn(resource.loading && 'animate-spin')} />
      </Button>
    </span>
  );
}
