// Alerts that fire or fired, their rules, and where they are sent to: asked for when the connection is new, then kept up by the topic.
import { create } from 'zustand';
import { api } from '@/lib/api';
import type { Alert, AlertRule, Webhook } from '@/lib/contract';

interface AlertStore {
  /** Newest first; null before the first answer. */
  alerts: Alert[] | null;
  rules: AlertRule[];
  /** Null where settings may not be read, and before the first answer. */
  webhooks: Webhook[] | null;
  error: unknown;
  loading: boolean;
  loadedAt: number | null;
  load(): Promise<void>;
  take(alert: Alert): void;
  takeRule(rule: AlertRule): void;
  takeWebhooks(webhooks: Webhook[]): void;
}

const KEPT = 256;

export function withAlert(alerts: readonly Alert[], alert: Alert): Alert[] {
  const at = alerts.findIndex((one) => one.id === alert.id);
  if (at >= 0) return alerts.map((one) => (one.id === alert.id ? alert : one));
  return [alert, ...alerts].slice(0, KEPT);
}

export const useAlertStore = create<AlertStore>()((set) => ({
  alerts: null,
  rules: [],
  webhooks: null,
  error: null,
  loading: false,
  loadedAt: null,
  async load() {
    set({ loading: true });
    try {
      const { alerts, rules, webhooks } = await api.alerts();
      set({ alerts, rules, webhooks: webhooks ?? null, error: null, loading: false, loadedAt: Date.now() });
    } catch (error) {
      set({ error, loading: false });
    }
  },
  takeWebhooks: (webhooks) => set({ webhooks }),
  take: (alert) => set((state) => ({ alerts: withAlert(state.alerts ?? [], alert) })),
  takeRule: (rule) => set((state) => ({ rules: state.rules.map((one) => (one.name === rule.name ? rule : one)) })),
}));

/** How many fire now. */
export function useFiring(): number {
  return useAlertStore((store) => store.alerts?.filter((alert) => alert.state === 'firing').length ?? 0);
}
