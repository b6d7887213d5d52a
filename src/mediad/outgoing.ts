/**
 * The stream a leg sends: one SSRC, one run of sequence numbers and one timeline for the leg's
 * whole life, whatever is played or forwarded. Local audio (frames of 20 ms) and digits advance
 * it; forwarded packets are mapped onto it by two offsets, so that loss, order and pauses of the
 * speaker reach the listener as they were. Every switch of content sets the marker.
 *
 * Timeline: `lastTs` was right at `lastAt`; whatever comes after a pause or a switch continues at
 * the time that has really passed (8 units per millisecond).
 */
import { randomBytes } from 'node:crypto';
import { rtpHeaderBytes, seqDelta, tsDelta, wrap16, wrap32, writeHeader } from './rtp.ts';
import type { RtpView } from './rtp.ts';
import type { ToneStep } from './dtmf.ts';

/** Samples of one frame, 20 ms. */
export const frameSamples = 160;
/** A forwarded timeline that jumps further than this from real time is anchored anew: 2 s. */
const maxDrift = 16_000;
const maxSeqJump = 3000;

/** Hands a packet to the network: `packet[start, end)`. */
export type Send = (packet: Buffer, start: number, end: number) => void;

interface Mapping {
  readonly ssrc: number;
  readonly tsOffset: number;
  seqOffset: number;
  /** Numbers at or below were used before this mapping. */
  readonly floor: number;
  highestIn: number;
}

export class Outgoing {
  readonly ssrc: number;
  /** Room for the header and one frame; fill from `rtpHeaderBytes`, then `sendFrame`. */
  readonly packet = Buffer.alloc(rtpHeaderBytes + frameSamples);
  packets = 0;
  octets = 0;
  /** When anything was last sent, ms; -1: never. */
  sentAt = -1;
  private readonly send: Send;
  private seq: number;
  private lastTs: number;
  private lastAt = -1;
  private lastSamples = frameSamples;
  private running = false;
  private eventTs = 0;
  private eventWhole = 0;
  private mapping: Mapping | null = null;

  constructor(send: Send) {
    const random = randomBytes(10);
    this.send = send;
    this.ssrc = random.readUInt32BE(0);
    // A first number below 2^15, so that no receiver takes an early wrap for a restart.
    this.seq = random.readUInt16BE(4) & 0x7fff;
    this.lastTs = random.readUInt32BE(6);
  }

  /** RTP timestamp of this moment, for sender reports. */
  timestampAt(now: number): number {
    const passed = this.lastAt < 0 ? 0 : Math.round((now - this.lastAt) * 8);
    return wrap32(this.lastTs + passed);
  }

  /** Sends the frame in `packet`. */
  sendFrame(payloadType: number, now: number): void {
    const marker = !this.running;
    const timestamp = this.nextTimestamp(now);
    this.advance(timestamp, frameSamples, now);
    this.running = true;
    this.mapping = null;
    writeHeader(this.packet, 0, payloadType, marker, this.nextSeq(), timestamp, this.ssrc);
    this.emit(this.packet, 0, this.packet.length, now);
  }

  /** Sends one packet of a keyed digit (RFC 4733 §2.5.1). */
  sendEvent(step: ToneStep, payloadType: number, now: number): void {
    if (step.first) {
      this.eventTs = this.nextTimestamp(now);
      this.advance(this.eventTs, frameSamples, now);
      this.eventWhole = 0;
    }
    this.running = false;
    this.mapping = null;
    this.eventWhole = Math.max(this.eventWhole, step.duration);
    const packet = Buffer.allocUnsafe(rtpHeaderBytes + 4);
    const seq = this.nextSeq();
    writeHeader(packet, 0, payloadType, step.first, seq, this.eventTs, this.ssrc);
    packet[rtpHeaderBytes] = step.code;
    // Volume -10 dBm0, as usual; the top bit says that the key is up.
    packet[rtpHeaderBytes + 1] = (step.end ? 0x80 : 0) | 10;
    packet.writeUInt16BE(this.eventWhole, rtpHeaderBytes + 2);
    this.emit(packet, 0, packet.length, now);
  }

