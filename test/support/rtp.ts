/**
 * One party's audio in plain Node: a UDP socket that paces G.711 every 20 ms, keeps what it hears
 * as one line of samples, and knows RFC 4733 both ways. Written apart from the product's own RTP.
 */
import dgram from 'node:dgram';
import { RATE, concat, decode, encode, rms, toneShare, type G711 } from './audio.ts';
import { freeRange } from './ports.ts';

/** So much is made up for when this process was late. */
const CATCH_UP_FRAMES = 25;
const FRAME = RATE / 50;
/** Memory of a test phone: ten minutes of audio. */
const MAX_PACKETS = 30_000;
export const DTMF_PAYLOAD = 101;
const DTMF_EVENTS = '0123456789*#ABCD';

export interface RtpPacket {
  /** Arrival, ms since the epoch. */
  readonly at: number;
  readonly payloadType: number;
  readonly marker: boolean;
  readonly seq: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly payload: Buffer;
}

export function parseRtp(data: Buffer, at: number): RtpPacket | null {
  const first = data[0];
  const second = data[1];
  if (data.length < 12 || first === undefined || second === undefined || first >> 6 !== 2) {
    return null;
  }
  let start = 12 + (first & 0x0f) * 4;
  if (first & 0x10) {
    if (data.length < start + 4) return null;
    start += 4 + data.readUInt16BE(start + 2) * 4;
  }
  const padding = first & 0x20 ? (data[data.length - 1] ?? 0) : 0;
  return {
    at,
    payloadType: second & 0x7f,
    marker: (second & 0x80) !== 0,
    seq: data.readUInt16BE(2),
    timestamp: data.readUInt32BE(4),
    ssrc: data.readUInt32BE(8),
    payload: data.subarray(start, data.length - padding),
  };
}

export function buildRtp(packet: Omit<RtpPacket, 'at'>): Buffer {
  const head = Buffer.alloc(12);
  head[0] = 0x80;
  head[1] = packet.payloadType | (packet.marker ? 0x80 : 0);
  head.writeUInt16BE(packet.seq & 0xffff, 2);
  head.writeUInt32BE(packet.timestamp >>> 0, 4);
  head.writeUInt32BE(packet.ssrc >>> 0, 8);
  return Buffer.concat([head, packet.payload]);
}

type Source = (frame: number) => Int16Array;

export class RtpPeer {
  readonly port: number;
  codec: G711 = 'ulaw';
  /** Everything received, oldest first. */
  readonly packets: RtpPacket[] = [];
  /** Digits heard by RFC 4733, in order. */
  digitsHeard = '';
  remote: { host: string; port: number } | null = null;

  private readonly socket: dgram.Socket;
  private readonly line: Int16Array[] = [];
  private lineLength = 0;
  private last: RtpPacket | null = null;
  private lastEvent = -1;
  private readonly watchers = new Set<(packet: RtpPacket) => void>();
  private source: Source | null = null;
  private timer: NodeJS.Timeout | null = null;
  private startedAt = 0;
  private frame = 0;
  private seq = Math.floor(Math.random() * 0xffff);
  private readonly ssrc = Math.floor(Math.random() * 0xffffffff);
  private keys: { event: number; left: number; total: number; from: number }[] = [];

  private constructor(socket: dgram.Socket, port: number) {
    this.socket = socket;
    this.port = port;
  }

