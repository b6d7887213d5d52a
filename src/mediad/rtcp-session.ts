/**
 * RTCP of one leg: when to report (about every 5 s, drawn anew each time so that thousands of
 * legs do not report at once, RFC 3550 §6.2), where to, and what the party's reports say.
 */
import type { RemoteInfo } from 'node:dgram';
import { Budget } from './budget.ts';
import type { Leg } from './leg.ts';
import { limits } from './limits.ts';
import { buildRtcp, parseRtcp, roundTripMs } from './rtcp.ts';

/** Mean time between reports. */
const intervalMs = 5000;
/** A report of at least this share lost is an event. */
const lossWorthTelling = 0.05;
/** A party that reports more often is told of this often. */
const lossEveryMs = 1000;

/** What the party last said of our stream. */
export interface RemoteReport {
  readonly lostFraction: number;
  readonly lost: number;
  readonly jitterMs: number;
  readonly roundTripMs: number | null;
}

export class RtcpSession {
  remote: RemoteReport | null = null;
  private readonly cname: string;
  private readonly leg: Leg;
  private dueAt: number;
  private sentPackets = 0;
  private lastSr = 0;
  private lastSrAt = 0;
  private lossToldAt = -lossEveryMs;
  private readonly budget = new Budget(limits.rtcpPerSecond, limits.rtcpPerSecond);

  constructor(cname: string, leg: Leg) {
    this.cname = cname;
    this.leg = leg;
    this.dueAt = leg.createdAt + intervalMs * Math.random();
  }

  /** Reports when it is time. */
  tend(now: number): void {
    if (now < this.dueAt) return;
    this.dueAt = now + intervalMs * (0.5 + Math.random());
    this.transmit(now, false);
  }

  bye(now: number): void {
    if (this.leg.outgoing.packets > 0) this.transmit(now, true);
  }

  /** A packet on the RTCP port, or RTCP on the RTP port. Only from where the party is. */
  receive(packet: Buffer, from: RemoteInfo, now: number): void {
    const target = this.leg.latch.target;
    if (target === null || from.address !== target.address) return;
    if (!this.budget.take(now)) {
      this.leg.reception.flooded += 1;
      return;
    }
    const isTooLarge = packet.length > limits.packetBytes;
    const news = isTooLarge ? null : parseRtcp(packet, this.leg.outgoing.ssrc);
    if (news === null) {
      this.leg.reception.invalid += 1;
      return;
    }
    if (news.senderTime !== null) {
      this.lastSr = news.senderTime;
      this.lastSrAt = now;
    }
    if (news.report === null) return;
    const { fraction, lost, jitter } = news.report;
    this.remote = {
      lostFraction: fraction,
      lost,
      jitterMs: jitter / 8,
      roundTripMs: roundTripMs(news.report, Date.now()),
    };
    if (fraction < lossWorthTelling || now - this.lossToldAt < lossEveryMs) return;
    this.lossToldAt = now;
    this.leg.emitLoss('out', fraction);
  }

  private transmit(now: number, isBye: boolean): void {
    const { outgoing, reception, latch, pair, description } = this.leg;
    const target = latch.target;
    if (target === null || description === null || target.port === 0) return;
    const report = reception.report();
    if (report.fraction >= lossWorthTelling) this.leg.emitLoss('in', report.fraction);
    const { lastSr } = this;
    const sinceSrMs = lastSr === 0 ? 0 : now - this.lastSrAt;
    const block =
      reception.received === 0 ? null : { ssrc: reception.ssrc, ...report, lastSr, sinceSrMs };
    const sender =
      outgoing.packets === this.sentPackets
        ? null
        : {
            wallMs: Date.now(),
            timestamp: outgoing.timestampAt(now),
            packets: outgoing.packets,
            octets: outgoing.octets,
          };
    this.sentPackets = outgoing.packets;
    const packet = buildRtcp(outgoing.ssrc, this.cname, sender, block, isBye);
    const isMuxed = description.rtcpPort === description.port;
    // Behind a NAT the RTCP port is next to the RTP port we learnt, as far as anyone can know.
    const isMoved = target.port !== description.port || target.address !== description.address;
    const port = isMoved ? target.port + 1 : description.rtcpPort;
    if (isMuxed) this.leg.transmit(packet, 0, packet.length);
    else if (port > 0 && port < 65_536) pair.rtcp.send(packet, port, target.address);
  }
}
