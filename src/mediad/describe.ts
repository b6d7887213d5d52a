/** What is told of a leg: enough for a returning client to go on, and the counters if asked. */
import type { Endpoint } from './latch.ts';
import type { Leg, Remote } from './leg.ts';

export interface LegDescription {
  readonly leg: string;
  readonly address: string;
  readonly port: number;
  readonly peer: string;
  readonly family: 4 | 6;
  readonly memo: string;
  readonly note: string;
  readonly partner: string | null;
  readonly music: string | null;
  /** How much of that music was heard, in all. */
  readonly musicMs: number;
  readonly playing: string | null;
  readonly remote: Remote | null;
  /** Where the party's packets come from, if not from where its SDP says. */
  readonly source: Endpoint | null;
  readonly received: number;
  /** By this process, or by one before it. */
  readonly heard: boolean;
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
    note: leg.note,
    partner: leg.partnerId,
    music: leg.musicKey,
    musicMs: Math.round((leg.music?.position.heard ?? 0) / 8),
    playing: leg.playing,
    remote: leg.description,
    source: leg.latch.learnt,
    received: leg.reception.received,
    heard: leg.wasHeard,
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