  /** Nothing was sent in this tick: what comes next starts a new stretch. */
  pause(): void {
    this.running = false;
    this.mapping = null;
  }

  /** The speaker's packet is kept from the listener on purpose; must not look like loss. */
  skip(view: RtpView): void {
    const mapping = this.mapping;
    if (mapping === null || mapping.ssrc !== view.ssrc) return;
    if (seqDelta(view.seq, mapping.highestIn) <= 0) return;
    mapping.highestIn = view.seq;
    mapping.seqOffset -= 1;
  }

  /**
   * Forwards the speaker's packet: rewrites the header in place, right before the payload.
   * `isAudio` false: a telephone-event, whose timestamp stands still while the key is down.
   * False: the packet came too late to have a number of its own.
   */
  forward(packet: Buffer, view: RtpView, payloadType: number, isAudio: boolean, now: number) {
    let isFirst = false;
    if (this.needsAnchor(view, isAudio, now)) {
      this.anchor(view, now);
      isFirst = true;
    }
    const mapping = this.mapping as Mapping;
    const seq = wrap16(view.seq + mapping.seqOffset);
    if (seqDelta(seq, mapping.floor) <= 0) return false;
    if (seqDelta(seq, this.seq) > 0) this.seq = seq;
    if (seqDelta(view.seq, mapping.highestIn) > 0) mapping.highestIn = view.seq;
    const timestamp = wrap32(view.timestamp + mapping.tsOffset);
    const samples = isAudio ? view.end - view.start : frameSamples;
    if (isFirst || tsDelta(timestamp, this.lastTs) > 0) this.advance(timestamp, samples, now);
    const start = view.start - rtpHeaderBytes;
    const marker = view.marker || isFirst;
    writeHeader(packet, start, payloadType, marker, seq, timestamp, this.ssrc);
    this.emit(packet, start, view.end, now);
    return true;
  }

  private needsAnchor(view: RtpView, isAudio: boolean, now: number): boolean {
    const mapping = this.mapping;
    if (mapping === null || mapping.ssrc !== view.ssrc) return true;
    const jump = seqDelta(wrap16(view.seq + mapping.seqOffset), this.seq);
    if (Math.abs(jump) > maxSeqJump) return true;
    if (!isAudio || jump <= 0) return false;
    const step = tsDelta(wrap32(view.timestamp + mapping.tsOffset), this.lastTs);
    return Math.abs(step - (now - this.lastAt) * 8) > maxDrift;
  }

  private anchor(view: RtpView, now: number): void {
    this.running = false;
    const timestamp = this.nextTimestamp(now);
    this.mapping = {
      ssrc: view.ssrc,
      tsOffset: tsDelta(timestamp, view.timestamp),
      seqOffset: wrap16(this.seq + 1 - view.seq),
      floor: this.seq,
      highestIn: view.seq,
    };
  }

  private nextTimestamp(now: number): number {
    if (this.lastAt < 0) return this.lastTs;
    if (this.running) return wrap32(this.lastTs + frameSamples);
    const passed = Math.round((now - this.lastAt) * 8);
    return wrap32(this.lastTs + Math.max(this.lastSamples, passed));
  }

  private advance(timestamp: number, samples: number, now: number): void {
    this.lastTs = timestamp;
    this.lastSamples = samples;
    this.lastAt = now;
  }

  private nextSeq(): number {
    this.seq = wrap16(this.seq + 1);
    return this.seq;
  }

  private emit(packet: Buffer, start: number, end: number, now: number): void {
    this.packets += 1;
    this.octets += end - start - rtpHeaderBytes;
    this.sentAt = now;
    this.send(packet, start, end);
  }
}
