/**
 * How much of something a party may do: so much at once, so much per second in the long run. One
 * party's flood then costs neither the clock nor the other legs anything.
 */
export class Budget {
  private readonly atOnce: number;
  private readonly perSecond: number;
  private left: number;
  private filledAt = -1;

  constructor(atOnce: number, perSecond: number) {
    this.atOnce = atOnce;
    this.perSecond = perSecond;
    this.left = atOnce;
  }

  /**
   * @param now milliseconds, any epoch, never going back; false: it is used up
   * @param owedMs what came in that time could not be taken then, and may come at once now
   */
  take(now: number, owedMs = 0): boolean {
    if (this.filledAt >= 0) {
      const most = this.atOnce + (owedMs * this.perSecond) / 1000;
      const grown = ((now - this.filledAt) * this.perSecond) / 1000;
      this.left = Math.min(most, this.left + grown);
    }
    this.filledAt = now;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}
