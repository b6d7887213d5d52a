/**
 * What a party's SDP says that matters to rtpengine, and what to ask of rtpengine for it: plain RTP
 * towards mediad, and back to the party whatever it brought along (SRTP with SDES, DTLS and ICE of
 * a browser). Audio stays G.711 end to end where the party can speak it; only a party that cannot
 * (G.722, Opus, G.729 alone) is transcoded. Pure: SDP in, parameters out.
 */
import { isIPv6 } from 'node:net';
import { parse, type SessionDescription } from 'sdp-transform';
import type { NgParams } from './ng.ts';
import { maxSdpBytes, sameButOrigin, type Direction } from './sdp.ts';

/** The first usable audio stream of an SDP body. */
export interface Party {
  /** Codecs in the party's order: `pcmu`, `g722`, `opus/48000`; neither events nor CN. */
  readonly codecs: readonly string[];
  /** As in m=: `RTP/AVP`, `RTP/SAVP`, `UDP/TLS/RTP/SAVPF` … */
  readonly protocol: string;
  readonly ice: boolean;
  readonly dtls: boolean;
  /** Port 0: the stream is switched off. */
  readonly off: boolean;
  readonly direction: Direction;
  /** Payload type of telephone-event at 8 kHz; null: not spoken. */
  readonly dtmf: number | null;
  /** What must stay the same for the media to be the same: address, port, direction, keys. */
  readonly essence: string;
}

/** RFC 3551 table 4: payload types that need no rtpmap. */
const STATIC: Readonly<Record<string, string>> = {
  0: 'pcmu',
  3: 'gsm',
  4: 'g723',
  8: 'pcma',
  9: 'g722',
  13: 'cn',
  18: 'g729',
};
const NOT_SPEECH = new Set(['telephone-event', 'cn', 'red']);
const G711 = new Set(['pcmu', 'pcma']);
const ORIGIN = /^o=(\S+ \S+) (\d+) (.*)$/m;
const DIRECTIONS = /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/m;

function parsed(sdp: string): SessionDescription | null {
  if (sdp.length > maxSdpBytes) return null;
  try {
    return parse(sdp);
  } catch {
    return null; // hostile input of any kind: no SDP
  }
}

/**
 * Reads an SDP body; null when it has no audio stream that could be used (488 for an offer). A
 * stream that is switched off (port 0) counts only where there has been one: `isReoffer`.
 */
export function readParty(sdp: string, isReoffer = false): Party | null {
  const body = parsed(sdp);
  const streams = body?.media ?? [];
  const isOn = streams.some(({ port }) => port > 0);
  // Where another stream takes the place of audio (fax), it is not off, but gone.
  const mayBeOff = isReoffer && !isOn;
  const audio = streams.find(({ type, port }) => type === 'audio' && (mayBeOff || port > 0));
  if (body === null || audio === undefined) return null;
  const names = new Map(
    audio.rtp.map(({ payload, codec, rate }) => [
      String(payload),
      (rate === undefined || rate === 8000 ? codec : `${codec}/${rate}`).toLowerCase(),
    ]),
  );
  const codecs = String(audio.payloads ?? '')
    .split(/\s+/)
    .map((payload) => names.get(payload) ?? STATIC[payload] ?? '')
    .filter((name) => name !== '' && !NOT_SPEECH.has(name.split('/')[0] ?? ''));
  if (codecs.length === 0) return null;
  const ufrag = audio.iceUfrag ?? body.iceUfrag;
  const fingerprint = (audio.fingerprint ?? body.fingerprint)?.hash;
  const said = audio.direction ?? body.direction ?? DIRECTIONS.exec(sdp)?.[1] ?? 'sendrecv';
  const events = audio.rtp.find(
    ({ codec, rate }) => codec.toLowerCase() === 'telephone-event' && (rate ?? 8000) === 8000,
  );
  const essence = [
    (audio.connection ?? body.connection)?.ip,
    audio.port,
    said,
    codecs[0],
    ufrag,
    fingerprint,
    ...(audio.crypto ?? []).map((line) => line.config),
  ];
  return {
    codecs,
    protocol: audio.protocol ?? 'RTP/AVP',
    ice: ufrag !== undefined,
    dtls: fingerprint !== undefined,
    off: audio.port === 0,
    direction: said as Direction,
    dtmf: events?.payload ?? null,
    essence: essence.join(' '),
  };
}

export const speaksG711 = (party: Party) => party.codecs.some((name) => G711.has(name));

