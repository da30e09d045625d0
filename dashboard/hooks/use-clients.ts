// The connected clients, kept up by their topic: asked for when they are shown and when the connection is new, never on a timer.
'use client';
import { useState } from 'react';
import { api } from '@/lib/api';
import { type ClientsKnown, NO_CLIENTS, withAnswer, withChange } from '@/lib/client-rows';
import { type Resource, useResource } from './use-resource';
import { useSpaced } from './use-spaced';
import { useTopic } from './use-topic';

export function useClients(): Resource<ClientsKnown> & { live: boolean } {
  const [known, setKnown] = useState<ClientsKnown>(NO_CLIENTS);
  const asked = useResource((signal) =>
    api.clients(signal).then((answer) => {
      if (!signal.aborted) setKnown((known) => withAnswer(known, answer));
      return answer;
    }),
  );
  const again = useSpaced(asked.reload);
  const refused = useTopic('clients', { onMessage: (change) => setKnown((known) => withChange(known, change)), onLost: again, onFresh: asked.reload });
  return { ...asked, data: asked.data === null ? null : known, live: refused === null };
}
