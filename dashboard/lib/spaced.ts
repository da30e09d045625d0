// Has something done at once, and again not before some time has passed: however often it is asked for, the last one is not forgotten.
export class Spaced {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wanted = false;

  constructor(
    private readonly act: () => void,
    private readonly ms: number,
  ) {}

  readonly ask = (): void => {
    if (this.timer !== undefined) {
      this.wanted = true;
      return;
    }
    this.wanted = false;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.wanted) this.ask();
    }, this.ms);
    this.act();
  };

  readonly stop = (): void => {
    clearTimeout(this.timer);
    this.timer = undefined;
  };
}
