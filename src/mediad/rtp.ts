/**
 * RTP on the wire (RFC 3550 §5.1): reading a header without allocating, writing one, and the
 * arithmetic of numbers that wrap. Nothing here knows what a leg is.
 */

/** A parsed packet; one object is used again and again. Payload is `packet[start, end)`. */
export interface RtpView {
  payloadType: number;
  marker: boolean;
  seq: number;
  timestamp: number;
  ssrc: number;
  start: number;
  end: number;
}

export const rtpHeaderBytes = 12;

export function newView(): RtpView {
  return { payloadType: 0, marker: false, seq: 0, timestamp: 0, ssrc: 0, start: 0, end: 0 };
}

/** Fills `view`; false: this is no RTP packet. Never throws, whatever the bytes. */
export function parseRtp(packet: Buffer, view: RtpView): boolean {
  const length = packet.length;
  if (length < rtpHeaderBytes) return false;
  const first = packet[0] as number;
  if (first >> 6 !== 2) return false;
  let start = rtpHeaderBytes + (first & 0x0f) * 4;
  let end = length;
  if ((first & 0x10) !== 0) {
    if (start + 4 > length) return false;
    start += 4 + packet.readUInt16BE(start + 2) * 4;
  }
  if ((first & 0x20) !== 0) {
    const padding = packet[length - 1] as number;
    if (padding === 0) return false;
    end -= padding;
  }
  if (start > end) return false;
  const second = packet[1] as number;
  view.payloadType = second & 0x7f;
  view.marker = (second & 0x80) !== 0;
  view.seq = packet.readUInt16BE(2);
  view.timestamp = packet.readUInt32BE(4);
  view.ssrc = packet.readUInt32BE(8);
  view.start = start;
  view.end = end;
  return true;
}

/** RTCP on the RTP port (RFC 5761 §4): packet types 192..223 where RTP has marker and type. */
export function looksLikeRtcp(packet: Buffer): boolean {
  const second = packet[1] ?? 0;
  return second >= 192 && second <= 223;
}

/** Writes a 12-byte header at `at`. */
export function writeHeader(
  packet: Buffer,
  at: number,
  payloadType: number,
  marker: boolean,
  seq: number,
  timestamp: number,
  ssrc: number,
): void {
  packet[at] = 0x80;
  packet[at + 1] = payloadType | (marker ? 0x80 : 0);
  packet.writeUInt16BE(seq, at + 2);
  packet.writeUInt32BE(timestamp, at + 4);
  packet.writeUInt32BE(ssrc, at + 8);
}

/** `a - b` of sequence numbers, -32768..32767. */
export function seqDelta(a: number, b: number): number {
  return ((a - b) << 16) >> 16;
}

/** `a - b` of timestamps, signed 32 bit. */
export function tsDelta(a: number, b: number): number {
  return (a - b) | 0;
}

export function wrap16(value: number): number {
  return value & 0xffff;
}

export function wrap32(value: number): number {
  return value >>> 0;
}
