// How far the loading of data is, in words: what is not known is left out.
import { formatRate, formatRatio, formatSeconds } from './format';

interface Load {
  share: number | null;
  /** Of snapshots, per second. */
  keys: number | null;
  /** Of the log, per second. */
  records: number | null;
  rest_s: number | null;
}

export function loadWords({ share, keys, records, rest_s }: Load): string {
  const pace = keys !== null && keys > 0 ? `${formatRate(keys).replace('/s', ' keys/s')}` : records !== null && records > 0 ? `${formatRate(records).replace('/s', ' records/s')}` : null;
  const parts = [share === null ? null : formatRatio(share), pace, rest_s === null ? null : `${formatSeconds(Math.ceil(rest_s))} left`];
  return parts.filter((part) => part !== null).join(' · ');
}
