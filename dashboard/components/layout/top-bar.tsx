// Where one is, the way to everything else (the palette), the session's mode and the live connection.
'use client';
import { Search } from 'lucide-react';
import { usePathname } from 'next/navigation';
import { Kbd } from '@/components/ui/kbd';
import { useModKey } from '@/hooks/use-mod-key';
import { pageOf } from '@/lib/navigation';
import { usePaletteStore } from '@/stores/palette';
import { useServerStore } from '@/stores/server';
import { Account } from './account';
import { Connection } from './connection';
import { WriteLock } from './write-lock';

export function TopBar() {
  const page = pageOf(usePathname());
  const server = useServerStore((store) => store.server);
  const mod = useModKey();
  const openPalette = usePaletteStore((store) => store.setOpen);
  return (
    <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line px-3 sm:px-4">
      <nav aria-label="Breadcrumbs" className="min-w-0 flex-1">
        <ol className="flex items-center gap-1.5">
          <li className="hidden truncate font-mono text-xs text-muted sm:block">{server?.name ?? 'server'}</li>
          <li aria-hidden className="hidden text-muted sm:block">
            /
          </li>
          <li aria-current="page" className="truncate font-medium">
            {page?.label ?? 'Not found'}
          </li>
        </ol>
      </nav>
      <button
        type="button"
        onClick={() => openPalette(true)}
        className="flex h-8 items-center gap-2 rounded-md border border-control px-2.5 text-muted transition-colors duration-[120ms] hover:bg-raised md:w-64 coarse:h-11"
      >
        <Search aria-hidden className="size-4 shrink-0" />
        <span className="sr-only flex-1 text-left md:not-sr-only md:flex-1">Search or run</span>
        <Kbd className="hidden md:inline-flex">{mod === '⌘' ? '⌘K' : 'Ctrl K'}</Kbd>
      </button>
      <WriteLock />
      <Connection />
      <span className="sm:hidden">
        <Account compact />
      </span>
    </header>
  );
}
