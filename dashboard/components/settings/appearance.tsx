// Theme, density, motion and the keys of shortcuts; kept in this browser only.
'use client';
import { Monitor, Moon, Sun } from 'lucide-react';
import type { ReactNode } from 'react';
import { Panel } from '@/components/ui/panel';
import { Segmented } from '@/components/ui/segmented';
import { Switch } from '@/components/ui/switch';
import { lazily } from '@/components/state/lazily';
import { type Density, type Theme, useSettingsStore } from '@/stores/settings';

const Keyboard = lazily(() => import('./keyboard').then((module) => module.Keyboard));

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
    <div className="flex flex-col gap-4">
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
          <Choice title="Single-key shortcuts" text="Keys without a modifier, such as G D for the Dashboard. The palette opens either way.">
            <Switch label="Single-key shortcuts" checked={letters} onChange={(on) => change({ letters: on })} />
          </Choice>
        </div>
      </Panel>
      <Keyboard />
    </div>
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
