/**
 * Whose packets a leg believes (symmetric RTP). The party's SDP says where it means to be; NAT
 * may make its packets come from elsewhere. The rules:
 * - From the very address and port of the SDP, or another port of the same address: believed at
 *   once. From another address: after `probation` packets in a row of one stream.
 * - Who is believed first stays: packets from elsewhere are strangers', ignored and counted. Only
 *   the very address and port of the SDP can still take over: who was quicker than the party does
 *   not keep it out. For `settleMs` the kernel lets such packets through to us.
 * - A re-offer with another address begins anew. Otherwise a new source is taken only when the
 *   old one has been silent for `relatchMs` and the new one has the SDP's address or the old
 *   source's: a restarted phone is heard again, a stranger never.
 * - One stream (SSRC) at a time: another from the same source is taken when the first has been
 *   silent for `streamMs`. A relay such as rtpengine passes strangers on, too, for the 3 s in
 *   which it learns where the party is; they must not be heard over him.
 * Once the socket is connected to the source (leg.ts), the kernel drops strangers before we count
 * them. We send to the source believed, until there is one to the address of the SDP.
 */
import { seqDelta } from './rtp.ts';

export const relatchMs = 3000;
export const streamMs = 100;
export const probation = 3;
export const settleMs = 5000;

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export class Latch {
  private sdp: Endpoint | null = null;
  private source: Endpoint | null = null;
  /** When the source was last heard. */
  heardAt = 0;
  private takenAt = 0;
  private ssrc = 0;
  private candidate: { from: Endpoint; ssrc: number; seq: number; count: number } | null = null;

  /** Where our packets go; null: the party has not said yet. */
  get target(): Endpoint | null {
    return this.source ?? this.sdp;
  }

  get isLatched(): boolean {
    return this.source !== null;
  }

  /** Who is believed, where that is not who the SDP says; for a process that comes after us. */
  get learnt(): Endpoint | null {
    const { source } = this;
    return source === null || this.isAnnounced(source.address, source.port) ? null : source;
  }

  /** Who was believed before this process was: nobody else is, not even for a moment. */
  resume(source: Endpoint, now: number): void {
    // Of no stream yet: whichever comes first.
    this.take(source, 0, now - streamMs);
  }

  isSource(address: string, port: number): boolean {
    return this.source?.port === port && this.source.address === address;
  }

  private isAnnounced(address: string, port: number): boolean {
    return this.sdp?.port === port && this.sdp.address === address;
  }

  /** Is the source certain enough to let the kernel keep all others out? */
  isSettled(now: number): boolean {
    const { source } = this;
    if (source === null) return false;
    return this.isAnnounced(source.address, source.port) || now - this.takenAt >= settleMs;
  }

  /** The party's SDP; the same address again keeps what was learnt. */
  expect(sdp: Endpoint): void {
    const same = this.sdp?.address === sdp.address && this.sdp.port === sdp.port;
    this.sdp = sdp;
    if (same) return;
    this.source = null;
    this.candidate = null;
  }

  /** Is this packet the party's? Learns from it. */
  admit(address: string, port: number, ssrc: number, seq: number, now: number): boolean {
    const source = this.source;
    if (source !== null) {
      if (this.isSource(address, port)) {
        if (ssrc !== this.ssrc && now - this.heardAt < streamMs) return false;
        this.ssrc = ssrc;
        this.heardAt = now;
        return true;
      }
      if (this.isAnnounced(address, port) && now - this.takenAt < settleMs) {
        return this.take({ address, port }, ssrc, now);
      }
      const known = address === this.sdp?.address || address === source.address;
      if (!known || now - this.heardAt < relatchMs) return false;
      return this.take({ address, port }, ssrc, now);
    }
    if (this.sdp === null) return false;
    if (address === this.sdp.address) return this.take({ address, port }, ssrc, now);
    return this.probe(address, port, ssrc, seq) && this.take({ address, port }, ssrc, now);
  }

  private probe(address: string, port: number, ssrc: number, seq: number): boolean {
    const known = this.candidate;
    const follows =
      known !== null &&
      known.from.address === address &&
      known.from.port === port &&
      known.ssrc === ssrc &&
      seqDelta(seq, known.seq) === 1;
    const count = follows ? known.count + 1 : 1;
    this.candidate = { from: { address, port }, ssrc, seq, count };
    return count >= probation;
  }

  private take(from: Endpoint, ssrc: number, now: number): true {
    this.source = from;
    this.ssrc = ssrc;
    this.heardAt = now;
    this.takenAt = now;
    this.candidate = null;
    return true;
  }
}
