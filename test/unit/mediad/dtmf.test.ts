/** Keyed digits: one report per key, whatever is repeated, lost or late. */
import { describe, expect, it } from 'vitest';
import { DtmfReceiver, DtmfSender, lostEndMs } from '../../../src/mediad/dtmf.ts';

/** A telephone-event payload of 20 ms steps. */
function payload(code: number, isEnd: boolean, duration: number): Buffer {
  const bytes = Buffer.from([code, isEnd ? 0x8a : 0x0a, 0, 0]);
  bytes.writeUInt16BE(duration, 2);
  return bytes;
}

function feed(receiver: DtmfReceiver, timestamp: number, now: number, bytes: Buffer): string {
  return receiver
    .accept(bytes, 0, bytes.length, timestamp, now)
    .map(({ digit, durationMs }) => `${digit}/${durationMs}`)
    .join(' ');
}

describe('a received digit', () => {
  it('is told at the first end packet, and only once', () => {
    const receiver = new DtmfReceiver();
    expect(feed(receiver, 1000, 0, payload(5, false, 160))).toBe('');
    expect(feed(receiver, 1000, 20, payload(5, false, 320))).toBe('');
    expect(feed(receiver, 1000, 40, payload(5, true, 480))).toBe('5/60');
    expect(feed(receiver, 1000, 60, payload(5, true, 480))).toBe('');
    expect(receiver.expire(10_000)).toEqual([]);
  });

  it('is told twice when it was keyed twice', () => {
    const receiver = new DtmfReceiver();
    expect(feed(receiver, 1000, 0, payload(10, true, 800))).toBe('*/100');
    expect(feed(receiver, 3000, 250, payload(10, true, 800))).toBe('*/100');
  });

  it('is told by time when all its end packets were lost', () => {
    const receiver = new DtmfReceiver();
    feed(receiver, 1000, 0, payload(1, false, 160));
    expect(receiver.expire(lostEndMs - 1)).toEqual([]);
    expect(receiver.expire(lostEndMs)).toEqual([{ digit: '1', durationMs: 20 }]);
    expect(feed(receiver, 1000, 300, payload(1, true, 480))).toBe('');
  });

  it('is told before the next one when its end packets were lost', () => {
    const receiver = new DtmfReceiver();
    feed(receiver, 1000, 0, payload(1, false, 160));
    expect(feed(receiver, 2600, 100, payload(2, true, 320))).toBe('1/20 2/40');
  });

  it('does not come back with a packet that is late', () => {
    const receiver = new DtmfReceiver();
    feed(receiver, 1000, 0, payload(1, true, 160));
    feed(receiver, 2600, 100, payload(2, true, 160));
    expect(feed(receiver, 1000, 120, payload(1, true, 160))).toBe('');
  });

  it('is heard from a party that begins to count its time anew', () => {
    const receiver = new DtmfReceiver();
    feed(receiver, 4_000_000, 0, payload(1, true, 160));
    expect(feed(receiver, 1000, 500, payload(2, true, 160))).toBe('2/20');
    expect(feed(receiver, 3000, 800, payload(3, true, 160))).toBe('3/20');
  });

  it('is one digit though it lasted longer than its duration field can say', () => {
    const receiver = new DtmfReceiver();
    feed(receiver, 1000, 0, payload(9, false, 0xffff));
    expect(feed(receiver, 1000 + 0xffff, 8200, payload(9, true, 1600))).toBe('9/8392');
  });

  it('is nothing when the event is no key or the payload is cut', () => {
    const receiver = new DtmfReceiver();
    expect(feed(receiver, 1, 0, payload(16, true, 160))).toBe('');
    expect(feed(receiver, 2, 0, payload(1, true, 160).subarray(0, 3))).toBe('');
  });
});

describe('a sent digit', () => {
  it('grows, ends three times and is followed by a pause', () => {
    const sender = new DtmfSender();
    sender.add('a#');
    const steps = Array.from({ length: 13 }, () => sender.next());
    const shown = steps.map((step) => (step ? `${step.code}${step.end ? 'E' : ''}` : '-'));
    expect(shown.join(' ')).toBe('12 12 12 12 12 12E 12E 12E - - - - -');
    expect(steps.slice(0, 8).map((step) => step?.duration)).toEqual([
      160, 320, 480, 640, 800, 960, 960, 960,
    ]);
    expect(steps.filter((step) => step?.first)).toHaveLength(1);
    expect(sender.pending).toBe(1);
    expect(sender.next()).toMatchObject({ code: 11, first: true });
    for (let step = 0; step < 12; step += 1) sender.next();
    expect([sender.pending, sender.next()]).toEqual([0, undefined]);
  });
});
