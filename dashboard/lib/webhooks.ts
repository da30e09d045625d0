// What is wrong with an address before the server is asked, how a delivery went, and how an address does, in words.
import { display } from './bytes';
import type { Delivery, Webhook } from './contract';

export const WEBHOOKS_MAX = 4;

/** Why alerts cannot be sent there; null where the server decides. */
export function webhookFault(url: string): string | null {
  if (/\s/.test(url)) return 'An address has no spaces.';
  if (!/^https?:\/\/[^/?#]/.test(url)) return 'An address begins with https:// or http:// and a host.';
  return url.length > 1024 ? 'An address has at most 1024 characters.' : null;
}

export function deliveryText({ alert, delivered, status, error, took_ms, attempt }: Delivery): string {
  const what = alert === 'test' ? 'Test' : `Alert ${alert}`;
  const which = attempt > 1 ? `, attempt ${attempt}` : '';
  return delivered ? `${what} taken (${status ?? ''}) in ${took_ms} ms${which}` : `${what} not taken: ${display(error ?? 'no reason is known')}${which}`;
}

/** What can be read by others on the way, the tokens of its path included. */
export function isPlain(url: string): boolean {
  return url.startsWith('http://');
}

/** How an address is called: with digits of its id where another is shown as the same, since what tells them apart is a secret. */
export function nameOf(hook: Webhook, hooks: readonly Webhook[]): string {
  const alike = hooks.some((other) => other.id !== hook.id && other.url === hook.url);
  return alike ? `#${hook.id.slice(0, 4)} ${hook.url}` : hook.url;
}

export function stateText({ state, failures }: Webhook): string {
  if (state === 'new') return 'not used yet';
  if (state === 'good') return 'Good';
  return failures > 1 ? `Failing, ${failures} in a row` : 'Failing';
}
