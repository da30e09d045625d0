import { describe, expect, it } from 'vitest';
import { deliveryText, webhookFault } from '@/lib/webhooks';

describe('webhooks', () => {
  it('are plain HTTP with a host', () => {
    expect(['http://h', 'http://ada:x@h:1/p?q=1', 'http://[::1]:9/'].map(webhookFault)).toEqual([null, null, null]);
    expect(webhookFault('https://h')).toMatch(/TLS/);
    expect(['h', 'http://', 'http:///x', 'http://a b', `http://${'h'.repeat(1100)}`].map(webhookFault)).not.toContain(null);
  });

  it('tell how it went', () => {
    const delivery = { t: 1, alert: 'a_3', delivered: true, status: 204, error: null, took_ms: 7, attempt: 1 };
    expect(deliveryText(delivery)).toBe('Alert a_3 taken (204) in 7 ms');
    expect(deliveryText({ ...delivery, alert: 'test', delivered: false, status: null, error: 'Connection refused', attempt: 2 })).toBe('Test not taken: Connection refused, attempt 2');
  });
});
