// All of a value as a file, which the browser fetches as the server reads it: nothing of it is held by the page.
'use client';
import { Download } from 'lucide-react';
import { Button } from '@/components/ui/button';
import { api } from '@/lib/api';
import type { Bytes } from '@/lib/contract';
import { fetchFile } from '@/lib/save-file';

export function FileButton({ name, db, what }: { name: Bytes; db: number; what: string }) {
  return (
    // The server names the file.
    <Button size="sm" title={what} onClick={() => fetchFile(api.rawUrl(name, db), '')}>
      <Download /> Download
    </Button>
  );
}
