/**
 * What a peer tells of the call that it makes at our REFER (RFC 3515 §2.4.5), from the asking to
 * its one outcome. That it has the REFER shows in its 2xx; or, where that was lost with a process,
 * in its first NOTIFY, which follows at once (§2.4.4). A call of ours beside it would ring that
 * phone twice, so from there on its word is waited for as long as ever.
 */

/** The peer's word is waited for this long once it has taken the REFER. */
export const REFERRAL_MAX_MS = 60_000;

/** How it ended; `untold`: nothing shows that the peer has the REFER. */
export type Told = 'done' | 'busy' | 'refused' | 'untold';

/** Of the call that the peer made: its final status; 0: it tells none; null: nothing was told. */
function verdictOf(status: number | null): Told {
  if (status === null) return 'untold';
  if (status < 300) return 'done';
  return [486, 600, 603].includes(status) ? 'busy' : 'refused';
}

export class Following {
  readonly outcome: Promise<Told>;
  private readonly taken: () => void;
  private settle: (told: Told) => void = () => undefined;
  private timer: NodeJS.Timeout | null = null;
  private isTried = false;
  private isAwaited = false;

  /** `taken`: the peer has the REFER. */
  constructor(taken: () => void) {
    this.taken = taken;
    this.outcome = new Promise((resolve) => (this.settle = resolve));
  }

  /** Its 2xx is here. */
  accepted(): void {
    this.after(REFERRAL_MAX_MS, 0);
    this.isAwaited = false;
    this.taken();
  }

  /** Whether it has the REFER is not known: it has so long to show it. */
  await(ms: number): void {
    this.isAwaited = true;
    if (this.isTried) this.accepted();
    else this.after(ms, null);
  }

  /** It says that it tries. */
  tries(): void {
    this.isTried = true;
    if (this.isAwaited) this.accepted();
  }

  /** The final status of its call; 0: it tells none; null: nothing was told. */
  final(status: number | null): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.settle(verdictOf(status));
  }

  private after(ms: number, status: number | null): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.final(status), ms);
    this.timer.unref();
  }
}
