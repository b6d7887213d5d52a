/**
 * RTCP (RFC 3550 §6): our compound packets (SR or RR, SDES with CNAME, BYE at the end) and what
 * we read from the party's: its sender time for round trips, its report about our stream.
 */

/** What we tell about the stream we receive. */
export interface ReportBlock {
  readonly ssrc: number;
  /** 0..1 since the last report. */
  readonly fraction: number;
  readonly lost: number;
  readonly highest: number;
  readonly jitter: number;
  /** Middle 32 bits of the party's last SR, 0 if none. */
  readonly lastSr: number;
  /** Milliseconds since it came. */
  readonly sinceSrMs: number;
}

export interface SenderInfo {
  /** Milliseconds since the epoch. */
  readonly wallMs: number;
  readonly timestamp: number;
  readonly packets: number;
  readonly octets: number;
}

/** Difference of the NTP epoch (1900) to Unix's, seconds. */
const ntpEpoch = 2_208_988_800;

/** Middle 32 bits of an NTP time (RFC 3550 §4), the unit of LSR and round trips. */
export function ntpMiddle(wallMs: number): number {
  const seconds = Math.floor(wallMs / 1000) + ntpEpoch;
  const fraction = Math.floor(((wallMs % 1000) / 1000) * 65_536);
  return (((seconds & 0xffff) << 16) | fraction) >>> 0;
}

/** A compound packet; `sender` null: we have sent nothing since the last report. */
export function buildRtcp(
  ssrc: number,
  cname: string,
  sender: SenderInfo | null,
  block: ReportBlock | null,
  isBye: boolean,
): Buffer {
  const parts = [reportPacket(ssrc, sender, block), sdesPacket(ssrc, cname)];
  if (isBye) {
    const bye = Buffer.alloc(8);
    head(bye, 1, 203);
    bye.writeUInt32BE(ssrc, 4);
    parts.push(bye);
  }
  return Buffer.concat(parts);
}

function head(packet: Buffer, count: number, type: number): void {
  packet[0] = 0x80 | count;
  packet[1] = type;
  packet.writeUInt16BE(packet.length / 4 - 1, 2);
}

function reportPacket(ssrc: number, sender: SenderInfo | null, block: ReportBlock | null): Buffer {
  const senderBytes = sender === null ? 0 : 20;
  const packet = Buffer.alloc(8 + senderBytes + (block === null ? 0 : 24));
  head(packet, block === null ? 0 : 1, sender === null ? 201 : 200);
  packet.writeUInt32BE(ssrc, 4);
  if (sender !== null) {
    packet.writeUInt32BE((Math.floor(sender.wallMs / 1000) + ntpEpoch) >>> 0, 8);
    packet.writeUInt32BE(Math.floor(((sender.wallMs % 1000) / 1000) * 0x1_0000_0000), 12);
    packet.writeUInt32BE(sender.timestamp, 16);
    packet.writeUInt32BE(sender.packets >>> 0, 20);
    packet.writeUInt32BE(sender.octets >>> 0, 24);
  }
  if (block !== null) writeBlock(packet, 8 + senderBytes, block);
  return packet;
}

function writeBlock(packet: Buffer, at: number, block: ReportBlock): void {
  packet.writeUInt32BE(block.ssrc, at);
  packet[at + 4] = Math.min(255, Math.floor(block.fraction * 256));
  packet.writeIntBE(block.lost, at + 5, 3);
  packet.writeUInt32BE(block.highest >>> 0, at + 8);
  packet.writeUInt32BE(block.jitter >>> 0, at + 12);
  packet.writeUInt32BE(block.lastSr, at + 16);
  const delay = block.lastSr === 0 ? 0 : Math.round(block.sinceSrMs * 65.536);
  packet.writeUInt32BE(delay >>> 0, at + 20);
}

function sdesPacket(ssrc: number, cname: string): Buffer {
  const text = Buffer.from(cname, 'latin1').subarray(0, 255);
  // Item list ends with at least one zero byte, filled up to 32 bits (RFC 3550 §6.5).
  const packet = Buffer.alloc(4 + Math.ceil((4 + 2 + text.length + 1) / 4) * 4);
  head(packet, 1, 202);
  packet.writeUInt32BE(ssrc, 4);
  packet[8] = 1;
  packet[9] = text.length;
  text.copy(packet, 10);
  return packet;
}

/** What a compound packet told us. */
export interface RtcpNews {
  /** Middle 32 bits of the NTP time of a sender report. */
  senderTime: number | null;
  /** The party's report about our stream. */
  report: { fraction: number; lost: number; jitter: number; lsr: number; delay: number } | null;
  isBye: boolean;
}

/** Reads a compound packet; null: it is none. Never throws. */
export function parseRtcp(packet: Buffer, ourSsrc: number): RtcpNews | null {
  const news: RtcpNews = { senderTime: null, report: null, isBye: false };
  let at = 0;
  while (at + 4 <= packet.length) {
    const first = packet[at] as number;
    const length = (packet.readUInt16BE(at + 2) + 1) * 4;
    if (first >> 6 !== 2 || at + length > packet.length) return at === 0 ? null : news;
    const type = packet[at + 1] as number;
    if (at === 0 && (type < 192 || type > 223)) return null;
    readPart(packet.subarray(at, at + length), type, first & 0x1f, ourSsrc, news);
    at += length;
  }
  return at === 0 ? null : news;
}

function readPart(part: Buffer, type: number, count: number, ssrc: number, news: RtcpNews): void {
  if (type === 203) news.isBye = true;
  if (type !== 200 && type !== 201) return;
  if (type === 200 && part.length >= 28) news.senderTime = part.readUInt32BE(10);
  const start = type === 200 ? 28 : 8;
  for (let index = 0; index < count; index += 1) {
    const at = start + index * 24;
    if (at + 24 > part.length) return;
    if (part.readUInt32BE(at) !== ssrc) continue;
    news.report = {
      fraction: (part[at + 4] as number) / 256,
      lost: part.readIntBE(at + 5, 3),
      jitter: part.readUInt32BE(at + 12),
      lsr: part.readUInt32BE(at + 16),
      delay: part.readUInt32BE(at + 20),
    };
  }
}

/** Round trip in ms by RFC 3550 §6.4.1; null where the party has had no SR of ours. */
export function roundTripMs(report: { lsr: number; delay: number }, wallMs: number): number | null {
  if (report.lsr === 0) return null;
  const units = (ntpMiddle(wallMs) - report.lsr - report.delay) | 0;
  return units < 0 ? 0 : units / 65.536;
}
