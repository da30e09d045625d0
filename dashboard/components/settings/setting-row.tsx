// One setting in the list.
import { Pencil } from 'lucide-react';
import { memo } from 'react';
import { GatedButton } from '@/components/state/gated-button';
import { Badge } from '@/components/ui/badge';
import { display } from '@/lib/bytes';
import type { Setting } from '@/lib/contract';

const SOURCES: Record<Setting['source'], string> = {
  default: 'default',
  environment: 'environment',
  file: 'file',
  'command-line': 'command line',
  runtime: 'set while running',
};

// What stands between backticks in the server's text is code.
function Summary({ text }: { text: string }) {
  return text.split('`').map((part, at) => (at % 2 === 0 ? part : <code key={at} className="rounded-sm bg-raised px-1 font-mono">{part}</code>));
}

/** Drawn once, while the list grows. */
export const SettingRow = memo(function SettingRow({ setting, onEdit }: { setting: Setting; onEdit(setting: Setting): void }) {
  const value = setting.sensitive ? '••••••' : setting.value === '' ? '(empty)' : display(setting.value ?? '');
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-1 py-2 md:grid-cols-[minmax(0,5fr)_minmax(0,3fr)_auto]">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <code className="font-mono font-medium break-all">{setting.name}</code>
          {setting.source !== 'default' && <Badge variant="accent">{SOURCES[setting.source]}</Badge>}
          {setting.changes === 'restart' && <Badge>needs restart</Badge>}
          {setting.changes === 'protected' && <Badge variant="warning">protected</Badge>}
          {setting.effect === 'none' && <Badge title="Accepted for compatibility; changes nothing">no effect</Badge>}
        </p>
        <p className="text-xs text-dim"><Summary text={setting.summary} /></p>
      </div>
      <div className="min-w-0 max-md:order-last max-md:col-span-2">
        <p className="truncate font-mono text-xs" title={value ?? undefined}>
          {value}
        </p>
        {setting.source !== 'default' && setting.default !== null && !setting.sensitive && (
          <p className="truncate text-xs text-muted">default {setting.default === '' ? '(empty)' : display(setting.default)}</p>
        )}
      </div>
      <div className="w-8 text-right">
        {setting.changes === 'now' && (
          <GatedButton right="config|set" variant="ghost" size="icon-sm" aria-label={`Edit ${setting.name}`} onClick={() => onEdit(setting)}>
            <Pencil />
          </GatedButton>
        )}
      </div>
    </div>
  );
});
