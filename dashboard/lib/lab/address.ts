// The address of an experiment: which one, its parameters where they are not as at first, and the database. Who opens the link has
// the same before them; nothing runs by itself. What stands in an address may be of anybody's hand.
import type { Parameter } from './bench';

/** Longer than any number that a parameter may be. */
const TYPED_MAX = 12;

export function labAddress(id: string, parameters: readonly Parameter[], typed: Readonly<Record<string, string>>, db: string): string {
  const query = new URLSearchParams({ tab: 'lab', x: id });
  for (const parameter of parameters) {
    const text = typed[parameter.id];
    if (text !== undefined && text !== String(parameter.start)) query.set(parameter.id, text);
  }
  if (db !== '0') query.set('db', db);
  return `/playground/?${query}`;
}

/** What stands in the fields, a number also where it is none that may be: that is said beside it. */
export function typedFrom(parameters: readonly Parameter[], query: URLSearchParams): Record<string, string> {
  const textOf = (parameter: Parameter): string => {
    const text = query.get(parameter.id);
    if (text === null || (parameter.kind === 'choice' && !parameter.options.some(({ value }) => value === text))) return String(parameter.start);
    return text.slice(0, TYPED_MAX);
  };
  return Object.fromEntries(parameters.map((parameter) => [parameter.id, textOf(parameter)]));
}

export function dbFrom(query: URLSearchParams): string {
  return (query.get('db') ?? '0').slice(0, TYPED_MAX);
}
