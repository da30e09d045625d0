// The colours of series, read from the tokens when a chart draws, so that a change of theme needs only a redraw. Reading
// makes the browser settle all styles first, so each is read once per theme.

export type Tone = 1 | 2 | 3 | 4 | 5 | 6;

const known = new Map<string, string>();

export function cssColour(name: string): string {
  const root = document.documentElement;
  const key = `${root.dataset.theme} ${name}`;
  let colour = known.get(key);
  if (colour === undefined) {
    colour = getComputedStyle(root).getPropertyValue(name).trim();
    // Before the style sheet is there nothing is known.
    if (colour !== '') known.set(key, colour);
  }
  return colour;
}

export function seriesColour(tone: Tone): string {
  return cssColour(`--series-${tone}`);
}

/** From the fourth series on a dash pattern is the second cue beside the colour. */
export function seriesDash(tone: Tone): number[] | undefined {
  return tone < 4 ? undefined : tone === 4 ? [6, 3] : tone === 5 ? [2, 3] : [8, 3, 2, 3];
}

/** The legend's swatch as a class, so that no style attribute is needed. */
export const SWATCH: Record<Tone, string> = {
  1: 'bg-series-1',
  2: 'bg-series-2',
  3: 'bg-series-3',
  4: 'bg-series-4',
  5: 'bg-series-5',
  6: 'bg-series-6',
};
