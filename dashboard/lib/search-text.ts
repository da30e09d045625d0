// Where a text stands in another one, letters compared without their case.

/** More places than this are not told apart. */
export const PLACES_MAX = 1000;

/** The beginnings of all places, which do not overlap. */
export function placesOf(text: string, wanted: string): number[] {
  if (wanted === '') return [];
  const low = text.toLowerCase();
  // Some letters are longer in lower case; places in the text would not be those in the other.
  const [where, what] = low.length === text.length ? [low, wanted.toLowerCase()] : [text, wanted];
  const places = [];
  for (let at = where.indexOf(what); at >= 0 && places.length < PLACES_MAX; at = where.indexOf(what, at + what.length)) places.push(at);
  return places;
}
