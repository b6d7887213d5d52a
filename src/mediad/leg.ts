/**
 * A leg: one party's RTP session. What comes in (`receive`) is checked, counted and given to the
 * leg's bridge partner; what goes out is chosen here, in this order: digits being dialled, the
 * announcement, the bridge partner, the music. Whatever it is, it goes through one `Outgoing`
 * stream, so the party's phone never notices a switch. A mixer would replace `partner` as giver
 * and taker of audio; a recorder taps `receive` and `Outgoing`.
 */
import type { RemoteInfo } from 'node:dgram';
import { Budget } from './budget.ts';
import { convertInPlace, silenceByte, type Law } from './g711.ts';
import { DtmfReceiver, DtmfSender, type Digit } from './dtmf.ts';
import type { LegEvent } from './events.ts';
import { Latch, relatchMs, type Endpoint } from './latch.ts';
import { limits } from './limits.ts';
import { frameSamples, Outgoing } from './outgoing.ts';
import type { Announcement, Music } from './playout.ts';
import type { PortPair } from './ports.ts';
import { looksLikeRtcp, newView, parseRtp, rtpHeaderBytes, type RtpView } from './rtp.ts';
import { RtcpSession } from './rtcp-session.ts';
import { Reception } from './stats.ts';

/** What the party's SDP agreed; plain numbers, made by the client. */
export interface Remote {
  readonly address: string;
  /** 0: the party takes no audio at all. */
  readonly port: number;
  /** Equal to `port` with rtcp-mux. */
  readonly rtcpPort: number;
  /** Payload types we may receive; the first is the one we send. */
  readonly audio: readonly { readonly payloadType: number; readonly law: Law }[];
  /** Payload type of telephone-event, null: not agreed. */
  readonly dtmf: number | null;
  /** The party sends (else its silence is no event) / wants to receive. */
  readonly sends: boolean;
  readonly receives: boolean;
}

/** Our address as the party sees it, and the party's, when the leg was made. */
export interface Ends {
  readonly address: string;
  readonly peer: string;
}

export interface LegWorld {
  now(): number;
  /** As `Clock.owedMs`. */
  owedMs(now: number): number;
  emit(event: LegEvent): void;
  /** The leg has something to play from now on. */
  wake(leg: Leg): void;
  readonly silenceMs: number;
}

/** Nothing sent for so long: one frame of silence keeps NAT bindings open (RFC 6263 §4.6). */
const keepAliveMs = 10_000;
/**
 * Type of telephone-events in our own offers. Who answers by another may still send this one: each
 * side names what it wants to receive (RFC 3264 §6.1).
 */
const offeredDtmf = 101;
/** `kinds`: what a payload type is on this leg. */
const kind = { none: 0, ulaw: 1, alaw: 2, dtmf: 3 } as const;
/** One for all: a packet is dealt with before the next is parsed. */
const view: RtpView = newView();

export class Leg {
  readonly id: string;
  readonly pair: PortPair;
  readonly ends: Ends;
  readonly createdAt: number;
  readonly reception = new Reception();
  readonly outgoing: Outgoing;
  readonly rtcp: RtcpSession;
  readonly latch = new Latch();
  readonly dialler = new DtmfSender();
  /** Texts the client keeps with the leg for the next: its own, and one for who uses it. */
  memo = '';
  note = '';
  music: Music | null = null;
  musicKey: string | null = null;
  /** Phase of the clock in which the leg is served; -1: not at the moment. */
  phase = -1;
  private readonly world: LegWorld;
  private readonly digits = new DtmfReceiver();
  private readonly kinds = new Uint8Array(128);
  private remote: Remote | null = null;
  private announcement: Announcement | null = null;
  private partner: Leg | null = null;
  private law: Law = 'ulaw';
  private sendType = 0;
  private heardSince = 0;
  /** By us, or by a process before us. */
  wasHeard = false;
  private isSilent = false;
  private readonly fromParty = new Budget(limits.packetsAtOnce, limits.packetsPerSecond);
  private readonly fromOthers = new Budget(limits.packetsAtOnce, limits.packetsPerSecond);
  private readonly keyed = new Budget(limits.digitsPerSecond, limits.digitsPerSecond);
  private isClosed = false;
  private isConnected = false;
  private toldSource: Endpoint | null = null;

  constructor(id: string, pair: PortPair, ends: Ends, world: LegWorld) {
    this.id = id;
    this.pair = pair;
    this.ends = ends;
    this.world = world;
    this.createdAt = world.now();
    this.outgoing = new Outgoing((packet, start, end) => this.transmit(packet, start, end));
    this.rtcp = new RtcpSession(`acd-${pair.port}@${ends.address}`, this);
    pair.rtp.on('message', (packet, from) => this.receive(packet, from));
    pair.rtcp.on('message', (packet, from) => this.rtcp.receive(packet, from, world.now()));
  }

