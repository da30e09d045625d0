// The path of a sparkline: the newest value at the right edge, the axis from zero, gaps as gaps.

export function sparkPath(values: readonly (number | null)[], slots: number, width: number, height: number): string {
  const highest = Math.max(...values.map((value) => value ?? 0), 0);
  const step = width / (slots - 1);
  const first = slots - values.length;
  let path = '';
  let drawing = false;
  values.forEach((value, at) => {
    if (value === null) {
      drawing = false;
      return;
    }
    const x = ((first + at) * step).toFixed(1);
    const y = (height - 1.5 - (highest === 0 ? 0 : value / highest) * (height - 3)).toFixed(1);
    path += `${drawing ? 'L' : 'M'}${x} ${y}`;
    drawing = true;
  });
  return path;
}
