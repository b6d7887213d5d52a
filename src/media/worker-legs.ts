/**
 * What the worker knows of its legs, enough to make them again on a new mediad: their ports, what
 * the party agreed, music and partner. The SDP part is kept by mediad too, as the leg's `memo`,
 * for a server that starts anew while mediad lives on.
 */
import type { LegId } from './port.ts';
import { partyReceives, partySends, type Origin, type PartyAudio } from './sdp.ts';

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

export interface WorkerLeg {
  readonly id: LegId;
  readonly address: string;
  readonly port: number;
  /** Numeric address of the party's host when the leg was made. */
  readonly peer: string;
  /** Our last SDP. */
  sdp: string;
  origin: Origin;
  remote: WireRemote | null;
  music: string | null;
  partner: LegId | null;
  /** Announcement under way. */
  playId: string | null;
}

/** `peer` stands in where the SDP names its host by name. */
export function wireRemote(audio: PartyAudio, peer: string): WireRemote {
  const isNumeric = /^[\d.]+$/.test(audio.address) || audio.address.includes(':');
  const isNowhere = audio.address === '0.0.0.0' || audio.address === '::';
  return {
    address: isNumeric ? audio.address : peer,
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
export function memoOf(leg: WorkerLeg): string {
  const { address, peer, sdp, origin } = leg;
  return JSON.stringify({ address, peer, sdp, origin });
}

/** A leg as mediad lists it; null: it was not made by a worker. */
export function adoptLeg(listed: Readonly<Record<string, unknown>>): WorkerLeg | null {
  const { leg, port, memo, remote, music, partner, playing } = listed;
  if (typeof leg !== 'string' || typeof port !== 'number' || typeof memo !== 'string') return null;
  try {
    const kept = JSON.parse(memo) as Pick<WorkerLeg, 'address' | 'peer' | 'sdp' | 'origin'>;
    return {
      id: leg,
      port,
      address: String(kept.address),
      peer: String(kept.peer),
      sdp: String(kept.sdp),
      origin: { sessionId: kept.origin.sessionId, version: kept.origin.version },
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
