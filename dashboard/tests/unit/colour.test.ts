// The colours, recomputed from the style sheet itself: contrast of every text and control colour on every background,
// and the distance of the series for people with and without colour-vision deficiency.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ciede2000, contrast, simulate, type Vision } from './colour-math';

const css = readFileSync(new URL('../../app/tokens.css', import.meta.url), 'utf8');

function tokens(theme: 'dark' | 'light'): Record<string, string> {
  const block = new RegExp(`\\[data-theme='${theme}'\\]\\s*\\{([^}]*)\\}`).exec(css)?.[1] ?? '';
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*([^;]+);/g)].map((match) => [match[1] ?? '', match[2] ?? '']));
}

const BACKGROUNDS = ['bg-primary', 'bg-secondary', 'bg-tertiary'];

describe.each(['dark', 'light'] as const)('the %s theme', (theme) => {
  const colour = tokens(theme);
  const of = (name: string) => colour[name] ?? '';

  it.each(['text-primary', 'text-secondary', 'text-muted', 'accent-text', 'error-text', 'success', 'warning'])('%s is readable on every background', (name) => {
    for (const background of BACKGROUNDS) expect(contrast(of(name), of(background))).toBeGreaterThanOrEqual(4.5);
  });
  it('draws controls and series at 3:1 and more', () => {
    for (const background of BACKGROUNDS) expect(contrast(of('border-control'), of(background))).toBeGreaterThanOrEqual(3);
    for (let at = 1; at <= 6; at += 1) expect(contrast(of(`series-${at}`), of('bg-secondary'))).toBeGreaterThanOrEqual(3);
  });
  it('keeps the labels of solid buttons readable', () => {
    expect(contrast(of('on-accent'), of('accent-hover'))).toBeGreaterThanOrEqual(4.5);
    expect(contrast(of('on-danger'), of('danger'))).toBeGreaterThanOrEqual(4.5);
  });
  it('keeps badges readable on their tint', () => {
    const part = Number.parseFloat(of('tint')) / 100;
    for (const [text, tint] of [['success', 'success'], ['warning', 'warning'], ['error-text', 'error']] as const) {
      for (const background of BACKGROUNDS) expect(contrast(of(text), mix(of(tint), of(background), part))).toBeGreaterThanOrEqual(4.5);
    }
  });
  it.each([
    ['normal', 25],
    ['protan', 15],
    ['deutan', 15],
  ] as const)('keeps series apart for %s vision', (vision: Vision, least: number) => {
    const all = Array.from({ length: 6 }, (_, at) => simulate(of(`series-${at + 1}`), vision));
    const distances = all.flatMap((a, at) => all.slice(at + 1).map((b) => ciede2000(a, b)));
    expect(Math.min(...distances)).toBeGreaterThanOrEqual(least);
  });
});

it('the dark values of the requirements are exact', () => {
  expect(tokens('dark')).toMatchObject({
    'bg-primary': '#09090b', 'bg-secondary': '#18181b', 'bg-tertiary': '#27272a', border: '#3f3f46', 'text-primary': '#fafafa', 'text-secondary': '#a1a1aa',
    accent: '#3b82f6', 'accent-hover': '#2563eb', success: '#22c55e', warning: '#f59e0b', error: '#ef4444',
  });
});

function mix(over: string, under: string, part: number): string {
  const channel = (text: string, at: number) => Number.parseInt(text.slice(1 + at * 2, 3 + at * 2), 16);
  return `#${[0, 1, 2].map((at) => Math.round(channel(over, at) * part + channel(under, at) * (1 - part)).toString(16).padStart(2, '0')).join('')}`;
}
