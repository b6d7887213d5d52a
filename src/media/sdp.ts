/**
 * SDP offer and answer for one audio stream of G.711 with telephone-event (RFC 3264, RFC 8866).
 * Reading turns a party's SDP into plain facts (`PartyAudio`); writing makes ours from them. The
 * rules: the offerer's order of codecs decides; every m= line is answered in its place, all but
 * our one audio stream with port 0; the payload types are the offerer's; whoever holds (sendonly,
 * inactive, or c=0.0.0.0 as of old) is answered in kind.
 */
import { parse, type MediaDescription, type SessionDescription } from 'sdp-transform';

export type Codec = 'PCMU' | 'PCMA';
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** The party's side of the stream. */
export interface PartyAudio {
  readonly address: string;
  /** 0: the stream is switched off. */
  readonly port: number;
  /** Equal to `port` with rtcp-mux. */
  readonly rtcpPort: number;
  /** Codecs we share, the party's favourite first. */
  readonly codecs: readonly { readonly payloadType: number; readonly codec: Codec }[];
  /** Payload type of telephone-event, or null. */
  readonly dtmf: number | null;
  /** The party's direction; a hold by c=0.0.0.0 is already `sendonly` or `inactive`. */
  readonly direction: Direction;
}

/** What an answer must mirror: the m= lines in order, and which of them is ours. */
export interface OfferShape {
  readonly lines: readonly { readonly type: string; readonly protocol: string; formats: string }[];
  readonly audioIndex: number;
  readonly isMuxed: boolean;
}

export interface OfferRead {
  readonly audio: PartyAudio;
  readonly shape: OfferShape;
  /** An address at which the offerer is: that of c=, or of o= while c= holds with 0.0.0.0. */
  readonly reach: string;
}

export type SdpRead<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly detail: string };

/** Our side: where we receive. */
export interface LocalAudio {
  readonly address: string;
  readonly port: number;
}

/** The o= line: session id for life, version counted with every change (RFC 3264 §8). */
export interface Origin {
  readonly sessionId: string;
  readonly version: number;
}

/** Dynamic payload type of telephone-event in our own offers. */
const dtmfPayloadType = 101;
/** A larger body is refused before it is parsed. */
export const maxSdpBytes = 16 * 1024;
const maxLines = 16;
const staticCodecs: Readonly<Record<number, Codec>> = { 0: 'PCMU', 8: 'PCMA' };

function refused(detail: string): { readonly ok: false; readonly detail: string } {
  return { ok: false, detail };
}

/**
 * Reads an offer. Refuses one without an audio stream over plain RTP that has a codec of ours.
 * `isReoffer`: a stream switched off (port 0) is then a wish, not a refusal.
 */
export function readOffer(text: string, isReoffer = false): SdpRead<OfferRead> {
  const session = parsed(text);
  if (typeof session === 'string') return refused(session);
  const lines = session.media.map((media) => ({
    type: media.type,
    protocol: media.protocol,
    formats: formatText(media) || '0',
  }));
  let why = 'no audio stream';
  let off: OfferRead | null = null;
  for (const [audioIndex, media] of session.media.entries()) {
    if (media.type !== 'audio') continue;
    const audio = audioOf(session, media, isReoffer);
    if (typeof audio === 'string') {
      why = audio;
      continue;
    }
    const isMuxed = media.rtcpMux !== undefined;
    const isNowhere = audio.address === '0.0.0.0' || audio.address === '::';
    const reach = isNowhere ? String(session.origin?.address ?? audio.address) : audio.address;
    const value = { audio, shape: { lines, audioIndex, isMuxed }, reach };
    if (audio.port > 0) return { ok: true, value };
    off ??= value;
  }
  if (off === null) return refused(why);
  // Fax (T.38) in place of audio: refused, so that the party goes on with its audio (RFC 3264 §8).
  const instead = session.media.find(({ port }) => port > 0);
  return instead === undefined
    ? { ok: true, value: off }
    : refused(`${instead.type} in place of audio is not supported`);
}

/** Reads the answer to an offer of ours. */
export function readAnswer(text: string): SdpRead<PartyAudio> {
  const read = readOffer(text);
  return read.ok ? { ok: true, value: read.value.audio } : read;
}

