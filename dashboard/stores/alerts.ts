// Alerts that fire or fired, and their rules: asked for when the connection is new, then kept up by the topic.
import { create } from 'zustand';
import { api } from '@/lib/api';
import type { Alert, AlertRule } from '@/lib/contract';

interface AlertStore {
  /** Newest first; null before the first answer. */
  alerts: Alert[] | null;
  rules: AlertRule[];
  error: unknown;
  loading: boolean;
  loadedAt: number | null;
  load(): Promise<void>;
  take(alert: Alert): void;
  takeRule(rule: AlertRule): void;
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
  error: null,
  loading: false,
  loadedAt: null,
  async load() {
    set({ loading: true });
    try {
      const { alerts, rules } = await api.alerts();
      set({ alerts, rules, error: null, loading: false, loadedAt: Date.now() });
    } catch (error) {
      set({ error, loading: false });
    }
  },
  take: (alert) => set((state) => ({ alerts: withAlert(state.alerts ?? [], alert) })),
  takeRule: (rule) => set((state) => ({ rules: state.rules.map((one) => (one.name === rule.name ? rule : one)) })),
}));

/** How many fire now. */
export function useFiring(): number {
  return useAlertStore((store) => store.alerts?.filter((alert) => alert.state === 'firing').length ?? 0);
}
