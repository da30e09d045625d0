// Each key that does something, and another one for it: pressed, not typed. Kept in this browser only.
'use client';
import { RotateCcw } from 'lucide-react';
import { Fragment, useState, type KeyboardEvent } from 'react';
import { Button } from '@/components/ui/button';
import { Kbd } from '@/components/ui/kbd';
import { Panel } from '@/components/ui/panel';
import { useModKey } from '@/hooks/use-mod-key';
import { useSlices } from '@/hooks/use-slices';
import { cn } from '@/lib/cn';
import { comboOf, isSingle, keyOf, KEYS, objectionTo, withKey, type KeyId } from '@/lib/keymap';
import { KEY_GROUPS, wordsOf } from '@/lib/key-names';
import { useSettingsStore } from '@/stores/settings';

const LABELS = new Map(KEY_GROUPS.flatMap(({ keys }) => keys.map(({ id, label }) => [id, label] as const)));

export function Keyboard() {
  const own = useSettingsStore((store) => store.keys);
  const change = useSettingsStore((store) => store.change);
  const [listening, setListening] = useState<KeyId | null>(null);
  const [news, setNews] = useState('');
  const count = Object.keys(own).length;
  const drawn = useSlices(KEY_GROUPS.length, 1, 1);
  const onKey = (id: KeyId, event: KeyboardEvent) => {
    // Who walks on has changed their mind.
    if (event.key === 'Tab') return setListening(null);
    event.preventDefault();
    event.stopPropagation();
    if (event.key === 'Escape') return setListening(null);
    const combo = comboOf(event.nativeEvent);
    if (combo === null) return;
    const objection = objectionTo(id, combo, own);
    if (objection === null) {
      change({ keys: withKey(own, id, combo) });
      setNews(`${LABELS.get(id) ?? id} has its new key.`);
      return setListening(null);
    }
    setNews('taken' in objection ? `That is the key of “${LABELS.get(objection.taken) ?? objection.taken}”. Give that another one first.` : objection.text);
  };
  return (
    <Panel
      title="Keyboard"
      unit="of this browser"
      className="max-w-3xl"
      actions={
        <Button
          size="sm"
          disabled={count === 0}
          onClick={() => {
            change({ keys: {} });
            setNews('All keys are those of old.');
          }}
        >
          <RotateCcw /> Reset all
        </Button>
      }
    >
      <p role="status" className={news === '' ? 'sr-only' : 'mb-2 rounded-md bg-raised px-3 py-2'}>
        {news}
      </p>
      {KEY_GROUPS.slice(0, drawn).map(({ heading, keys }) => (
        <section key={heading} className="mb-3 last:mb-0">
          <h3 className="pb-1 text-xs font-medium text-muted">{heading}</h3>
          <ul className="divide-y divide-line">
            {keys.map(({ id, label }) => (
              <li key={id} className="row-h flex items-center justify-between gap-3 coarse:min-h-11">
                <span>{label}</span>
                <KeyField
                  id={id}
                  label={label}
                  isListening={listening === id}
                  onBegin={() => {
                    setNews('');
                    setListening(id);
                  }}
                  onEnd={() => setListening(null)}
                  onKey={(event) => onKey(id, event)}
                  onReset={() => change({ keys: withKey(own, id, KEYS[id]) })}
                />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </Panel>
  );
}

interface KeyFieldProps {
  id: KeyId;
  label: string;
  isListening: boolean;
  onBegin(): void;
  onEnd(): void;
  onKey(event: KeyboardEvent): void;
  onReset(): void;
}

function KeyField({ id, label, isListening, onBegin, onEnd, onKey, onReset }: KeyFieldProps) {
  const mod = useModKey();
  const combo = useSettingsStore((store) => keyOf(id, store.keys));
  const letters = useSettingsStore((store) => store.letters);
  const words = wordsOf(combo, mod);
  return (
    <span className="flex items-center gap-1">
      {combo !== KEYS[id] && (
        <Button variant="ghost" size="icon-sm" aria-label={`${label}: back to the key of old`} title="Back to the key of old" onClick={onReset}>
          <RotateCcw />
        </Button>
      )}
      <Button
        variant="ghost"
        size="sm"
        data-editing-key={isListening || undefined}
        className={cn('min-w-20 justify-end', isListening && 'bg-raised text-ink')}
        onClick={onBegin}
        onBlur={onEnd}
        onKeyDown={isListening ? onKey : undefined}
      >
        {/* No label of its own: what is seen is a part of the name. */}
        <span className="sr-only">{label}: </span>
        {isListening ? (
          'Press a key…'
        ) : (
          <>
            {!letters && isSingle(combo) && <span className="text-xs text-muted">off</span>}
            {words.map((word, at) => (
              <Fragment key={word}>
                {at > 0 && ' '}
                <Kbd>{word}</Kbd>
              </Fragment>
            ))}
            <span className="sr-only">, change</span>
          </>
        )}
      </Button>
    </span>
  );
}
