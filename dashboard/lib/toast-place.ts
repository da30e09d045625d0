// Where messages stand: at the foot of the window, or above the bars there that they would cover. Pure.

export interface Box {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

const APART_PX = 8;
/** The bar at the top of the page stays free too. */
const TOP_PX = 56;

/** How far from the window's lower edge messages end; `rest` is where they do without bars. */
export function footOf(messages: Box, bars: readonly Box[], window_px: number, rest: number): number {
  const height = messages.bottom - messages.top;
  const most = Math.max(rest, window_px - TOP_PX - height);
  let foot = rest;
  // From the lowest up: what makes room for one bar may come to stand on the next.
  for (const bar of [...bars].sort((a, b) => b.top - a.top)) {
    const beside = bar.right <= messages.left || bar.left >= messages.right;
    const bottom = window_px - foot;
    const apart = bar.top >= bottom || bar.bottom <= bottom - height || bar.bottom <= bar.top;
    if (!beside && !apart) foot = window_px - bar.top + APART_PX;
  }
  return Math.min(foot, most);
}
