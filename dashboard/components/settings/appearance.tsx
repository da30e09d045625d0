// Theme, density, motion and single-letter shortcuts; kept in this browser only.
'use client';
import { Monitor, Moon, Sun } from 'lucide-react';
import type { ReactNode } from 'react';
import { Panel } from '@/components/ui/panel';
import { Segmented } from '@/components/ui/segmented';
import { Switch } from '@/components/ui/switch';
import { type Density, type Theme, useSettingsStore } from '@/stores/settings';

const THEMES: readonly { value: Theme; label: ReactNode }[] = [
  { value: 'dark', label: <><Moon aria-hidden /> Dark</> },
  { value: 'light', label: <><Sun aria-hidden /> Light</> },
  { value: 'system', label: <><Monitor aria-hidden /> System</> },
];

const DENSITIES: readonly { value: Density; label: string }[] = [
  { value: 'compact', label: 'Compact' },
  { value: 'default', label: 'Default' },
  { value: 'relaxed', label: 'Relaxed' },
];

export function Appearance() {
  const { theme, density, motion, letters, change } = useSettingsStore();
  return (
    <Panel title="Appearance" unit="of this browser" className="max-w-3xl">
      <div className="divide-y divide-line">
        <Choice title="Theme" text="System follows your device.">
          <Segmented label="Theme" size="md" value={theme} onChange={(value) => change({ theme: value })} options={THEMES} />
        </Choice>
        <Choice title="Density" text="Height of rows in tables and lists.">
          <Segmented label="Density" size="md" value={density} onChange={(value) => change({ density: value })} options={DENSITIES} />
        </Choice>
        <Choice title="Reduce motion" text="Figures jump instead of gliding. Your device’s own setting counts too.">
          <Switch label="Reduce motion" checked={motion === 'reduced'} onChange={(on) => change({ motion: on ? 'reduced' : 'full' })} />
        </Choice>
        <Choice title="Single-letter shortcuts" text="Such as G D for the Dashboard. The palette opens either way.">
          <Switch label="Single-letter shortcuts" checked={letters} onChange={(on) => change({ letters: on })} />
        </Choice>
      </div>
    </Panel>
  );
}

function Choice({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-x-6 gap-y-2 py-3">
      <div>
        <p className="font-medium">{title}</p>
        <p className="text-dim">{text}</p>
      </div>
      {children}
    </div>
  );
}
