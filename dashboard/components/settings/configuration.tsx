// The settings of the server: value, default, where the value comes from, and whether it can change while running.
'use client';
import { SlidersHorizontal } from 'lucide-react';
import { useMemo, useState } from 'react';
import { lazily } from '@/components/state/lazily';
import { Empty } from '@/components/state/empty';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { Input } from '@/components/ui/input';
import { Panel } from '@/components/ui/panel';
import { Segmented } from '@/components/ui/segmented';
import { useQueryState } from '@/hooks/use-query-state';
import { useResource } from '@/hooks/use-resource';
import { useSlices } from '@/hooks/use-slices';
import { api } from '@/lib/api';
import type { Setting } from '@/lib/contract';
import { formatCount } from '@/lib/format';
import { SettingRow } from './setting-row';

const SettingDialog = lazily(() => import('./setting-dialog').then((module) => module.SettingDialog));

const SHOWN = [
  { value: 'all', label: 'All' },
  { value: 'changed', label: 'Changed' },
] as const;

export function ServerConfiguration() {
  const config = useResource((signal) => api.config(signal));
  const [filter, setFilter] = useQueryState('q', '');
  const [shown, setShown] = useQueryState('show', 'all');
  const [edited, setEdited] = useState<Setting | null>(null);
  const words = filter.trim().toLowerCase();
  const rows = useMemo(
    () =>
      (config.data?.settings ?? []).filter(
        (setting) => (shown !== 'changed' || setting.source !== 'default') && (words === '' || setting.name.includes(words) || setting.summary.toLowerCase().includes(words)),
      ),
    [config.data, shown, words],
  );
  const drawn = useSlices(rows.length, 12, 8);
  return (
    <Panel title="Configuration" unit={config.data === null ? undefined : (config.data.file ?? 'no configuration file')} actions={<Refresh resource={config} />}>
      <div className="mb-2 flex flex-wrap items-center gap-2">
        <Input data-filter type="search" aria-label="Filter settings" placeholder="Filter by name or meaning" defaultValue={filter} onChange={(event) => setFilter(event.target.value)} className="max-w-80" />
        <Segmented label="Which settings" value={shown === 'changed' ? 'changed' : 'all'} onChange={setShown} options={SHOWN} size="md" />
        <span className="num text-xs text-muted">{config.data === null ? '' : `${formatCount(rows.length)} of ${formatCount(config.data.settings.length)}`}</span>
      </div>
      <ResourceView resource={config}>
        {() =>
          rows.length === 0 ? (
            <Empty icon={<SlidersHorizontal aria-hidden />} title="No setting matches" />
          ) : (
            <ul className="divide-y divide-line">
              {rows.slice(0, drawn).map((setting) => (
                <li key={setting.name}>
                  <SettingRow setting={setting} onEdit={setEdited} />
                </li>
              ))}
            </ul>
          )
        }
      </ResourceView>
      {edited !== null && <SettingDialog setting={edited} onClose={() => setEdited(null)} onChanged={config.reload} />}
    </Panel>
  );
}
