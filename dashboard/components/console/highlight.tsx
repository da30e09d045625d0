// A command line with its parts in their colours.
import { tokenise, type Token } from '@/lib/command-line';

const TONES: Record<Token['kind'], string> = {
  command: 'font-medium text-accent-text',
  word: 'text-ink',
  number: 'text-warning',
  quoted: 'text-success',
  space: '',
};

export function Highlight({ line }: { line: string }) {
  return tokenise(line).map((token, at) => (
    <span key={at} className={TONES[token.kind]}>
      {token.text}
    </span>
  ));
}
