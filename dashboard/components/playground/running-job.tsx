// A job that runs: what it is at, how far it is, and a way to end it.
'use client';
import { Square } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from '@/components/ui/button';
import { Progress } from '@/components/ui/progress';
import { api } from '@/lib/api';
import type { JobMessage } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { counted, formatRatio } from '@/lib/format';
import { useToastStore } from '@/stores/toast';

interface RunningJobProps {
  message: JobMessage;
  children?: ReactNode;
}

export function RunningJob({ message, children }: RunningJobProps) {
  const say = useToastStore((store) => store.say);
  const part = (message.total ?? 0) > 0 ? (message.done ?? 0) / (message.total ?? 1) : 0;
  const abort = () => api.endJob(message.id).then(() => say('It ends as soon as it can'), (error: unknown) => say(errorText(error), 'error'));
  return (
    <div className="flex flex-col gap-3 rounded-md border border-line bg-page px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <span className="font-medium first-letter:uppercase">{message.phase}</span>
        <span className="num text-dim">{formatRatio(part)}</span>
        {(message.errors ?? 0) > 0 && <span className="num text-error-text">{counted(message.errors, 'error')}</span>}
        <Button size="sm" className="ml-auto" onClick={abort}>
          <Square /> Abort
        </Button>
      </div>
      <Progress label={message.phase ?? 'Progress'} part={part} />
      {children}
    </div>
  );
}
