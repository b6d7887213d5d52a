/**
 * In which order NOTIFYs come (RFC 3261 §12.2.2). One that was heard and comes again is repeated,
 * because our answer died with a SIP server: it gets the same answer. One that is older than what
 * was heard, and was never heard itself, tells of the past.
 */

/** So many numbers are remembered; a phone repeats what it said in the last 32 s. */
const HEARD_MAX = 16;

export class NotifyOrder {
  private heard: number[] = [];

  judge(cseq: number): 'new' | 'again' | 'old' {
    if (this.heard.includes(cseq)) return 'again';
    return cseq > Math.max(0, ...this.heard) ? 'new' : 'old';
  }

  note(cseq: number): void {
    this.heard = [...this.heard, cseq].slice(-HEARD_MAX);
  }

  /** Another subscription begins. */
  forget(): void {
    this.heard = [];
  }
}