  /**
   * Sets or changes the party's side; learnt sources stay if the address does. `source`: where it
   * was before this process was.
   */
  setRemote(remote: Remote, source: Endpoint | null = null): void {
    this.remote = remote;
    this.kinds.fill(kind.none);
    // The static types mean the same everywhere: a phone that strays to the other law is heard.
    this.kinds[0] = kind.ulaw;
    this.kinds[8] = kind.alaw;
    for (const { payloadType, law } of remote.audio) this.kinds[payloadType] = kind[law];
    if (remote.dtmf !== null) {
      if (this.kinds[offeredDtmf] === kind.none) this.kinds[offeredDtmf] = kind.dtmf;
      this.kinds[remote.dtmf] = kind.dtmf;
    }
    this.law = remote.audio[0]?.law ?? 'ulaw';
    this.sendType = remote.audio[0]?.payloadType ?? 0;
    this.latch.expect({ address: remote.address, port: remote.port });
    if (source !== null) this.latch.resume(source, this.world.now());
    if (!this.latch.isLatched) this.letGo();
    this.heardSince = this.world.now();
    if (this.isSilent) this.tellSilence(0);
    this.isSilent = false;
    if (this.canSend && this.outgoing.sentAt < 0) this.sendSilence();
  }

  get canSend(): boolean {
    return !this.isClosed && this.remote !== null && this.remote.receives && this.remote.port > 0;
  }

  get canDial(): boolean {
    return this.remote?.dtmf != null;
  }

  get partnerId(): string | null {
    return this.partner?.id ?? null;
  }

  get playing(): string | null {
    return this.announcement?.playId ?? null;
  }

  get description(): Remote | null {
    return this.remote;
  }

  /** Starts an announcement; the one before, if any, ends as `part`. */
  announce(announcement: Announcement): void {
    this.endAnnouncement('part');
    this.announcement = announcement;
    this.world.wake(this);
  }

  endAnnouncement(played: 'all' | 'part'): void {
    const ended = this.announcement;
    if (ended === null) return;
    this.announcement = null;
    const { playId } = ended;
    this.world.emit({ event: 'playEnded', leg: this.id, playId, played });
  }

  setMusic(key: string | null, music: Music | null): void {
    this.musicKey = key;
    this.music = music;
    if (music !== null) this.world.wake(this);
  }

  dial(digits: string): void {
    this.dialler.add(digits);
    this.world.wake(this);
  }

  /** Sets the bridge partner of one side; the registry keeps both sides equal. */
  join(partner: Leg | null): void {
    this.partner = partner;
    this.outgoing.pause();
    if (partner === null && this.music !== null) this.world.wake(this);
  }

  get needsTicks(): boolean {
    if (this.announcement !== null || this.dialler.pending > 0) return true;
    return this.music !== null && this.partner === null;
  }

  /** Sends this leg's 20 ms, if it is played anything. */
  tick(now: number): void {
    if (this.dialler.pending > 0) {
      const step = this.dialler.next();
      if (step) {
        const type = this.remote?.dtmf;
        if (this.canSend && type != null) this.outgoing.sendEvent(step, type, now);
        return;
      }
    }
    if (this.announcement === null && (this.partner !== null || this.music === null)) return;
    const { packet } = this.outgoing;
    const done = this.fillFrame(packet);
    if (!this.canSend) {
      this.outgoing.pause();
      return;
    }
    if (done < frameSamples) packet.fill(silenceByte[this.law], rtpHeaderBytes + done);
    this.outgoing.sendFrame(this.sendType, now);
  }

  /** An announcement passes even if the party is on hold; music waits for him. */
  private fillFrame(packet: Buffer): number {
    let done = 0;
    if (this.announcement !== null) {
      done = this.announcement.fill(packet, rtpHeaderBytes, frameSamples, this.law);
      if (this.announcement.isOver) this.endAnnouncement('all');
    }
    if (done < frameSamples && this.music !== null && this.partner === null && this.canSend) {
      done += this.music.fill(packet, rtpHeaderBytes + done, frameSamples - done, this.law);
    }
    return done;
  }

  /** The work of every quarter second: silence, digits without an end, RTCP, keep-alive. */
  tend(now: number): void {
    this.report(this.digits.expire(now));
    const remote = this.remote;
    if (remote === null) return;
    const silentMs = now - this.heardSince;
    if (remote.sends && !this.isSilent && silentMs >= this.world.silenceMs) {
      this.isSilent = true;
      this.tellSilence(silentMs);
    }
    if (this.canSend && now - this.outgoing.sentAt >= keepAliveMs) this.sendSilence();
    this.rtcp.tend(now);
    // Last: until the callback, nothing may be sent on this socket.
    this.tendConnection(now);
  }

  /** What was told of its silence, to who has not heard it. */
  tellAgain(now: number): void {
    if (this.remote === null) return;
    this.tellSilence(this.isSilent ? now - this.heardSince : 0);
  }

