// The pages that exist, in the order of the sidebar. A page enters this list when it is finished.
import { Activity, Camera, Database, FlaskConical, LayoutDashboard, Settings, SquareTerminal } from 'lucide-react';

export const PAGES = [
  { id: 'dashboard', href: '/', label: 'Dashboard', key: 'D', icon: LayoutDashboard },
  { id: 'explorer', href: '/explorer/', label: 'Explorer', key: 'E', icon: Database },
  { id: 'console', href: '/console/', label: 'Console', key: 'C', icon: SquareTerminal },
  { id: 'monitoring', href: '/monitoring/', label: 'Monitoring', key: 'M', icon: Activity },
  { id: 'snapshots', href: '/snapshots/', label: 'Snapshots', key: 'N', icon: Camera },
  { id: 'playground', href: '/playground/', label: 'Playground', key: 'P', icon: FlaskConical },
  { id: 'settings', href: '/settings/', label: 'Settings', key: 'S', icon: Settings },
] as const;

/** Places inside pages that the palette offers. */
export const PLACES = [
  { label: 'Dashboard › Data flow', href: '/?view=flow' },
  { label: 'Monitoring › Commands', href: '/monitoring/?tab=commands' },
  { label: 'Monitoring › Slow log', href: '/monitoring/?tab=slowlog' },
  { label: 'Monitoring › Clients', href: '/monitoring/?tab=clients' },
  { label: 'Monitoring › Hot keys', href: '/monitoring/?tab=hotkeys' },
  { label: 'Monitoring › Memory', href: '/monitoring/?tab=memory' },
  { label: 'Monitoring › Pub/Sub', href: '/monitoring/?tab=pubsub' },
  { label: 'Monitoring › Alerts', href: '/monitoring/?tab=alerts' },
  { label: 'Playground › Data generator', href: '/playground/?tab=generator' },
  { label: 'Playground › Lab', href: '/playground/?tab=lab' },
  { label: 'Settings › Configuration', href: '/settings/?tab=server' },
  { label: 'Settings › Access', href: '/settings/?tab=access' },
  { label: 'Settings › Audit', href: '/settings/?tab=audit' },
  { label: 'Settings › Appearance', href: '/settings/?tab=appearance' },
] as const;

/** How an entry of the bottom bar looks. */
export const BAR_SHAPE = 'relative flex h-14 flex-1 flex-col items-center justify-center gap-1 text-xs text-dim -outline-offset-2';
export const BAR_SHAPE_ACTIVE = 'font-medium text-accent-text before:absolute before:inset-x-4 before:top-0 before:h-0.5 before:bg-accent';

function trim(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

export function pageOf(path: string): (typeof PAGES)[number] | undefined {
  return PAGES.find((page) => trim(page.href) === trim(path));
}
