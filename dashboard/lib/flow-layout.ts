// How the data-flow view is drawn: curves between boxes, as thick as what flows, and packets that go along them. Pure.
// Boxes are measured by who draws; side by side they are joined by curves, one below the other by a rail at the left.
import type { Tone } from '@/components/charts/palette';

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** One direction of a line. `share`: how strong, 0 to 1; null where it is not known. */
export interface Way {
  tone: Tone;
  share: number | null;
}

/** `forth` goes from the clients to the server, and from there to the data; `back` the other way. */
export interface Line {
  id: string;
  forth: Way | null;
  back: Way | null;
}

interface Point {
  x: number;
  y: number;
}

type Cubic = readonly [Point, Point, Point, Point];

/** Points at even distances along a strand. */
export interface Track {
  length: number;
  points: readonly Point[];
}

export interface Strand extends Way {
  id: string;
  line: string;
  width: number;
  d: string;
  /** A triangle on it that shows the way where nothing moves. */
  arrow: string;
  track: Track;
}

/** Steps of ten: 1 million commands a second are the whole. */
export function commandShare(rate: number | null): number | null {
  return rate === null ? null : Math.min(1, Math.log10(1 + Math.max(0, rate)) / 6);
}

/** Steps of ten: 1 GB a second is the whole. */
export function byteShare(rate: number | null): number | null {
  return rate === null ? null : Math.min(1, Math.log10(1 + Math.max(0, rate) / 10) / 8);
}

const [THIN, THICK] = [1.25, 9];
const GAP = 2;

export function widthOf(share: number | null): number {
  return share === null ? THIN : THIN + (THICK - THIN) * share;
}

const STEP = 6;
const SAMPLES = 24;

function at([a, b, c, d]: Cubic, t: number): Point {
  const u = 1 - t;
  const mix = (p: number, q: number, r: number, s: number) => u * u * u * p + 3 * u * u * t * q + 3 * u * t * t * r + t * t * t * s;
  return { x: mix(a.x, b.x, c.x, d.x), y: mix(a.y, b.y, c.y, d.y) };
}

export function trackOf(cubics: readonly Cubic[]): Track {
  const raw = cubics.flatMap((cubic, place) => Array.from({ length: SAMPLES + 1 }, (_, step) => at(cubic, step / SAMPLES)).slice(place === 0 ? 0 : 1));
  const ends = [0];
  for (const [place, point] of raw.entries()) {
    const before = raw[place - 1];
    if (before !== undefined) ends.push((ends[place - 1] ?? 0) + Math.hypot(point.x - before.x, point.y - before.y));
  }
  const length = ends.at(-1) ?? 0;
  const count = Math.max(1, Math.ceil(length / STEP));
  let place = 0;
  const points = Array.from({ length: count + 1 }, (_, step) => {
    const wanted = (length * step) / count;
    while (place < raw.length - 2 && (ends[place + 1] ?? 0) < wanted) place += 1;
    const [from, to] = [raw[place], raw[place + 1] ?? raw[place]];
    const [begin, end] = [ends[place] ?? 0, ends[place + 1] ?? 0];
    const part = end > begin ? Math.min(1, (wanted - begin) / (end - begin)) : 0;
    return { x: (from?.x ?? 0) + ((to?.x ?? 0) - (from?.x ?? 0)) * part, y: (from?.y ?? 0) + ((to?.y ?? 0) - (from?.y ?? 0)) * part };
  });
  return { length, points };
}

