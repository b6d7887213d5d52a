/**
 * What the worker knows of its legs, enough to make them again on a new mediad: their ports, what
 * the party agreed, music and partner. What our SDP is made of is kept by mediad too, as the leg's
 * `memo`, for a server that starts anew while mediad lives on; it is known before the leg is made,
 * so that it goes with the request that makes it.
 */
import { randomInt } from 'node:crypto';
import type { LegId } from './port.ts';
import {
  partyReceives,
  partySends,
  writeAnswer,
  writeOffer,
  type LocalAudio,
  type OfferRead,
  type Origin,
  type PartyAudio,
} from './sdp.ts';

/** The party's side in mediad's words. */
export interface WireRemote {
  readonly address: string;
  readonly port: number;
  readonly rtcpPort: number;
  readonly audio: readonly { readonly payloadType: number; readonly law: 'ulaw' | 'alaw' }[];
  readonly dtmf: number | null;
  readonly sends: boolean;
  readonly receives: boolean;
}

/** What our SDP is made of: the party's offer that it answers; null: it is an offer of ours. */
export interface Basis {
  readonly origin: Origin;
  readonly offer: OfferRead | null;
}

export interface WorkerLeg {
  readonly id: LegId;
  readonly address: string;
  readonly port: number;
  /** Numeric address of the party's host when the leg was made. */
  readonly peer: string;
  /** Our last SDP; a function of `basis` and our address. */
  sdp: string;
  basis: Basis;
  remote: WireRemote | null;
  music: string | null;
  partner: LegId | null;
  /** Announcement under way. */
  playId: string | null;
}

export function isNumeric({ address }: PartyAudio): boolean {
  return /^[\d.]+$/.test(address) || address.includes(':');
}

export function newBasis(offer: OfferRead | null): Basis {
  return { origin: { sessionId: String(randomInt(1, 2 ** 47)), version: 1 }, offer };
}

export function sdpOf({ origin, offer }: Basis, local: LocalAudio): string {
  return offer === null ? writeOffer(local, origin) : writeAnswer(offer, local, origin);
}

/** `peer` stands in where the SDP names its host by name. */
export function wireRemote(audio: PartyAudio, peer: string): WireRemote {
  const isNowhere = audio.address === '0.0.0.0' || audio.address === '::';
  return {
    address: isNumeric(audio) ? audio.address : peer,
    port: isNowhere ? 0 : audio.port,
    rtcpPort: isNowhere ? 0 : audio.rtcpPort,
    audio: audio.codecs.map(({ payloadType, codec }) => ({
      payloadType,
      law: codec === 'PCMU' ? 'ulaw' : 'alaw',
    })),
    dtmf: audio.dtmf,
    sends: partySends(audio.direction),
    receives: partyReceives(audio.direction),
  };
}

/** The part of a leg that mediad cannot know by itself. */
export function memoOf({ origin, offer }: Basis): string {
  return JSON.stringify({ origin, offer });
}

/** A leg as mediad lists it; null: it was not made by a worker. */
export function adoptLeg(listed: Readonly<Record<string, unknown>>): WorkerLeg | null {
  const { leg, address, port, peer, memo, remote, music, partner, playing } = listed;
  if (typeof leg !== 'string' || typeof port !== 'number' || typeof memo !== 'string') return null;
  try {
    const { origin, offer } = JSON.parse(memo) as Basis;
    const { sessionId, version } = origin;
    const basis = { origin: { sessionId, version }, offer };
    const local = { address: String(address), port };
    return {
      id: leg,
      ...local,
      peer: String(peer),
      sdp: sdpOf(basis, local),
      basis,
      remote: (remote ?? null) as WireRemote | null,
      music: typeof music === 'string' ? music : null,
      partner: typeof partner === 'string' ? partner : null,
      playId: typeof playing === 'string' ? playing : null,
    };
  } catch (error) {
    // A memo of someone else's; anything but that is a fault of ours.
    if (error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}
