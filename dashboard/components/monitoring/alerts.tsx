// Alerts that fire or fired, the rules with their thresholds, which are settings of the server, and where alerts are sent to.
'use client';
import { BellRing, CircleCheck, Pencil, TriangleAlert } from 'lucide-react';
import { Link } from '@/components/ui/link';
import { useMemo, useState } from 'react';
import { Age } from '@/components/state/age';
import { Empty } from '@/components/state/empty';
import { GatedButton } from '@/components/state/gated-button';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { Badge } from '@/components/ui/badge';
import { type Column, DataTable } from '@/components/ui/data-table';
import { Panel } from '@/components/ui/panel';
import type { Resource } from '@/hooks/use-resource';
import { ALERT_TITLE, alertText, alertValue } from '@/lib/alert-text';
import type { Alert, AlertRule } from '@/lib/contract';
import { formatSeconds, MISSING } from '@/lib/format';
import { useAlertStore } from '@/stores/alerts';
import { AlertRuleDialog } from './alert-rule-dialog';
import { Webhooks } from './webhooks';

const COLUMNS: readonly Column<Alert>[] = [
  { id: 'state', label: 'State', part: 'aside', value: (row) => row.state, cell: (row) => <State alert={row} /> },
  { id: 'what', label: 'Alert', value: alertText, part: 'title', className: 'w-full max-w-0', cell: (row) => <What alert={row} /> },
  { id: 'since', label: 'Since', value: (row) => row.since, cell: (row) => <Age at={row.since} /> },
  { id: 'lasted', label: 'Lasted', align: 'right', value: (row) => (row.until === null ? null : row.until - row.since), cell: (row) => (row.until === null ? MISSING : formatSeconds((row.until - row.since) / 1000)) },
  { id: 'worst', label: 'Worst', align: 'right', cell: (row) => (row.type === 'persistence' ? MISSING : alertValue(row.type, row.worst)) },
  { id: 'threshold', label: 'Threshold', align: 'right', cell: (row) => (row.type === 'persistence' ? MISSING : alertValue(row.type, row.threshold)) },
];

function State({ alert }: { alert: Alert }) {
  return alert.state === 'firing' ? (
    <Badge variant="error">
      <TriangleAlert aria-hidden /> Firing
    </Badge>
  ) : (
    <Badge variant="success">
      <CircleCheck aria-hidden /> Resolved
    </Badge>
  );
}

const PLACE: Partial<Record<Alert['type'], string>> = {
  hot_key: '/monitoring/?tab=hotkeys',
  latency: '/monitoring/?tab=slowlog',
  blocked: '/monitoring/?tab=clients',
  rejected: '/monitoring/?tab=clients',
};

function What({ alert }: { alert: Alert }) {
  return (
    <Link href={PLACE[alert.type] ?? '/monitoring/'} className="block min-w-32 truncate hover:underline" title={alertText(alert)}>
      {alertText(alert)}
    </Link>
  );
}

function ruleColumns(onEdit: (rule: AlertRule) => void): readonly Column<AlertRule>[] {
  return [
    { id: 'rule', label: 'Rule', value: (row) => ALERT_TITLE[row.type], cell: (row) => <span className="font-medium">{ALERT_TITLE[row.type]}</span> },
    { id: 'summary', label: 'Fires when', part: 'text', className: 'w-full min-w-56 whitespace-normal text-dim', cell: (row) => <span className="text-dim">{row.summary}</span> },
    { id: 'threshold', label: 'From', align: 'right', cell: (row) => (row.threshold === 0 ? <Badge>off</Badge> : alertValue(row.type, row.threshold)) },
    { id: 'holds', label: 'For', align: 'right', cell: (row) => formatSeconds(row.holds_s) },
    {
      id: 'edit',
      label: 'Actions',
      align: 'right',
      cell: (row) => (
        <GatedButton right="config|set" variant="ghost" size="sm" aria-label={`Change the rule ${ALERT_TITLE[row.type]}`} onClick={() => onEdit(row)}>
          <Pencil /> Change
        </GatedButton>
      ),
    },
  ];
}

export function AlertsTab() {
  const { alerts, rules, webhooks, error, loading, loadedAt, load } = useAlertStore();
  const [edited, setEdited] = useState<AlertRule | null>(null);
  const columns = useMemo(() => ruleColumns(setEdited), []);
  const resource: Resource<Alert[]> = { data: alerts, error, loading, loadedAt, reload: () => void load() };
  const firing = alerts?.filter((alert) => alert.state === 'firing').length ?? 0;
  return (
    <div className="flex flex-col gap-4">
      <Panel title="Alerts" unit={alerts === null ? undefined : firing === 0 ? 'none fires' : `${firing} firing`} actions={<Refresh resource={resource} />}>
        <ResourceView resource={resource}>
          {(list) => (
            <DataTable
              label="Alerts"
              columns={COLUMNS}
              rows={list}
              rowKey={(row) => row.id}
              initialSort={{ id: 'since', down: true }}
              empty={
                <Empty icon={<BellRing aria-hidden />} title="No alert since the server began: good news">
                  The rules below are looked at every second, whether or not this page is open.
                </Empty>
              }
            />
          )}
        </ResourceView>
      </Panel>
      {rules.length > 0 && (
        <Panel title="Rules" unit="thresholds are settings; write the configuration file to keep them">
          <DataTable label="Rules of alerts" columns={columns} rows={rules} rowKey={(row) => row.name} empty={null} />
        </Panel>
      )}
      {webhooks !== null && <Webhooks hooks={webhooks} />}
      {edited !== null && <AlertRuleDialog rule={edited} onClose={() => setEdited(null)} />}
    </div>
  );
}
