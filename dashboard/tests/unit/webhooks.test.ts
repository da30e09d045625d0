import { describe, expect, it } from 'vitest';
import type { Webhook } from '@/lib/contract';
import { deliveryText, isPlain, nameOf, stateText, webhookFault } from '@/lib/webhooks';

const hook = (id: string, part: Partial<Webhook> = {}): Webhook => ({ id, url: 'https://hooks.example/***', state: 'good', waiting: 0, failures: 0, delivered_total: 0, delivered_ms: null, dropped_total: 0, last: null, ...part });

describe('webhooks', () => {
  it('are by HTTP, with TLS or not, and have a host', () => {
    expect(['http://h', 'https://h/x', 'http://ada:x@h:1/p?q=1', 'http://[::1]:9/'].map(webhookFault)).toEqual([null, null, null, null]);
    expect(['http://h', 'https://h'].map(isPlain)).toEqual([true, false]);
    expect(['h', 'http://', 'https://', 'http:///x', 'ftp://h', 'http://a b', `http://${'h'.repeat(1100)}`].map(webhookFault)).not.toContain(null);
  });

  it('tell how it went', () => {
    const delivery = { t: 1, alert: 'a_3', delivered: true, status: 204, error: null, took_ms: 7, attempt: 1 };
    expect(deliveryText(delivery)).toBe('Alert a_3 taken (204) in 7 ms');
    expect(deliveryText({ ...delivery, alert: 'test', delivered: false, status: null, error: 'Connection refused', attempt: 2 })).toBe('Test not taken: Connection refused, attempt 2');
  });

  it('are told apart where they are shown as the same', () => {
    const hooks = [hook('aabbccdd'), hook('11223344'), hook('99887766', { url: 'https://other.example/***' })];
    expect(hooks.map((one) => nameOf(one, hooks))).toEqual(['#aabb https://hooks.example/***', '#1122 https://hooks.example/***', 'https://other.example/***']);
  });

  it('say how they do', () => {
    expect(stateText(hook('a', { state: 'new' }))).toBe('not used yet');
    expect(stateText(hook('a'))).toBe('Good');
    expect(stateText(hook('a', { state: 'failing', failures: 1 }))).toBe('Failing');
    expect(stateText(hook('a', { state: 'failing', failures: 4 }))).toBe('Failing, 4 in a row');
  });
});