/** The place `distance` along a track. */
export function pointOn({ length, points }: Track, distance: number): Point {
  const last = points.length - 1;
  const place = length <= 0 ? 0 : Math.min(last, Math.max(0, (distance / length) * last));
  const from = points[Math.floor(place)] ?? { x: 0, y: 0 };
  const to = points[Math.min(last, Math.floor(place) + 1)] ?? from;
  const part = place - Math.floor(place);
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

const short = (value: number) => String(Math.round(value * 10) / 10);
const word = ({ x, y }: Point) => `${short(x)} ${short(y)}`;

function dOf(cubics: readonly Cubic[]): string {
  const first = cubics[0]?.[0];
  return first === undefined ? '' : `M${word(first)}${cubics.map(([, b, c, d]) => `C${word(b)} ${word(c)} ${word(d)}`).join('')}`;
}

function arrowOf(track: Track, width: number): string {
  // Beyond the middle, so that it does not lie on that of the other way.
  const middle = track.length * 0.6;
  const [tip, tail] = [pointOn(track, middle + 5), pointOn(track, middle - 4)];
  const size = Math.max(1, Math.hypot(tip.x - tail.x, tip.y - tail.y));
  const [dx, dy] = [(tip.x - tail.x) / size, (tip.y - tail.y) / size];
  const half = 3.5 + width / 2;
  return `M${word(tip)}L${word({ x: tail.x - dy * half, y: tail.y + dx * half })}L${word({ x: tail.x + dy * half, y: tail.y - dx * half })}Z`;
}

function reversed(cubics: readonly Cubic[]): Cubic[] {
  return cubics.map(([a, b, c, d]): Cubic => [d, c, b, a]).reverse();
}

/** `curve` makes what leads from the clients' side to the data's, so far beside the middle of the line. */
function strandsOf(line: Line, curve: (aside: number) => Cubic[]): Strand[] {
  const { forth, back } = line;
  const [wide, narrow] = [forth === null ? 0 : widthOf(forth.share), back === null ? 0 : widthOf(back.share)];
  const all = wide + narrow + (forth !== null && back !== null ? GAP : 0);
  const make = (way: Way, name: string, width: number, cubics: Cubic[]): Strand => {
    const track = trackOf(cubics);
    return { ...way, id: `${line.id} ${name}`, line: line.id, width, d: dOf(cubics), arrow: arrowOf(track, width), track };
  };
  const strands: Strand[] = [];
  if (forth !== null) strands.push(make(forth, 'forth', wide, curve(wide / 2 - all / 2)));
  if (back !== null) strands.push(make(back, 'back', narrow, reversed(curve(all / 2 - narrow / 2))));
  return strands;
}

function bow(from: Point, to: Point): Cubic {
  const half = (to.x - from.x) / 2;
  return [from, { x: from.x + half, y: from.y }, { x: to.x - half, y: to.y }, to];
}

function straight(from: Point, to: Point): Cubic {
  const part = (share: number) => ({ x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share });
  return [from, part(1 / 3), part(2 / 3), to];
}

const middle = (box: Box) => (box.top + box.bottom) / 2;
/** From the ends of the server's edge. */
const EDGE = 20;

/** Where a line meets the edge of the server: all of a side evenly, in the order of their boxes. */
function ports(boxes: readonly Box[], server: Box): number[] {
  const order = boxes.map((_, place) => place).sort((a, b) => middle(boxes[a] as Box) - middle(boxes[b] as Box));
  const room = Math.max(0, server.bottom - server.top - 2 * EDGE);
  const found = new Array<number>(boxes.length).fill(0);
  order.forEach((place, rank) => (found[place] = server.top + EDGE + (room * (rank + 0.5)) / boxes.length));
  return found;
}

const CORNER = 12;
/** Of the rail from the left edge of the boxes, in the room that they leave. */
const RAIL = 13;

/** Whether the boxes stand below one another rather than side by side. */
export function isStacked(box: Box, server: Box): boolean {
  return box.left < server.right && server.left < box.right;
}

function rail(box: Box, server: Box, aside: number): Cubic[] {
  const isAbove = middle(box) < middle(server);
  const lean = isAbove ? aside : -aside;
  const [x, y] = [box.left - RAIL + aside, middle(box) + lean];
  const turn = isAbove ? y + CORNER : y - CORNER;
  const corner: Cubic = [{ x: box.left, y }, { x: x + CORNER / 3, y }, { x, y: isAbove ? y + CORNER / 3 : y - CORNER / 3 }, { x, y: turn }];
  const cubics = [corner, straight({ x, y: turn }, { x, y: isAbove ? server.top : server.bottom })];
  return isAbove ? cubics : reversed(cubics);
}

/** All strands between boxes and the server; a line whose box is not there has none. */
export function layout(lines: { left: readonly Line[]; right: readonly Line[] }, boxes: ReadonlyMap<string, Box>, server: Box): Strand[] {
  const side = (of: readonly Line[], isLeft: boolean): Strand[] => {
    const placed = of.flatMap((line) => {
      const box = boxes.get(line.id);
      return box === undefined ? [] : [{ line, box }];
    });
    const meets = ports(placed.map(({ box }) => box), server);
    return placed.flatMap(({ line, box }, place) =>
      strandsOf(line, (aside) => {
        if (isStacked(box, server)) return rail(box, server, aside);
        const [own, port] = [middle(box) + aside, (meets[place] ?? 0) + aside];
        return isLeft ? [bow({ x: box.right, y: own }, { x: server.left, y: port })] : [bow({ x: server.right, y: port }, { x: box.left, y: own })];
      }),
    );
  };
  return [...side(lines.left, true), ...side(lines.right, false)];
}

/** From clients to keys, behind the server; without a way of its own. */
export interface Thread {
  id: string;
  from: string;
  to: string;
  width: number;
  d: string;
}

/** Where boxes stand below one another there is no room for them. */
export function threadsOf(ties: readonly { from: string; to: string; share: number | null }[], boxes: ReadonlyMap<string, Box>, server: Box): Thread[] {
  return ties.flatMap(({ from, to, share }) => {
    const [own, other] = [boxes.get(from), boxes.get(to)];
    if (own === undefined || other === undefined || isStacked(own, server) || isStacked(other, server)) return [];
    const [begin, end] = [{ x: own.right, y: middle(own) }, { x: other.left, y: middle(other) }];
    // It goes in and comes out at the sides of the server, never above or below it.
    const beside = (part: number) => Math.min(server.bottom - EDGE, Math.max(server.top + EDGE, begin.y + (end.y - begin.y) * part));
    const d = dOf([bow(begin, { x: server.left, y: beside(1 / 3) })]) + dOf([bow({ x: server.right, y: beside(2 / 3) }, end)]);
    return [{ id: `${from} ${to}`, from, to, width: 1 + widthOf(share) / 3, d }];
  });
}

/** How packets go along a strand: so many pixels a second, so far apart, so long; null where none go. */
export function pace(share: number | null): { speed: number; apart: number; long: number } | null {
  if (share === null || share <= 0) return null;
  // In steps: a pace that changed with each figure would make packets jump.
  const step = Math.max(1, Math.round(share * 10)) / 10;
  return { speed: 24 + 96 * step, apart: 96 - 74 * step, long: 2 + 6 * step };
}

/** How far the packets of each strand have come, as a part of the distance between two. */
export class Packets {
  private readonly phases = new Map<string, number>();

  advance(strands: readonly Strand[], elapsed_ms: number): void {
    const known = new Set<string>();
    for (const { id, share } of strands) {
      const how = pace(share);
      if (how === null) continue;
      known.add(id);
      this.phases.set(id, ((this.phases.get(id) ?? firstPhase(id)) + (how.speed * elapsed_ms) / 1000 / how.apart) % 1);
    }
    for (const id of this.phases.keys()) if (!known.has(id)) this.phases.delete(id);
  }

  /** Distances along the strand. */
  heads({ id, share, track }: Strand): number[] {
    const how = pace(share);
    if (how === null) return [];
    const first = (this.phases.get(id) ?? 0) * how.apart;
    return Array.from({ length: Math.max(0, Math.ceil((track.length - first) / how.apart)) }, (_, place) => first + place * how.apart);
  }
}

// Not all in step.
function firstPhase(id: string): number {
  let sum = 0;
  for (let place = 0; place < id.length; place += 1) sum = (sum * 31 + id.charCodeAt(place)) % 997;
  return sum / 997;
}
