// When work is done that nobody waits for: in a task of its own, so that the page answers to presses between the pieces,
// or when there is nothing else to do.

const IDLE_AFTER_MS = 1500;
const IDLE_LATEST_MS = 4000;

let last: Promise<void> = Promise.resolve();

/** Is kept in a task of its own, after those who asked before. */
export function ownTask(): Promise<void> {
  last = last.then(() => new Promise((resolve) => setTimeout(resolve)));
  return last;
}

/** Once the page has had time to show itself; the answer calls it off. */
export function whenIdle(work: () => void): () => void {
  let off = false;
  const run = () => {
    if (!off) work();
  };
  // Safari has no idle callbacks.
  const timer = setTimeout(() => ('requestIdleCallback' in window ? requestIdleCallback(run, { timeout: IDLE_LATEST_MS }) : run()), IDLE_AFTER_MS);
  return () => {
    off = true;
    clearTimeout(timer);
  };
}