/** Reads an SDP body that was written here: where we receive, and its o= line. */
export function readOwn(text: string): SdpRead<LocalAudio & { readonly origin: Origin }> {
  const session = parsed(text);
  if (typeof session === 'string') return refused(session);
  const audio = session.media.find(({ type, port }) => type === 'audio' && port > 0);
  const address = String((audio?.connection ?? session.connection)?.ip ?? '');
  if (audio === undefined || address === '') return refused('no audio stream of ours');
  const { sessionId = 0, sessionVersion = 0 } = session.origin ?? {};
  const origin = { sessionId: String(sessionId), version: Number(sessionVersion) };
  return { ok: true, value: { address, port: audio.port, origin } };
}

/** The session's version in the o= line counts up when anything else of our SDP changes. */
export function sameButOrigin(a: string, b: string): boolean {
  const rest = (sdp: string): string => sdp.replace(/^o=.*$/m, '');
  return rest(a) === rest(b);
}

function parsed(text: string): SessionDescription | string {
  if (text.length > maxSdpBytes) return `larger than ${maxSdpBytes} bytes`;
  if (!/^v=0\r?\n/.test(text)) return 'not SDP: it does not begin with v=0';
  let session: SessionDescription;
  try {
    session = parse(text);
  } catch (error) {
    return `not SDP: ${(error as Error).message}`;
  }
  if (session.media.length === 0) return 'no m= line';
  return session.media.length > maxLines ? `more than ${maxLines} m= lines` : session;
}

type Media = SessionDescription['media'][number];

function audioOf(session: SessionDescription, media: Media, isReoffer: boolean) {
  if (media.protocol !== 'RTP/AVP' && media.protocol !== 'RTP/AVPF') {
    return `${media.protocol} is not plain RTP`;
  }
  const isOff = media.port === 0;
  if (isOff && !isReoffer) return 'the audio stream is switched off';
  if (!Number.isInteger(media.port) || media.port < 0 || media.port > 65_535) return 'bad port';
  const address = String((media.connection ?? session.connection)?.ip ?? '').split('/')[0] ?? '';
  if (address === '') return 'no c= line';
  if (/^(22[4-9]|23\d)\.|^ff/i.test(address)) return 'multicast is not supported';
  if (address === '255.255.255.255') return 'a broadcast address is nobody’s';
  const codecs = codecsOf(media);
  if (codecs.length === 0) return `no G.711 among formats ${formatText(media)}`;
  const audio: PartyAudio = {
    address,
    port: media.port,
    rtcpPort: rtcpPortOf(media),
    codecs,
    dtmf: dtmfOf(media),
    direction: isOff ? 'inactive' : directionOf(session, media, address),
  };
  return audio;
}

/** The parser makes numbers of whatever looks like one, whatever its types say. */
function formatText(media: Media): string {
  return String(media.payloads ?? '').trim();
}

function formatsOf(media: Media): number[] {
  return formatText(media)
    .split(' ')
    .filter((format) => /^\d{1,3}$/.test(format))
    .map(Number)
    .filter((format) => format < 128);
}

function mapOf(media: MediaDescription, format: number) {
  return (media.rtp ?? []).find(({ payload }) => payload === format);
}

function codecsOf(media: Media): { payloadType: number; codec: Codec }[] {
  return formatsOf(media).flatMap((payloadType) => {
    const map = mapOf(media, payloadType);
    if (map === undefined) {
      const codec = staticCodecs[payloadType];
      return codec === undefined ? [] : [{ payloadType, codec }];
    }
    const name = String(map.codec).toUpperCase();
    const isPlain = (map.rate ?? 8000) === 8000 && (map.encoding ?? 1) === 1;
    return isPlain && (name === 'PCMU' || name === 'PCMA') ? [{ payloadType, codec: name }] : [];
  });
}

function isDtmf(codec: unknown): boolean {
  return String(codec).toLowerCase() === 'telephone-event';
}