  static async open(): Promise<RtpPeer> {
    const { min } = await freeRange(2);
    const socket = dgram.createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(min, '127.0.0.1', () => resolve());
    });
    const peer = new RtpPeer(socket, min);
    socket.on('message', (data) => peer.hear(data));
    return peer;
  }

  /** Sends a steady tone from now on. */
  sendTone(hertz: number, level = 0.4): void {
    // A second holds whole waves of any whole frequency: after it, all begins again.
    const second = Array.from({ length: 50 }, (_unused, frame) =>
      Int16Array.from({ length: FRAME }, (_, i) =>
        Math.round(32767 * level * Math.sin((2 * Math.PI * hertz * (frame * FRAME + i)) / RATE)),
      ),
    );
    this.send((frame) => second[frame % 50] ?? new Int16Array(FRAME));
  }

  sendSilence(): void {
    const silence = new Int16Array(FRAME);
    this.send(() => silence);
  }

  /** Nothing goes out any more, not even silence. */
  mute(): void {
    this.source = null;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  /** Keys digits by RFC 4733 (100 ms each, 60 ms apart); settles when the last was sent. */
  async key(digits: string): Promise<void> {
    if (this.source === null) this.sendSilence();
    for (const digit of digits) {
      const event = DTMF_EVENTS.indexOf(digit);
      if (event < 0) throw new Error(`no such key: ${digit}`);
      await new Promise<void>((resolve) => {
        this.keys.push({ event, left: 8, total: 8, from: 0 });
        this.whenKeyed = resolve;
      });
    }
  }
  private whenKeyed: () => void = () => undefined;

  /** Samples heard so far, in order, gaps filled with silence; from `from` on. */
  heard(from = 0): Int16Array {
    const all = concat(...this.line.splice(0));
    this.line.push(all);
    return all.subarray(from);
  }

  /** A place in what is heard, to look from there on later. */
  mark(): number {
    return this.lineLength;
  }

  /** Waits until another `samples` were heard after `from`; gives them. */
  async hearAtLeast(samples: number, from = this.mark(), ms = 15_000): Promise<Int16Array> {
    const enough = () => (this.lineLength - from >= samples ? true : null);
    await this.watch(`${samples} samples`, enough, ms);
    return this.heard(from).subarray(0, samples);
  }

  /** Waits until the last 60 ms are a tone of `hertz`; gives the instant of the packet. */
  async hearTone(hertz: number, ms = 10_000): Promise<number> {
    return this.watch(
      `tone of ${hertz} Hz`,
      () => {
        const tail = concat(...this.line.slice(-3));
        const part = tail.subarray(-3 * FRAME);
        const fits = part.length >= 3 * FRAME && rms(part) > 300 && toneShare(part, hertz) > 0.7;
        return fits ? (this.last?.at ?? 0) : null;
      },
      ms,
    );
  }

  /** Waits until `digits` were heard by RFC 4733, in that order, at the end. */
  async hearDigits(digits: string, ms = 10_000): Promise<void> {
    await this.watch(`digits ${digits}`, () => (this.digitsHeard.endsWith(digits) ? 1 : null), ms);
  }

  /** One raw datagram to wherever audio goes, or to `to`: for strangers and hostile input. */
  sendRaw(data: Buffer, to = this.remote): void {
    if (to === null) throw new Error('no remote address');
    this.socket.send(data, to.port, to.host);
  }

  close(): void {
    this.mute();
    this.socket.close();
  }

  private async watch<T>(what: string, look: () => T | null, ms: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = look();
        if (found === null) return;
        settle();
        resolve(found);
      };
      const timer = setTimeout(() => {
        settle();
        const heard = `${this.packets.length} packets, ${this.lineLength} samples`;
        reject(new Error(`RTP ${this.port}: no ${what} within ${ms} ms; ${heard} in all`));
      }, ms);
      const settle = () => {
        clearTimeout(timer);
        this.watchers.delete(check);
      };
      this.watchers.add(check);
      check();
    });
  }

  private hear(data: Buffer): void {
    const packet = parseRtp(data, Date.now());
    if (packet === null || this.packets.length >= MAX_PACKETS) return;
    this.packets.push(packet);
    if (packet.payloadType === 0 || packet.payloadType === 8) this.append(packet);
    if (packet.payloadType === DTMF_PAYLOAD) this.hearEvent(packet);
    for (const look of [...this.watchers]) look(packet);
  }

  private append(packet: RtpPacket): void {
    const last = this.last;
    if (last !== null && last.ssrc === packet.ssrc) {
      const ahead = (packet.timestamp - last.timestamp) | 0;
      if (ahead <= 0) return; // late or doubled
      const gap = ahead - last.payload.length;
      if (gap > 0 && gap < RATE) this.push(new Int16Array(gap));
    }
    this.last = packet;
    this.push(decode(packet.payload, packet.payloadType === 0 ? 'ulaw' : 'alaw'));
  }

  private push(samples: Int16Array): void {
    this.line.push(samples);
    this.lineLength += samples.length;
  }

  private hearEvent(packet: RtpPacket): void {
    // All packets of one key carry the timestamp of its beginning (RFC 4733 section 2.5.1.3).
    if (packet.timestamp === this.lastEvent) return;
    this.lastEvent = packet.timestamp;
    this.digitsHeard += DTMF_EVENTS[packet.payload[0] ?? 0] ?? '?';
  }

  private send(source: Source): void {
    this.source = source;
    if (this.timer !== null) return;
    this.startedAt = performance.now();
    this.frame = 0;
    this.tick();
  }

  private tick(): void {
    const due = Math.floor((performance.now() - this.startedAt) / 20);
    // A telephone that was held up does not say it all at once afterwards: that would be a flood.
    this.frame = Math.max(this.frame, due - CATCH_UP_FRAMES);
    while (this.frame <= due && this.source !== null) this.sendFrame(this.source);
    const nextAt = this.startedAt + this.frame * 20;
    this.timer = setTimeout(() => this.tick(), Math.max(1, nextAt - performance.now()));
  }

  private sendFrame(source: Source): void {
    const key = this.keys[0];
    const timestamp = this.frame * FRAME;
    if (key === undefined || key.left <= 0) {
      const payload = encode(source(this.frame), this.codec);
      this.emit(this.codec === 'ulaw' ? 0 : 8, this.frame === 0, timestamp, payload);
    } else {
      this.sendKey(key, timestamp);
    }
    if (key !== undefined) {
      key.left -= 1;
      if (key.left <= -3) {
        this.keys.shift();
        this.whenKeyed();
      }
    }
    this.frame += 1;
  }

  /** RFC 4733: growing duration, one timestamp, the end told three times. */
  private sendKey(
    key: { event: number; left: number; total: number; from: number },
    timestamp: number,
  ): void {
    const isFirst = key.left === key.total;
    if (isFirst) key.from = timestamp;
    const isEnd = key.left <= 3;
    const frames = Math.min(key.total - key.left + 1, key.total - 2);
    const payload = Buffer.alloc(4);
    payload[0] = key.event;
    payload[1] = (isEnd ? 0x80 : 0) | 10;
    payload.writeUInt16BE(frames * FRAME, 2);
    this.emit(DTMF_PAYLOAD, isFirst, key.from, payload);
  }

  private emit(payloadType: number, marker: boolean, timestamp: number, payload: Buffer): void {
    this.seq += 1;
    if (this.remote === null) return;
    const packet = { payloadType, marker, seq: this.seq, timestamp, ssrc: this.ssrc, payload };
    this.socket.send(buildRtp(packet), this.remote.port, this.remote.host);
  }
}
