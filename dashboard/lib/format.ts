// Numbers, sizes, durations and times as people read them. A missing value is an em dash, a real zero is 0,
// and a no-break space stands between number and unit. Everything here is pure; sorting uses the raw values.

/** What stands where a value is not known. */
export const MISSING = '—';
const NBSP = '\u00a0';

type Maybe = number | null | undefined;

function absent(value: Maybe): value is null | undefined {
  return value === null || value === undefined || !Number.isFinite(value);
}

/** 9812044 → `9,812,044`; by hand, since making an Intl.NumberFormat holds the first paint of a phone for 60 ms */
export function formatCount(value: Maybe): string {
  return absent(value) ? MISSING : Math.round(value).toFixed(0).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** The word for so many: `key` for one, `keys` for all else and where it is not known; `words` where no rule makes it. */
export function plural(value: Maybe, word: string, words?: string): string {
  if (value === 1) return word;
  if (words !== undefined) return words;
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  return /(?:s|x|ch|sh)$/.test(word) ? `${word}es` : `${word}s`;
}

/** 1 → `1 key`, 9812 → `9,812 keys`: every count that stands before its word. */
export function counted(value: Maybe, word: string, words?: string): string {
  return `${formatCount(value)} ${plural(value, word, words)}`;
}

// Three significant digits, keeping the digits of the whole part: 9.81, 98.1, 981.
function threeDigits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

function scaled(value: number): [string, string] {
  const size = Math.abs(value);
  if (size < 999.5) return [Number.isInteger(value) ? String(value) : threeDigits(value), ''];
  if (size < 999_500) return [threeDigits(value / 1e3), 'k'];
  if (size < 999_500_000) return [threeDigits(value / 1e6), 'M'];
  if (size < 999.5e9) return [threeDigits(value / 1e9), 'G'];
  return [threeDigits(value / 1e12), 'T'];
}

/** 9812044 → `9.81 M`, for cards and axes */
export function formatCompact(value: Maybe): string {
  if (absent(value)) return MISSING;
  const [number, unit] = scaled(value);
  return unit === '' ? number : `${number}${NBSP}${unit}`;
}

/** 184200 → `184 k/s` */
export function formatRate(value: Maybe): string {
  if (absent(value)) return MISSING;
  const [number, unit] = scaled(value);
  return `${number}${NBSP}${unit}/s`;
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 6657199308 → `6.2 GiB`; one decimal under 100 */
export function formatBytes(value: Maybe): string {
  if (absent(value)) return MISSING;
  let amount = Math.abs(value);
  let unit = 0;
  // 1023.6 KiB would print as 1024 KiB, so the step is taken at what would round up.
  while (amount >= (unit === 0 ? 1024 : 1023.5) && unit < BYTE_UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  const sign = value < 0 ? '-' : '';
  const digits = unit === 0 ? String(Math.round(amount)) : amount < 99.95 ? amount.toFixed(1) : amount.toFixed(0);
  return `${sign}${digits}${NBSP}${BYTE_UNITS[unit] ?? 'B'}`;
}

/** 12288 → `12.0 KiB/s` */
export function formatByteRate(value: Maybe): string {
  return absent(value) ? MISSING : `${formatBytes(value)}/s`;
}

/** 0.987 → `98.7 %` */
export function formatRatio(value: Maybe): string {
  if (absent(value)) return MISSING;
  const percent = value * 100;
  // 99.97 % must not read as a perfect 100 %.
  const text = percent === 100 || percent === 0 ? String(percent) : percent > 99.9 ? '99.9' : percent.toFixed(1);
  return `${text}${NBSP}%`;
}

/** Microseconds: `840 µs`, `1.24 ms`, `2.1 s`, `3 m 04 s` */
export function formatMicros(value: Maybe): string {
  if (absent(value)) return MISSING;
  if (value < 10 && !Number.isInteger(value)) return `${value.toFixed(1)}${NBSP}µs`;
  if (value < 999.5) return `${Math.round(value)}${NBSP}µs`;
  if (value < 999_500) return `${threeDigits(value / 1e3)}${NBSP}ms`;
  return formatSeconds(value / 1e6);
}

/** Seconds: `2.1 s`, `42 s`, `3 m 04 s`, `2 h 05 m`, `9 d 4 h` */
export function formatSeconds(value: Maybe): string {
  if (absent(value)) return MISSING;
  if (value < 9.95 && !Number.isInteger(value)) return `${value.toFixed(1)}${NBSP}s`;
  const seconds = Math.round(value);
  if (seconds < 60) return `${seconds}${NBSP}s`;
  if (seconds < 3600) return pair(seconds, 60, 'm', 's');
  if (seconds < 86_400) return pair(Math.floor(seconds / 60), 60, 'h', 'm');
  const hours = Math.floor(seconds / 3600);
  return `${Math.floor(hours / 24)}${NBSP}d ${hours % 24}${NBSP}h`;
}

function pair(total: number, base: number, large: string, small: string): string {
  return `${Math.floor(total / base)}${NBSP}${large} ${String(total % base).padStart(2, '0')}${NBSP}${small}`;
}

/** Time to live in milliseconds; null means that the key does not expire. */
export function formatTtl(ttl_ms: number | null): string {
  if (ttl_ms === null) return 'no expiry';
  return formatSeconds(Math.max(0, Math.ceil(ttl_ms / 1000)));
}

/** How long ago, in words that fit a table: `now`, `14 s ago`, `2 m ago` */
export function formatAgo(then_ms: number, now_ms: number): string {
  const seconds = Math.max(0, Math.floor((now_ms - then_ms) / 1000));
  if (seconds < 2) return 'now';
  if (seconds < 60) return `${seconds}${NBSP}s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}${NBSP}m ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}${NBSP}h ago`;
  return `${Math.floor(seconds / 86_400)}${NBSP}d ago`;
}

/** Local wall clock, 24 hours: `10:44:07` or with `millis` `10:44:07.120` */
export function formatClock(time_ms: number, millis = false): string {
  const at = new Date(time_ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return millis ? `${clock}.${String(at.getMilliseconds()).padStart(3, '0')}` : clock;
}

/** Local day and minute: `2026-11-22 10:44`. */
export function formatDay(time_ms: number): string {
  const at = new Date(time_ms);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${formatClock(time_ms).slice(0, 5)}`;
}

/** ISO 8601 in UTC, for copying and for titles. */
export function formatIso(time_ms: number): string {
  return new Date(time_ms).toISOString();
}
