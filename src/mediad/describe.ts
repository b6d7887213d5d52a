/** What is told of a leg: enough for a returning client to go on, and the counters if asked. */
import type { Leg, Remote } from './leg.ts';

export interface LegDescription {
  readonly leg: string;
  readonly address: string;
  readonly port: number;
  readonly peer: string;
  readonly family: 4 | 6;
  readonly memo: string;
  readonly partner: string | null;
  readonly music: string | null;
  readonly playing: string | null;
  readonly remote: Remote | null;
  readonly received: number;
  readonly counters?: Record<string, unknown>;
}

/** `now` given: with counters. */
export function describeLeg(leg: Leg, now?: number): LegDescription {
  const basic = {
    leg: leg.id,
    address: leg.ends.address,
    port: leg.pair.port,
    peer: leg.ends.peer,
    family: leg.pair.family,
    memo: leg.memo,
    partner: leg.partnerId,
    music: leg.musicKey,
    playing: leg.playing,
    remote: leg.description,
    received: leg.reception.received,
  };
  return now === undefined ? basic : { ...basic, counters: countersOf(leg, now) };
}

function countersOf(leg: Leg, now: number): Record<string, unknown> {
  const { reception, outgoing, latch, rtcp } = leg;
  return {
    ageMs: Math.round(now - leg.createdAt),
    received: reception.received,
    lost: reception.lost,
    late: reception.late,
    jitterMs: Math.round(reception.jitterMs * 10) / 10,
    invalid: reception.invalid,
    unexpected: reception.unexpected,
    strangers: reception.strangers,
    flooded: reception.flooded,
    sent: outgoing.packets,
    sentOctets: outgoing.octets,
    ssrc: outgoing.ssrc,
    target: latch.target,
    isLatched: latch.isLatched,
    remoteReport: rtcp.remote,
  };
}
