// What the server says about the command that is being typed.
import { Badge } from '@/components/ui/badge';
import type { CommandRow } from '@/lib/contract';

const REASONS: Record<string, string> = {
  blocking: 'It waits until it is served, its time is over, or you stop it.',
  subscribe: 'It listens until you stop it or leave the page.',
  'connection-state': 'It is about a connection, and each command here has one of its own.',
};

export function CommandCard({ command }: { command: CommandRow | null }) {
  if (command === null) return <p className="text-dim">Type a command, and what this server knows about it stands here.</p>;
  return (
    <div className="flex flex-col gap-3">
      <h2 className="font-mono text-base font-semibold">{command.name.replace('|', ' ').toUpperCase()}</h2>
      <p>{command.summary}</p>
      <code className="rounded-md bg-raised px-2 py-1.5 font-mono text-xs break-words">{command.syntax}</code>
      <div className="flex flex-wrap gap-1">
        {command.read_only ? <Badge variant="success">runs read-only</Badge> : <Badge variant="warning">needs unlocked editing</Badge>}
        {!command.allowed && <Badge variant="error">not allowed for you</Badge>}
        {command.categories.map((category) => (
          <Badge key={category} className="font-mono">
            @{category}
          </Badge>
        ))}
      </div>
      {command.unsupported !== null && <p className={command.unsupported === 'connection-state' ? 'text-warning' : 'text-dim'}>{REASONS[command.unsupported] ?? 'Not available here.'}</p>}
      <dl className="grid grid-cols-[auto_1fr] gap-x-3 gap-y-1 text-xs">
        <dt className="text-muted">Cost</dt>
        <dd>{command.complexity}</dd>
        <dt className="text-muted">Since</dt>
        <dd>{command.since}</dd>
        <dt className="text-muted">Group</dt>
        <dd>{command.group}</dd>
      </dl>
    </div>
  );
}
