/**
 * Phones from which a call of ours is being taken back; the next INVITE to one waits for that.
 * CANCEL has to wait for a first response (RFC 3261 §9.1); where that is lost or under way, an
 * INVITE sent at once would reach the phone before it, and two offers would ring, or the second be
 * refused as busy by a phone of one line. So the next INVITE leaves when the former has its final
 * answer.
 */
import { doneWithin } from './within.ts';

/** A phone that gives no answer is waited for as long as a lost message takes to come twice. */
export const CLEARING_MAX_MS = 2_000;

export class PhoneClearing {
  private readonly phones = new Map<string, Set<Promise<void>>>();

  /** `over` settles when the phone is done with it. */
  add(phone: string, over: Promise<void>): void {
    const all = this.phones.get(phone) ?? new Set();
    this.phones.set(phone, all);
    all.add(over);
    void over.then(() => {
      all.delete(over);
      if (all.size === 0 && this.phones.get(phone) === all) this.phones.delete(phone);
    });
  }

  /** Settles when the phone is done with all of them; false: it is not, and was waited for. */
  async clear(phone: string): Promise<boolean> {
    const all = this.phones.get(phone);
    if (all === undefined) return true;
    return doneWithin(Promise.all(all), CLEARING_MAX_MS);
  }
}