function dtmfOf(media: Media): number | null {
  const found = formatsOf(media).find((format) => {
    const map = mapOf(media, format);
    return map !== undefined && isDtmf(map.codec) && (map.rate ?? 8000) === 8000;
  });
  return found ?? null;
}

function rtcpPortOf(media: Media): number {
  if (media.rtcpMux !== undefined) return media.port;
  const named = media.rtcp?.port;
  if (named !== undefined && named > 0 && named < 65_536) return named;
  return media.port === 0 || media.port === 65_535 ? 0 : media.port + 1;
}

function directionOf(session: SessionDescription, media: Media, address: string): Direction {
  const said: Direction = media.direction ?? session.direction ?? 'sendrecv';
  // RFC 3264 §8.4: the hold of RFC 2543; the party sends perhaps, but must not be sent to.
  if (address !== '0.0.0.0' && address !== '::') return said;
  return said === 'sendrecv' || said === 'sendonly' ? 'sendonly' : 'inactive';
}

/** Does the party that offers this hold: is it not to be sent to? null: it tells nothing usable. */
export function isHold(offerSdp: string): boolean | null {
  const read = readOffer(offerSdp, true);
  return read.ok ? !partyReceives(read.value.audio.direction) : null;
}

/** May we send to a party of this direction; does it send to us. */
export function partyReceives(direction: Direction): boolean {
  return direction === 'sendrecv' || direction === 'recvonly';
}
export function partySends(direction: Direction): boolean {
  return direction === 'sendrecv' || direction === 'sendonly';
}

const mirrored: Readonly<Record<Direction, Direction>> = {
  sendrecv: 'sendrecv',
  sendonly: 'recvonly',
  recvonly: 'sendonly',
  inactive: 'inactive',
};

function sessionLines(local: LocalAudio, origin: Origin): string[] {
  const family = local.address.includes(':') ? 'IP6' : 'IP4';
  return [
    'v=0',
    `o=acd ${origin.sessionId} ${origin.version} IN ${family} ${local.address}`,
    's=acd',
    `c=IN ${family} ${local.address}`,
    't=0 0',
  ];
}

function dtmfLines(payloadType: number | null): string[] {
  if (payloadType === null) return [];
  return [`a=rtpmap:${payloadType} telephone-event/8000`, `a=fmtp:${payloadType} 0-15`];
}

/** Our answer: one codec, the offerer's favourite of ours, and telephone-event if offered. */
export function writeAnswer(offer: OfferRead, local: LocalAudio, origin: Origin): string {
  const { audio, shape } = offer;
  const lines = sessionLines(local, origin);
  for (const [index, line] of shape.lines.entries()) {
    if (index !== shape.audioIndex || audio.port === 0) {
      lines.push(`m=${line.type} 0 ${line.protocol} ${line.formats}`);
      continue;
    }
    const chosen = audio.codecs[0] as { payloadType: number; codec: Codec };
    const formats = [chosen.payloadType, ...(audio.dtmf === null ? [] : [audio.dtmf])];
    lines.push(
      `m=audio ${local.port} ${line.protocol} ${formats.join(' ')}`,
      `a=rtpmap:${chosen.payloadType} ${chosen.codec}/8000`,
      ...dtmfLines(audio.dtmf),
      'a=ptime:20',
      ...(shape.isMuxed ? ['a=rtcp-mux'] : []),
      `a=${mirrored[audio.direction]}`,
    );
  }
  return `${lines.join('\r\n')}\r\n`;
}

/** Our offer: both laws and telephone-event, with its payload type (null: without). */
export function writeOffer(
  local: LocalAudio,
  origin: Origin,
  prefer: Codec = 'PCMU',
  direction: Direction = 'sendrecv',
  dtmf: number | null = dtmfPayloadType,
): string {
  const laws = prefer === 'PCMU' ? '0 8' : '8 0';
  const lines = [
    ...sessionLines(local, origin),
    `m=audio ${local.port} RTP/AVP ${laws}${dtmf === null ? '' : ` ${dtmf}`}`,
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:8 PCMA/8000',
    ...dtmfLines(dtmf),
    'a=ptime:20',
    `a=${direction}`,
  ];
  return `${lines.join('\r\n')}\r\n`;
}
