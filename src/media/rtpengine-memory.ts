/**
 * What the next server must know of a leg, beyond what the engine tells: on which engine it is, our
 * last SDP, and what the party said. While mediad lives it keeps that as the leg's note. If mediad
 * is gone as well, the engine still knows where mediad was, and the SIP dialog has both SDPs.
 */
import { isIP } from 'node:net';
import type { DialogSdp } from './port.ts';
import type { Leg, Noted } from './rtpengine-legs.ts';
import { readParty, speaksG711, type Party } from './rtpengine-party.ts';
import { writeOffer } from './sdp.ts';

export function noteOf({ engine, stage, current, party, isUntold }: Leg): string {
  const note = { engine: engine.name, stage, current, party: party?.sdp ?? null, isUntold };
  return JSON.stringify(note);
}

/** Reads a note; null: none, or not one of ours. */
export function readNote(text: string): Noted | null {
  if (text === '') return null;
  let note: Readonly<Record<string, unknown>>;
  try {
    note = JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return null; // written by another program: as good as none
  }
  const { engine, stage, current, party, isUntold } = note;
  if (typeof engine !== 'string' || (stage !== 'offered' && stage !== 'up')) return null;
  const read = typeof party === 'string' ? readParty(party, true) : null;
  return {
    engine,
    stage,
    current: typeof current === 'string' ? current : null,
    party: read === null ? null : { sdp: String(party), read },
    isUntold: isUntold === true,
  };
}

interface Place {
  readonly address: string;
  readonly port: number;
}

/** Where the engine has its side towards mediad, and where mediad was, by its answer to `query`. */
export function placesOf(
  reply: Readonly<Record<string, unknown>>,
): { readonly engine: Place; readonly mediad: Place } | null {
  const tags = reply['tags'] as Readonly<Record<string, unknown>> | undefined;
  const side = tags?.['mediad'] as { readonly medias?: readonly Stream[] } | undefined;
  const stream = side?.medias?.[0]?.streams?.[0];
  const engine = {
    address: String(stream?.['local address']),
    port: Number(stream?.['local port']),
  };
  const there = stream?.endpoint;
  const mediad = { address: String(there?.address), port: Number(there?.port) };
  const isWhole = [engine, mediad].every(({ address, port }) => isIP(address) !== 0 && port > 0);
  return isWhole ? { engine, mediad } : null;
}

interface Stream {
  readonly streams?: readonly {
    readonly 'local address'?: unknown;
    readonly 'local port'?: unknown;
    readonly endpoint?: { readonly address?: unknown; readonly port?: unknown };
  }[];
}

/**
 * The dialog between mediad and the engine, as it must have been: mediad's port as an offer, and
 * the engine's side with the payload types of the party, which the engine leaves as they are.
 */
export function innerDialog(
  { engine, mediad }: { readonly engine: Place; readonly mediad: Place },
  party: Party,
): DialogSdp {
  const origin = { sessionId: String(mediad.port), version: 1 };
  const prefer = speaksG711(party) && party.codecs[0] === 'pcma' ? 'PCMA' : 'PCMU';
  return {
    localSdp: writeOffer(mediad, origin),
    remoteSdp: writeOffer(engine, origin, prefer, party.direction, party.dtmf),
  };
}
