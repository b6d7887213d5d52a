/** One stream per leg: numbers and time go on through every switch of what it carries. */
import { describe, expect, it } from 'vitest';
import { Outgoing } from '../../../src/mediad/outgoing.ts';
import { newView, parseRtp, seqDelta, tsDelta } from '../../../src/mediad/rtp.ts';
import { buildRtp, parseRtp as parsePeer, type RtpPacket } from '../../support/rtp.ts';

function makeStream() {
  const sent: RtpPacket[] = [];
  const outgoing = new Outgoing((packet, start, end) => {
    const seen = parsePeer(Buffer.from(packet.subarray(start, end)), 0);
    if (seen !== null) sent.push(seen);
  });
  const speak = (seq: number, timestamp: number, now: number, more: Partial<RtpPacket> = {}) => {
    const head = { payloadType: 0, marker: false, seq, timestamp, ssrc: 77 };
    const bytes = buildRtp({ ...head, payload: Buffer.alloc(160, seq & 0xff), ...more });
    const view = newView();
    parseRtp(bytes, view);
    return { bytes, view, now };
  };
  const forward = ({ bytes, view, now }: ReturnType<typeof speak>, isAudio = true) =>
    outgoing.forward(bytes, view, isAudio ? 8 : 101, isAudio, now);
  /** Steps between packets: sequence / timestamp. */
  const steps = () =>
    sent.slice(1).map((packet, index) => {
      const before = sent[index] as RtpPacket;
      return `${seqDelta(packet.seq, before.seq)}/${tsDelta(packet.timestamp, before.timestamp)}`;
    });
  return { outgoing, sent, speak, forward, steps };
}

describe('the outgoing stream', () => {
  it('plays frames without a marker but the first', () => {
    const { outgoing, sent, steps } = makeStream();
    for (const now of [0, 20, 40]) outgoing.sendFrame(0, now);
    expect(steps()).toEqual(['1/160', '1/160']);
    expect(sent.map(({ marker }) => marker)).toEqual([true, false, false]);
  });

  it('switches from music to a speaker and back with the same SSRC and real time', () => {
    const { outgoing, sent, speak, forward, steps } = makeStream();
    outgoing.sendFrame(0, 0);
    outgoing.sendFrame(0, 20);
    forward(speak(500, 12_345, 50));
    forward(speak(501, 12_505, 70));
    outgoing.pause();
    outgoing.sendFrame(0, 100);
    expect(steps()).toEqual(['1/160', '1/240', '1/160', '1/240']);
    expect(sent.map(({ marker }) => marker)).toEqual([true, false, true, false, true]);
    expect(new Set(sent.map(({ ssrc }) => ssrc)).size).toBe(1);
  });

  it('shows the listener what was lost, late and paused on the way from the speaker', () => {
    const { speak, forward, steps } = makeStream();
    forward(speak(10, 1600, 0));
    forward(speak(12, 1920, 40));
    forward(speak(11, 1760, 41));
    forward(speak(13, 1920 + 8000, 1060, { marker: true }));
    expect(steps()).toEqual(['2/320', '-1/-160', '2/8160']);
  });

  it('drops a speaker’s packet from before the switch', () => {
    const { speak, forward, sent } = makeStream();
    forward(speak(10, 1600, 0));
    expect(forward(speak(9, 1440, 1))).toBe(false);
    expect(sent).toHaveLength(1);
  });

  it('takes a speaker who starts another stream as a switch', () => {
    const { speak, forward, steps, sent } = makeStream();
    forward(speak(10, 1600, 0));
    forward(speak(40_000, 5, 20, { ssrc: 78 }));
    forward(speak(40_001, 900_000, 40, { ssrc: 78 }));
    expect(steps()).toEqual(['1/160', '1/160']);
    expect(sent.map(({ marker }) => marker)).toEqual([true, true, true]);
  });

  it('hides what it keeps from the listener on purpose', () => {
    const { outgoing, speak, forward, steps } = makeStream();
    forward(speak(10, 1600, 0));
    outgoing.skip(speak(11, 1760, 20).view);
    outgoing.skip(speak(12, 1760, 40).view);
    forward(speak(13, 2080, 60));
    expect(steps()).toEqual(['1/480']);
  });

  it('forwards a held key on one timestamp however long it is held', () => {
    const { speak, forward, steps } = makeStream();
    forward(speak(10, 1600, 0));
    const payload = Buffer.from([1, 10, 0, 160]);
    forward(speak(11, 1760, 20, { payload }), false);
    forward(speak(12, 1760, 4020, { payload }), false);
    forward(speak(13, 1760 + 32_160, 4040));
    expect(steps()).toEqual(['1/160', '1/0', '1/32160']);
  });

  it('dials on one timestamp and goes on in real time', () => {
    const { outgoing, sent, steps } = makeStream();
    outgoing.sendFrame(0, 0);
    const step = { code: 5, first: true, end: false, duration: 160 };
    outgoing.sendEvent(step, 101, 20);
    outgoing.sendEvent({ ...step, first: false, end: true, duration: 320 }, 101, 40);
    outgoing.sendFrame(0, 60);
    expect(steps()).toEqual(['1/160', '1/0', '1/320']);
    expect(sent.map(({ payload }) => payload.length)).toEqual([160, 4, 4, 160]);
    expect([...(sent[2]?.payload ?? [])]).toEqual([5, 0x8a, 1, 0x40]);
  });
});
