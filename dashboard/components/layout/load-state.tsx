// What is said of a server that loads its data: how far it is and how long it will take.
'use client';
import { Progress } from '@/components/ui/progress';
import { loadWords } from '@/lib/load-words';
import { useServerStore } from '@/stores/server';

/** How far it is, where that is known. Read aloud is only that it loads: the rest changes each second. */
export function LoadState() {
  const share = useServerStore((store) => store.sample?.load_share ?? null);
  const keys = useServerStore((store) => store.sample?.load_keys ?? null);
  const records = useServerStore((store) => store.sample?.load_records ?? null);
  const rest_s = useServerStore((store) => store.sample?.load_rest_s ?? null);
  const words = loadWords({ share, keys, records, rest_s });
  return (
    <span className="flex min-w-0 flex-1 flex-wrap items-center gap-x-3 gap-y-1">
      <span>The server is loading its data{words === '' && '. Figures grow until it is ready'}.</span>
      {words !== '' && (
        <span className="num" aria-hidden>
          {words}
        </span>
      )}
      {share !== null && <Progress label="Data loaded" part={share} className="max-w-48" />}
    </span>
  );
}
