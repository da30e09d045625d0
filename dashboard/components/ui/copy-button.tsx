// Copies a text and says so, to the eye and to screen readers.
'use client';
import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useToastStore } from '@/stores/toast';
import { Button } from './button';

interface CopyButtonProps {
  text: string;
  label: string;
  className?: string;
}

export function CopyButton({ text, label, className }: CopyButtonProps) {
  const [done, setDone] = useState(false);
  const say = useToastStore((store) => store.say);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      say('Copied');
    } catch {
      say('The browser did not allow copying', 'error');
    }
  };
  return (
    <Button variant="ghost" size="icon-sm" aria-label={label} title={label} onClick={copy} className={className}>
      {done ? <Check className="text-success" /> : <Copy />}
    </Button>
  );
}
