/** What was seen: how often each thing happened, and every promise that was broken. */

/** More are only counted. */
const TOLD_MAX = 40;

export class Book {
  calls = 0;
  doubleOffers = 0;
  lostCalls = 0;
  violations = 0;
  /** The first of what is wrong, with the seconds since the beginning. */
  readonly told: string[] = [];
  private readonly counts = new Map<string, number>();
  private readonly began = performance.now();
  private readonly live: (line: string) => void;

  constructor(live: (line: string) => void) {
    this.live = live;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** One phone has two offers at once. */
  doubleOffer(text: string): void {
    this.doubleOffers += 1;
    this.tell(`double offer: ${text}`);
  }

  /** A caller lost his call while he was still there. */
  lostCall(text: string): void {
    this.lostCalls += 1;
    this.tell(`lost call: ${text}`);
  }

  violation(text: string): void {
    this.violations += 1;
    this.tell(text);
  }

  note(text: string): void {
    this.live(`${this.at()} ${text}`);
  }

  summary(): string {
    const sorted = [...this.counts].sort(([a], [b]) => a.localeCompare(b));
    return sorted.map(([what, count]) => `${what} ${count}`).join(', ');
  }

  private at(): string {
    return `${((performance.now() - this.began) / 1000).toFixed(1).padStart(7)} s`;
  }

  private tell(text: string): void {
    if (this.told.length < TOLD_MAX) this.told.push(`${this.at().trim()} ${text}`);
    this.note(`BROKEN ${text}`);
  }
}
