/**
 * What is counted about the packets a leg receives: RFC 3550 appendix A.1 (extended sequence
 * numbers), A.3 (loss) and A.8 (jitter). The counters feed RTCP reports and the `stats` request.
 */
import { seqDelta, tsDelta } from './rtp.ts';

/** A leap of the sequence number beyond this begins a new stream (RFC 3550 A.1, MAX_DROPOUT). */
const maxLeap = 3000;
/** A second of G.711 in units of the RTP clock. */
const secondUnits = 8000;

export class Reception {
  ssrc = 0;
  received = 0;
  /** Arrived after a younger packet. */
  late = 0;
  /** No RTP, wrong version, too big. */
  invalid = 0;
  /** Payload type that was not agreed. */
  unexpected = 0;
  /** From a source that is not the party's. */
  strangers = 0;
  /** Beyond the budget per tick. */
  flooded = 0;
  /** Packets lost in earlier streams of this leg. */
  private lostBefore = 0;
  private base = -1;
  private highest = 0;
  private streamReceived = 0;
  private transit = 0;
  private jitterUnits = 0;
  private expectedAtReport = 0;
  private receivedAtReport = 0;

  /** Counts a packet; true: it opened a new stream (first packet, other SSRC, or a big jump). */
  count(seq: number, timestamp: number, ssrc: number, now: number): boolean {
    this.received += 1;
    const step = this.base < 0 ? 0 : seqDelta(seq, this.highest & 0xffff);
    const isNew = this.base < 0 || ssrc !== this.ssrc || Math.abs(step) > maxLeap;
    if (isNew) this.begin(seq, ssrc);
    else if (step > 0) this.highest += step;
    else this.late += 1;
    this.streamReceived += 1;
    const transit = now * 8 - timestamp;
    if (!isNew) {
      const change = Math.abs(tsDelta(Math.round(transit - this.transit), 0));
      // A jump of more than a second is a new timeline, not jitter.
      if (change < secondUnits) this.jitterUnits += (change - this.jitterUnits) / 16;
    }
    this.transit = transit;
    return isNew;
  }

  /** Packets that never came; duplicates can make a stream's share negative, never the sum. */
  get lost(): number {
    return this.lostBefore + Math.max(0, this.expected() - this.streamReceived);
  }

  get jitterMs(): number {
    return this.jitterUnits / 8;
  }

  /** Numbers of an RTCP report block, and the fraction lost since the last call (0..1). */
  report(): { fraction: number; lost: number; highest: number; jitter: number } {
    const expected = this.expected() - this.expectedAtReport;
    const received = this.streamReceived - this.receivedAtReport;
    this.expectedAtReport = this.expected();
    this.receivedAtReport = this.streamReceived;
    const fraction = expected > 0 ? Math.max(0, (expected - received) / expected) : 0;
    const lost = Math.max(-0x800000, Math.min(0x7fffff, this.expected() - this.streamReceived));
    return { fraction, lost, highest: this.highest >>> 0, jitter: Math.round(this.jitterUnits) };
  }

  private expected(): number {
    return this.base < 0 ? 0 : this.highest - this.base + 1;
  }

  private begin(seq: number, ssrc: number): void {
    this.lostBefore = this.lost;
    this.ssrc = ssrc;
    this.base = seq;
    this.highest = seq;
    this.streamReceived = 0;
    this.expectedAtReport = 0;
    this.receivedAtReport = 0;
  }
}
