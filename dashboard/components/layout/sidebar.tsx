// Navigation at the left: full, or only icons where it was collapsed or the window is narrow. Below it the state of
// the server and who is signed in.
'use client';
import { PanelLeftClose, PanelLeftOpen } from 'lucide-react';
import { Link } from '@/components/ui/link';
import { usePathname } from 'next/navigation';
import { Button } from '@/components/ui/button';
import { cn } from '@/lib/cn';
import { PAGES, pageOf } from '@/lib/navigation';
import { useSettingsStore } from '@/stores/settings';
import { Account } from './account';
import { AlertBadge } from './alert-badge';
import { BrandMark } from './brand';
import { ServerStatus } from './server-status';

export function Sidebar() {
  const current = pageOf(usePathname())?.id;
  const collapsed = useSettingsStore((store) => store.collapsed);
  const change = useSettingsStore((store) => store.change);
  return (
    <aside className="hidden w-14 shrink-0 flex-col border-r border-line bg-panel sm:flex md:w-58 collapsed:w-14">
      <div className="flex h-12 items-center gap-2 px-4 collapsed:px-4">
        <BrandMark />
        <span className="hidden flex-1 text-base font-semibold tracking-tight md:block collapsed:hidden">FlashDB</span>
        <Button
          variant="ghost"
          size="icon-sm"
          className="hidden md:inline-flex collapsed:hidden"
          aria-label="Collapse the sidebar"
          onClick={() => change({ collapsed: true })}
        >
          <PanelLeftClose />
        </Button>
      </div>
      <nav aria-label="Pages" className="flex flex-1 flex-col gap-0.5 px-2 py-2">
        {PAGES.map((page) => {
          const active = page.id === current;
          return (
            <Link
              key={page.id}
              href={page.href}
              title={page.label}
              aria-current={active ? 'page' : undefined}
              className={cn(
                'group relative flex h-8 items-center gap-2.5 rounded-md px-3 text-dim -outline-offset-2 transition-colors duration-[120ms] hover:bg-raised hover:text-ink coarse:h-11',
                active && 'bg-tint-accent font-medium text-accent-text before:absolute before:inset-y-1.5 before:left-0 before:w-0.5 before:rounded-full before:bg-accent hover:bg-tint-accent hover:text-accent-text',
              )}
            >
              <page.icon aria-hidden className="size-4 shrink-0" />
              <span className="sr-only flex-1 md:not-sr-only collapsed:sr-only">{page.label}</span>
              <span aria-hidden className="hidden text-xs text-muted opacity-0 group-hover:opacity-100 group-focus-visible:opacity-100 md:inline collapsed:hidden">
                G {page.key}
              </span>
              {page.id === 'monitoring' && <AlertBadge className="max-md:absolute max-md:top-0.5 max-md:right-0.5 collapsed:absolute collapsed:top-0.5 collapsed:right-0.5" />}
            </Link>
          );
        })}
      </nav>
      <div className="flex flex-col gap-1 border-t border-line p-2">
        {collapsed && (
          <Button variant="ghost" size="icon" className="mx-auto hidden md:inline-flex" aria-label="Expand the sidebar" onClick={() => change({ collapsed: false })}>
            <PanelLeftOpen />
          </Button>
        )}
        <ServerStatus />
        <Account />
      </div>
    </aside>
  );
}