/** Our address in SDP is the engine's everywhere: o= and c= are rewritten, not only m=. */
const REWRITE: NgParams = { replace: ['origin', 'session connection'] };
/** A party is where its first packets come from (NAT), and then only there. */
const PARTY_FLAGS = ['strict source'];
/**
 * mediad is where its SDP says, from the first packet on: by default the engine believes whoever
 * sends to its port in the first seconds, and mediad, which may have nothing to say then, would
 * lose its leg to a late packet of the port's former call.
 */
const MEDIAD_FLAGS = ['asymmetric', 'strict source'];
/** A leg keeps its ports on both sides, so a new partner costs the party no re-INVITE. */
const KEEP_PORTS = ['port latching'];

/**
 * For the ng `offer` that carries the party's SDP to mediad: plain RTP with G.711 in it.
 *
 * A party that leaves the DTLS roles open is made the client here already, not only by the answer
 * (RFC 5763 section 5 lets us choose). Else the engine, which begins ICE and DTLS as soon as it
 * has an offer, begins as the client, changes over with the answer, and when a handshake is under
 * way then, gets stuck: one call in ten stayed mute.
 */
export function towardsMediad(party: Party, offer: string, again: boolean): NgParams {
  const sdp = offer.replace(/^a=setup:actpass/gm, 'a=setup:active');
  const codec = speaksG711(party)
    ? { strip: ['all'], offer: ['PCMU', 'PCMA', 'telephone-event'] }
    : { mask: ['all'], transcode: ['PCMU'], offer: ['telephone-event'] };
  return {
    ...REWRITE,
    flags: [...PARTY_FLAGS, ...(again ? KEEP_PORTS : [])],
    sdp,
    'transport protocol': 'RTP/AVP',
    'rtcp-mux': ['demux'],
    ICE: 'remove',
    DTLS: 'off',
    SDES: ['off'],
    codec,
  };
}

/** For the ng `answer` that carries mediad's SDP back: in kind. */
export function backTowards(party: Party, answer: string, again: boolean): NgParams {
  return {
    ...REWRITE,
    flags: [...MEDIAD_FLAGS, ...(again ? KEEP_PORTS : [])],
    sdp: answer,
    ICE: party.ice ? 'force' : 'remove',
    ...(party.dtls ? { DTLS: 'passive' } : {}),
  };
}

/** Of an `offer`: the family its receiver, at that host, can be reached by. */
export function familyOf(host: string): NgParams {
  return { 'address family': isIPv6(host.replace(/^\[|\]$/g, '')) ? 'IP6' : 'IP4' };
}

/** For the ng `answer` that carries the party's answer to mediad. */
export function answerOf(sdp: string, again = false): NgParams {
  return { ...REWRITE, flags: [...PARTY_FLAGS, ...(again ? KEEP_PORTS : [])], sdp };
}

/** For the ng `offer` of mediad's SDP to a party: in kind where its media is known, else plain. */
export function offerTowards(party: Party | null, offer: string, again: boolean): NgParams {
  const flags = [...MEDIAD_FLAGS, ...(again ? KEEP_PORTS : [])];
  if (party === null) return { ...REWRITE, flags, sdp: offer };
  const codec = party.codecs[0]?.split('/')[0];
  return {
    ...REWRITE,
    flags: party.ice ? [...flags, 'generate mid'] : flags,
    sdp: offer,
    'transport protocol': party.protocol,
    ICE: party.ice ? 'force' : 'remove',
    ...(party.dtls
      ? { DTLS: 'passive', SDES: ['off'], 'rtcp-mux': ['offer', 'require'] }
      : { DTLS: 'off' }),
    ...(speaksG711(party) || codec === undefined
      ? {}
      : { codec: { mask: ['all'], transcode: [codec], offer: ['telephone-event'] } }),
  };
}

/**
 * Whether an answer uses only codecs that were offered (RFC 3264 section 6.1). rtpengine answers
 * PCMU to an offer in which it knows no codec at all.
 */
export function answersOffer(offer: Party, answerSdp: string): boolean {
  if (offer.off) return true;
  const answer = readParty(answerSdp);
  return answer !== null && answer.codecs.every((name) => offer.codecs.includes(name));
}

/**
 * Our SDP for the party with the version its o= line must have: it grows with every change of the
 * rest (RFC 3264 section 8). mediad counts its own changes, not those of the engine or of moving
 * to another engine. Not below the seconds since the epoch, so that it grows over a restart too.
 * All else in the line stays as it was, whatever engine writes it.
 */
export function versioned(sdp: string, last: string | null): string {
  if (last !== null && sameButOrigin(sdp, last)) return last;
  const [, whose, former = 0, where] = ORIGIN.exec(last ?? '') ?? ORIGIN.exec(sdp) ?? [];
  const version = Math.max(Number(former) + 1, Math.floor(Date.now() / 1000));
  return sdp.replace(ORIGIN, () => `o=${whose} ${version} ${where}`);
}
