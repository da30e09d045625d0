// The place of the feed of recent commands while its code is on its way; as high as it will be.
import { lazily } from '@/components/state/lazily';
import { Panel } from '@/components/ui/panel';

/** Of the list, so that nothing below it moves. */
export const RECENT_HEIGHT = 'h-80';

export const RecentCommands = lazily(
  () => import('./recent-commands').then((module) => module.RecentCommands),
  () => (
    <Panel title="Recent commands" bodyClassName="px-0 pb-1">
      <div className={RECENT_HEIGHT} />
    </Panel>
  ),
);
