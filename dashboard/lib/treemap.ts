// A treemap: rectangles whose areas are as the weights, as near to squares as they come ("squarified"). Pure.

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

// The longest side against the shortest, of the worst in a row of this thickness.
function worst(areas: readonly number[], side: number): number {
  const sum = areas.reduce((a, b) => a + b, 0);
  const thickness = sum / side;
  return Math.max(...areas.map((area) => Math.max(thickness / (area / thickness), area / thickness / thickness)));
}

/** A box for each weight, in their order; they are to come heaviest first. What weighs nothing has no area. */
export function treemap(weights: readonly number[], box: Box): Box[] {
  const total = weights.reduce((sum, weight) => sum + Math.max(0, weight), 0);
  const boxes: Box[] = [];
  if (total <= 0 || box.width <= 0 || box.height <= 0) return weights.map(() => ({ x: box.x, y: box.y, width: 0, height: 0 }));
  const scale = (box.width * box.height) / total;
  const areas = weights.map((weight) => Math.max(0, weight) * scale);
  let left = { ...box };
  let at = 0;
  while (at < areas.length) {
    const side = Math.min(left.width, left.height);
    let end = at + 1;
    // A row takes the next one as long as that makes it squarer.
    while (end < areas.length && (areas[end] ?? 0) > 0 && worst(areas.slice(at, end + 1), side) <= worst(areas.slice(at, end), side)) end += 1;
    const row = areas.slice(at, end);
    const sum = row.reduce((a, b) => a + b, 0);
    const thickness = side <= 0 ? 0 : sum / side;
    let along = 0;
    for (const area of row) {
      const length = thickness <= 0 ? 0 : area / thickness;
      boxes.push(left.width >= left.height ? { x: left.x, y: left.y + along, width: thickness, height: length } : { x: left.x + along, y: left.y, width: length, height: thickness });
      along += length;
    }
    left = left.width >= left.height ? { ...left, x: left.x + thickness, width: Math.max(0, left.width - thickness) } : { ...left, y: left.y + thickness, height: Math.max(0, left.height - thickness) };
    at = end;
  }
  return boxes;
}

const ARROWS: Record<string, readonly [right: number, down: number]> = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/** The box that an arrow leads to: the nearest in that direction, along it before across it; null where there is none. */
export function neighbour(boxes: readonly Box[], from: number, key: string): number | null {
  const here = boxes[from];
  const [right, down] = ARROWS[key] ?? [0, 0];
  if (here === undefined || (right === 0 && down === 0)) return null;
  const middle = (box: Box) => [box.x + box.width / 2, box.y + box.height / 2] as const;
  const [x, y] = middle(here);
  let best: { at: number; far: number } | null = null;
  for (const [at, box] of boxes.entries()) {
    if (at === from || box.width * box.height <= 0) continue;
    const [otherX, otherY] = middle(box);
    const along = (otherX - x) * right + (otherY - y) * down;
    const across = Math.abs((otherX - x) * down) + Math.abs((otherY - y) * right);
    const far = along + 2 * across;
    if (along > 0.5 && (best === null || far < best.far)) best = { at, far };
  }
  return best?.at ?? null;
}
