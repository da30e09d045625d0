// Alerts and their values in words.
import { display } from './bytes';
import type { Alert, AlertKind } from './contract';
import { formatCount, formatMicros, formatRate, formatRatio } from './format';

export const ALERT_TITLE: Record<AlertKind, string> = {
  hot_key: 'Hot key',
  memory: 'Memory near its limit',
  latency: 'Slow commands (p99)',
  errors: 'Failing commands',
  rejected: 'Refused connections',
  evictions: 'Evicted keys',
  blocked: 'Waiting clients',
  persistence: 'Persistence',
};

/** A value, or a threshold, in the unit of its rule. */
export function alertValue(kind: AlertKind, value: number): string {
  switch (kind) {
    case 'memory':
      return formatRatio(value / 100);
    case 'latency':
      return formatMicros(value);
    case 'blocked':
      return formatCount(value);
    case 'persistence':
      return value > 0 ? 'on' : 'off';
    default:
      return formatRate(value);
  }
}

export function alertText(alert: Alert): string {
  if (alert.type === 'hot_key') return `Hot key ${alert.key === null ? '' : display(alert.key)}`;
  if (alert.text !== null) return `${ALERT_TITLE[alert.type]}: ${alert.text}`;
  return ALERT_TITLE[alert.type];
}
