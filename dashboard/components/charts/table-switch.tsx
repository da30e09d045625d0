// Turns a chart into the table that says the same, and back.
'use client';
import { ChartColumn, Table2 } from 'lucide-react';
import { Button } from '@/components/ui/button';

export function TableSwitch({ name, asTable, onChange }: { name: string; asTable: boolean; onChange(asTable: boolean): void }) {
  return (
    <Button variant="ghost" size="icon-sm" aria-pressed={asTable} aria-label={asTable ? `Show ${name} as chart` : `Show ${name} as table`} title={asTable ? 'Show as chart' : 'Show as table'} onClick={() => onChange(!asTable)}>
      {asTable ? <ChartColumn /> : <Table2 />}
    </Button>
  );
}