  /** Ends the leg's own doings; the registry closes the sockets. */
  close(now: number): void {
    this.endAnnouncement('part');
    this.rtcp.bye(now);
    this.isClosed = true;
  }

  emitLoss(direction: 'in' | 'out', fraction: number): void {
    const percent = Math.round(fraction * 100);
    this.world.emit({ event: 'loss', leg: this.id, direction, percent });
  }

  private receive(packet: Buffer, from: RemoteInfo): void {
    const now = this.world.now();
    // Apart: whoever floods the port must not use up what the party is due.
    const budget = this.latch.isSource(from.address, from.port) ? this.fromParty : this.fromOthers;
    if (!budget.take(now, this.world.owedMs(now))) {
      this.reception.flooded += 1;
      return;
    }
    if (packet.length > limits.packetBytes || packet.length < 2) {
      this.reception.invalid += 1;
      return;
    }
    if (looksLikeRtcp(packet)) {
      this.rtcp.receive(packet, from, now);
      return;
    }
    if (!parseRtp(packet, view)) {
      this.reception.invalid += 1;
      return;
    }
    const what = this.kinds[view.payloadType];
    if (what === kind.none) {
      this.reception.unexpected += 1;
      return;
    }
    if (!this.latch.admit(from.address, from.port, view.ssrc, view.seq, now)) {
      this.reception.strangers += 1;
      return;
    }
    this.heard(now);
    if (this.latch.learnt !== this.toldSource) this.tellSource();
    if (what === kind.dtmf) this.receiveDtmf(packet, now);
    else this.partner?.hear(packet, view, what === kind.ulaw ? 'ulaw' : 'alaw', now);
  }

  private heard(now: number): void {
    const isFirst = this.reception.received === 0;
    const isNew = this.reception.count(view.seq, view.timestamp, view.ssrc, now);
    this.heardSince = now;
    this.wasHeard = true;
    if (isNew) this.report(this.digits.reset());
    if (isFirst) this.world.emit({ event: 'firstPacket', leg: this.id });
    if (!this.isSilent) return;
    this.isSilent = false;
    this.tellSilence(0);
  }

  private tellSilence(ms: number): void {
    const { wasHeard } = this;
    this.world.emit({ event: 'silence', leg: this.id, silentMs: Math.round(ms), wasHeard });
  }

  private tellSource(): void {
    const source = this.latch.learnt;
    this.toldSource = source;
    if (source !== null) this.world.emit({ event: 'source', leg: this.id, ...source });
  }

  private receiveDtmf(packet: Buffer, now: number): void {
    this.report(this.digits.accept(packet, view.start, view.end, view.timestamp, now));
    this.partner?.hear(packet, view, null, now);
  }

  /** The partner's packet, to be sent to this leg's party. `law` null: a telephone-event. */
  private hear(packet: Buffer, heard: RtpView, law: Law | null, now: number): void {
    const isBusy = this.announcement !== null || this.dialler.pending > 0;
    if (isBusy || !this.canSend) {
      this.outgoing.pause();
      return;
    }
    if (law === null) {
      const type = this.remote?.dtmf ?? null;
      if (type === null) this.outgoing.skip(heard);
      else this.outgoing.forward(packet, heard, type, false, now);
      return;
    }
    if (law !== this.law) convertInPlace(packet, heard.start, heard.end, law);
    this.outgoing.forward(packet, heard, this.sendType, true, now);
  }

  private report(digits: readonly Digit[]): void {
    for (const digit of digits) {
      if (this.keyed.take(this.world.now())) {
        this.world.emit({ event: 'dtmf', leg: this.id, ...digit });
      } else this.reception.flooded += 1;
    }
  }

  private sendSilence(): void {
    this.outgoing.packet.fill(silenceByte[this.law], rtpHeaderBytes);
    this.outgoing.sendFrame(this.sendType, this.world.now());
    this.outgoing.pause();
  }

  /** Sends on the RTP port to the party. */
  transmit(packet: Buffer, start: number, end: number): void {
    const target = this.latch.target;
    if (target === null || this.isClosed) return;
    const whole = start === 0 && end === packet.length ? packet : packet.subarray(start, end);
    if (this.isConnected) this.pair.rtp.send(whole);
    else this.pair.rtp.send(whole, target.port, target.address);
  }

  /**
   * A socket connected to a party that is being heard sends cheaper (a sixth of the whole), and
   * the kernel keeps strangers out. It is let go when the party falls silent or moves.
   */
  private tendConnection(now: number): void {
    const target = this.latch.target;
    const isHeard = this.latch.isSettled(now) && now - this.latch.heardAt < relatchMs;
    if (!isHeard) this.letGo();
    if (!isHeard || this.isConnected || target === null || this.isClosed) return;
    this.pair.rtp.connect(target.port, target.address, (error?: Error) => {
      this.isConnected = error === undefined && !this.isClosed;
    });
  }

  private letGo(): void {
    if (!this.isConnected) return;
    this.isConnected = false;
    this.pair.rtp.disconnect();
  }
}
