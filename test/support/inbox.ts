/**
 * What happened and has not been looked at yet. Tests await the next thing of a kind instead of
 * sleeping; a wait that is not met in time fails with the list of what did happen.
 */
export class Inbox<T> {
  private readonly items: T[] = [];
  private readonly waiting = new Set<() => void>();
  private readonly name: string;
  private readonly show: (item: T) => string;

  constructor(name: string, show: (item: T) => string) {
    this.name = name;
    this.show = show;
  }

  put(item: T): void {
    this.items.push(item);
    for (const look of [...this.waiting]) look();
  }

  /** Everything not yet taken, oldest first. */
  get pending(): readonly T[] {
    return this.items;
  }

  /** Takes the oldest item that fits; waits for one at most `ms`. */
  async take(what: string, fits: (item: T) => boolean, ms = 10_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const at = this.items.findIndex(fits);
        if (at < 0) return;
        settle();
        resolve(this.items.splice(at, 1)[0] as T);
      };
      const timer = setTimeout(() => {
        settle();
        const seen = this.items.map(this.show).join(', ') || 'nothing';
        reject(new Error(`${this.name}: no ${what} within ${ms} ms; pending: ${seen}`));
      }, ms);
      const settle = () => {
        clearTimeout(timer);
        this.waiting.delete(look);
      };
      this.waiting.add(look);
      look();
    });
  }
}

/** Asks again until the answer fits; for things that can only be polled, such as REST. */
export async function until<T>(
  what: string,
  ask: () => Promise<T> | T,
  fits: (answer: T) => boolean,
  ms = 10_000,
  pauseMs = 25,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (Date.now() > end) {
      throw new Error(`not within ${ms} ms: ${what}; last: ${JSON.stringify(answer)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** The outcome, or a failure that says what was awaited. */
export async function within<T>(what: string, outcome: Promise<T>, ms = 10_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([outcome, late]);
  } finally {
    clearTimeout(timer);
  }
}
