/**
 * Keyed digits as RFC 4733 telephone-events. Received: one event is many packets with one
 * timestamp, its end is sent three times and may still be lost; each event is reported once, at
 * its first end packet or when it has been quiet for `lostEndMs`. Sent: a digit is a little
 * schedule of packets, one per 20 ms tick.
 */
import { tsDelta, wrap32 } from './rtp.ts';

export const digitNames = '0123456789*#ABCD';
/** No packet of an event for so long: its ends were lost, it counts as ended. */
export const lostEndMs = 200;
const maxDuration = 0xffff;
/** Timestamp units: what is older by no more comes late; by more, the party counts anew. */
const maxLate = 2 * 8000;

export interface Digit {
  readonly digit: string;
  readonly durationMs: number;
}

interface Event {
  code: number;
  timestamp: number;
  /** Timestamp units of earlier segments (RFC 4733 §2.5.1.3). */
  base: number;
  duration: number;
  reported: boolean;
  lastAt: number;
}

export class DtmfReceiver {
  private event: Event | null = null;

  /**
   * Takes the payload of one telephone-event packet; gives the digits that became certain by it:
   * none, one, or two (an older event whose ends were lost, and this one).
   */
  accept(packet: Buffer, start: number, end: number, timestamp: number, now: number): Digit[] {
    if (end - start < 4) return [];
    const code = packet[start] as number;
    if (code >= digitNames.length) return [];
    const isEnd = ((packet[start + 1] as number) & 0x80) !== 0;
    const duration = packet.readUInt16BE(start + 2);
    const found: Digit[] = [];
    if (this.event === null || !this.continues(this.event, code, timestamp)) {
      const age = this.event === null ? 0 : tsDelta(this.event.timestamp, timestamp);
      if (age > 0 && age <= maxLate) return [];
      found.push(...this.finish());
      this.event = { code, timestamp, base: 0, duration, reported: false, lastAt: now };
    }
    const event = this.event;
    event.lastAt = now;
    event.duration = Math.max(event.duration, duration);
    if (isEnd) found.push(...this.finish());
    return found;
  }

  /** Reports an event whose end packets never came. */
  expire(now: number): Digit[] {
    const event = this.event;
    return event !== null && now - event.lastAt >= lostEndMs ? this.finish() : [];
  }

  /** The stream began anew (other source): reports what was open, forgets timestamps. */
  reset(): Digit[] {
    const found = this.finish();
    this.event = null;
    return found;
  }

  private continues(event: Event, code: number, timestamp: number): boolean {
    if (timestamp === event.timestamp) return true;
    const nextSegment = wrap32(event.timestamp + maxDuration) === timestamp;
    if (!nextSegment || event.reported || event.code !== code) return false;
    event.timestamp = timestamp;
    event.base += maxDuration;
    event.duration = 0;
    return true;
  }

  private finish(): Digit[] {
    const event = this.event;
    if (event === null || event.reported) return [];
    event.reported = true;
    const durationMs = Math.round((event.base + event.duration) / 8);
    return [{ digit: digitNames[event.code] as string, durationMs }];
  }
}

const toneFrames = 5;
const endFrames = 3;
const gapFrames = 5;

/** What to send in one tick: an event packet, or null for the pause between two digits. */
export interface ToneStep {
  readonly code: number;
  /** First packet of its event: marker set, takes the timestamp. */
  readonly first: boolean;
  readonly end: boolean;
  /** Timestamp units. */
  readonly duration: number;
}

export class DtmfSender {
  private digits = '';
  private frame = 0;

  /** Digits still to be sent, the one under way included. */
  get pending(): number {
    return this.digits.length;
  }

  /** Queues digits; anything that is not one of 0-9 * # A-D must have been refused before. */
  add(digits: string): void {
    this.digits += digits.toUpperCase();
  }

  /** Advances by 20 ms. Undefined: nothing left to send. */
  next(): ToneStep | null | undefined {
    if (this.digits === '') return undefined;
    const frame = this.frame;
    this.frame += 1;
    if (frame < toneFrames + endFrames) {
      const code = digitNames.indexOf(this.digits.charAt(0));
      const duration = Math.min(frame + 1, toneFrames + 1) * 160;
      return { code, first: frame === 0, end: frame >= toneFrames, duration };
    }
    if (this.frame === toneFrames + endFrames + gapFrames) {
      this.digits = this.digits.slice(1);
      this.frame = 0;
    }
    return null;
  }
}
