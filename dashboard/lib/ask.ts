// Asking only for what the user may have. What is not asked for settles at once, as a refusal: a promise that never did would keep
// whoever waits for it.

/** The page knows that it may not have this, and says elsewhere what it would need. */
export class NotAsked extends Error {
  constructor() {
    super('Your user may not see this.');
    this.name = 'NotAsked';
  }
}

export async function askIf<T>(may: boolean, ask: () => Promise<T>): Promise<T> {
  if (!may) throw new NotAsked();
  return ask();
}
