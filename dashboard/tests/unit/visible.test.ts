// Characters that hide or reorder text reach the screen nowhere (3.5): what is drawn is checked, and that no page draws data raw.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { ReplyView } from '@/components/console/reply-view';
import { ApiError } from '@/lib/api';
import { display, displayBlock, displayJson } from '@/lib/bytes';
import type { Reply } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { toGrid, toRaw } from '@/lib/reply';
import { useToastStore } from '@/stores/toast';

const HIDDEN = ['\u202e', '\u200b', '\u2066', '\ufeff', '\u00ad', '\u{e0041}', '\u0007', '\u0085'];
const NASTY = `a${HIDDEN.join('b')}c`;

function expectVisible(shown: string): void {
  for (const hidden of HIDDEN) expect(shown).not.toContain(hidden);
}

describe('what hides or reorders text', () => {
  const text = (value: string): Reply => ({ type: 'string', value });
  const replies: Reply[] = [
    text(NASTY),
    text(JSON.stringify({ [NASTY]: [NASTY, 1] })),
    { type: 'status', value: NASTY },
    { type: 'error', code: 'ERR', message: `ERR ${NASTY}` },
    { type: 'verbatim', format: 'txt', value: NASTY },
    { type: 'array', items: [text(NASTY), { type: 'array', items: [text(NASTY)] }, { type: 'map', entries: [[text(NASTY), text(NASTY)]] }] },
    { type: 'map', entries: [[text(NASTY), { type: 'array', items: [text(NASTY)] }]] },
  ];
  it.each(['json', 'table', 'raw', 'tree'] as const)('is seen in replies as %s', (view) => {
    for (const reply of replies) expectVisible(renderToStaticMarkup(createElement(ReplyView, { reply, view })));
  });
  it('is seen in every line and cell of a reply', () => {
    for (const reply of replies) {
      expectVisible(toRaw(reply));
      const { columns, rows } = toGrid(reply);
      expectVisible([...columns, ...rows.flat()].join(' '));
    }
  });
  it('is an escape of JSON in JSON, which means the same', () => {
    const json = JSON.stringify({ [NASTY]: NASTY }, null, 2);
    expectVisible(displayJson(json));
    expect(JSON.parse(displayJson(json))).toEqual({ [NASTY]: NASTY });
    expect(displayJson('{\n  "a": "é"\n}')).toBe('{\n  "a": "é"\n}');
  });
  it('is seen in failures and messages', () => {
    expectVisible(errorText(new ApiError(409, 'CONFLICT', `the key ${NASTY}`, {}, null)));
    expectVisible(errorText(new Error(NASTY)));
    useToastStore.getState().say(`Deleted ${NASTY}`);
    expectVisible(useToastStore.getState().toasts.map((toast) => toast.text).join());
  });
  it('stays seen when it is shown twice', () => {
    expect(display(display(NASTY))).toBe(display(NASTY));
    expect(displayBlock(displayJson(JSON.stringify(NASTY)))).toBe(displayJson(JSON.stringify(NASTY)));
  });
});

// Fields that carry what somebody else has written, drawn as they are: `{row.user}`, `title={row.url}`, `${error.message}`.
const CARRIERS = 'key|user|addr|message|url|lib_name|cmd|reason|rule|prefix|shown|error';
const OWNERS = 'row|entry|error|reply|job|run|failed|restore|client|answer|part|hook|alert|session|doomed|choice|item|command';
const RAW = new RegExp(`(?:>|^|[\\s}])\\{(?:${OWNERS})\\.(?:\\w+\\.)?(?:${CARRIERS})\\}|\\b(?:title|aria-label)=\\{(?:${OWNERS})\\.(?:${CARRIERS})\\}|\\$\\{(?:${OWNERS})\\.(?:${CARRIERS})\\}`);

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? sources(join(folder, entry.name)) : entry.name.endsWith('.tsx') ? [join(folder, entry.name)] : []));
}

describe('the pages', () => {
  const root = join(__dirname, '..', '..');
  const drawn = [...sources(join(root, 'components')), ...sources(join(root, 'app'))];
  it('draw no data as it came', () => {
    const raw = drawn.flatMap((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .flatMap((line, at) => (RAW.test(line.replace(/\bkey=\{[^}]*\}/, '').replace(/<(Failure|JobState) [^>]*>/, '')) ? [`${file.slice(root.length + 1)}:${at + 1} ${line.trim()}`] : [])),
    );
    expect(raw).toEqual([]);
  });
  it('would be found out', () => {
    for (const line of ['<td>{row.user}</td>', '          {row.user}', 'title={row.url}', '`of ${row.user} from`', '<p>{error.message}</p>', '{job.error}', '{ cell: <b>{row.cmd}</b> }']) expect(RAW.test(line), line).toBe(true);
    for (const line of ['{display(row.user)}', '{formatCount(row.keys)}', '{row.id}']) expect(RAW.test(line), line).toBe(false);
  });
  it('draw values and JSON by the functions that make all visible', () => {
    const value = readFileSync(join(root, 'components/explorer/string-value.tsx'), 'utf8');
    expect(value).toMatch(/displayJson\(json\)/);
    expect(value).toMatch(/displayBlock\(value\)/);
  });
});
