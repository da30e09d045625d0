// What is wrong with an address before the server is asked, and how a delivery went, in words.
import type { Delivery } from './contract';

export const WEBHOOKS_MAX = 4;

/** Why alerts cannot be sent there; null where the server decides. */
export function webhookFault(url: string): string | null {
  if (/^https:/i.test(url)) return 'TLS is not supported for webhooks: name an http:// address, such as that of a proxy on this machine.';
  if (/\s/.test(url)) return 'An address has no spaces.';
  if (!/^http:\/\/[^/?#]/.test(url)) return 'An address begins with http:// and a host.';
  return url.length > 1024 ? 'An address has at most 1024 characters.' : null;
}

export function deliveryText({ alert, delivered, status, error, took_ms, attempt }: Delivery): string {
  const what = alert === 'test' ? 'Test' : `Alert ${alert}`;
  const which = attempt > 1 ? `, attempt ${attempt}` : '';
  return delivered ? `${what} taken (${status ?? ''}) in ${took_ms} ms${which}` : `${what} not taken: ${error ?? 'no reason is known'}${which}`;
}
