/** RTP and RTCP on the wire: ours read by a parser of the tests, hostile bytes read by ours. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { looksLikeRtcp, newView, parseRtp, seqDelta, tsDelta } from '../../../src/mediad/rtp.ts';
import { writeHeader } from '../../../src/mediad/rtp.ts';
import { buildRtcp, ntpMiddle, parseRtcp, roundTripMs } from '../../../src/mediad/rtcp.ts';
import { Reception } from '../../../src/mediad/stats.ts';
import { buildRtp, parseRtp as parsePeer } from '../../support/rtp.ts';

const packet = {
  payloadType: 8,
  marker: true,
  seq: 65_535,
  timestamp: 0xfffffff0,
  ssrc: 0xdeadbeef,
  payload: Buffer.from([1, 2, 3]),
};

describe('RTP', () => {
  it('reads what a peer writes, with contributing sources, extension and padding', () => {
    const plain = buildRtp(packet);
    const extended = Buffer.concat([
      plain.subarray(0, 12),
      Buffer.alloc(8), // two CSRCs
      Buffer.from([0xbe, 0xde, 0, 1, 9, 9, 9, 9]), // extension of one word
      packet.payload,
      Buffer.from([0, 0, 3]), // padding of three
    ]);
    extended[0] = 0x80 | 0x20 | 0x10 | 2;
    for (const bytes of [plain, extended]) {
      const view = newView();
      expect(parseRtp(bytes, view)).toBe(true);
      const { payloadType, marker, seq, timestamp, ssrc, start, end } = view;
      expect({ payloadType, marker, seq, timestamp, ssrc }).toEqual({
        ...{ payloadType: 8, marker: true, seq: 65_535 },
        ...{ timestamp: 0xfffffff0, ssrc: 0xdeadbeef },
      });
      expect(bytes.subarray(start, end)).toEqual(packet.payload);
    }
  });

  it('writes what a peer reads', () => {
    const bytes = Buffer.alloc(15);
    packet.payload.copy(bytes, 12);
    writeHeader(bytes, 0, 8, true, 65_535, 0xfffffff0, 0xdeadbeef);
    expect(parsePeer(bytes, 0)).toEqual({ ...packet, at: 0 });
  });

  it('refuses what is no RTP: short, other version, lengths that lie', () => {
    const plain = buildRtp(packet);
    const version1 = Buffer.from(plain);
    version1[0] = 0x40;
    const csrcs = Buffer.from(plain);
    csrcs[0] = 0x8f;
    const padding = Buffer.from(plain);
    padding[0] = 0xa0;
    padding[padding.length - 1] = 200;
    const faulty = [Buffer.alloc(0), plain.subarray(0, 11), version1, csrcs, padding];
    expect(faulty.map((bytes) => parseRtp(bytes, newView()))).toEqual(faulty.map(() => false));
  });

  it('never throws, whatever the bytes, and keeps the payload inside the packet', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (raw) => {
        const bytes = Buffer.from(raw);
        const view = newView();
        if (parseRtp(bytes, view)) {
          expect(view.start).toBeLessThanOrEqual(view.end);
          expect(view.end).toBeLessThanOrEqual(bytes.length);
        }
        parseRtcp(bytes, 1);
        looksLikeRtcp(bytes);
      }),
    );
  });

  it('counts over the wrap', () => {
    expect([seqDelta(0, 65_535), seqDelta(65_535, 0), seqDelta(5, 5)]).toEqual([1, -1, 0]);
    expect([tsDelta(16, 0xfffffff0), tsDelta(0xfffffff0, 16)]).toEqual([32, -32]);
  });
});

describe('RTCP', () => {
  const block = { ssrc: 7, fraction: 0.25, lost: -3, highest: 70_000, jitter: 55 };
  const sender = { wallMs: 1_700_000_000_500, timestamp: 99, packets: 12, octets: 1920 };

  it('is a compound of a sender report, the name, and a goodbye', () => {
    const at = { ...block, lastSr: 0x12345678, sinceSrMs: 500 };
    const bytes = buildRtcp(42, 'acd@test', sender, at, true);
    expect(bytes.length % 4).toBe(0);
    const types: number[] = [];
    for (let from = 0; from < bytes.length;) {
      types.push(bytes[from + 1] ?? 0);
      from += (bytes.readUInt16BE(from + 2) + 1) * 4;
    }
    expect(types).toEqual([200, 202, 203]);
    expect(bytes.readUInt32BE(8)).toBe(1_700_000_000 + 2_208_988_800);
    expect(bytes.readUInt32BE(12)).toBe(0x80000000);
    expect(bytes.includes('acd@test')).toBe(true);
  });

  it('tells a peer its loss, and the peer reads it back', () => {
    const at = { ...block, lastSr: 0, sinceSrMs: 0 };
    const news = parseRtcp(buildRtcp(42, 'a', sender, at, false), 7);
    expect(news?.report).toMatchObject({ fraction: 0.25, lost: -3, jitter: 55, lsr: 0 });
    expect(news?.senderTime).toBe(ntpMiddle(sender.wallMs));
    const receiverOnly = parseRtcp(buildRtcp(42, 'a', null, at, true), 7);
    expect(receiverOnly).toMatchObject({ senderTime: null, isBye: true });
    expect(parseRtcp(buildRtcp(42, 'a', null, at, false), 8)?.report).toBeNull();
  });

  it('computes the round trip from the times of both sides', () => {
    const sent = 1_700_000_000_000;
    const report = { lsr: ntpMiddle(sent), delay: Math.round(200 * 65.536) };
    expect(roundTripMs(report, sent + 260)).toBeCloseTo(60, 0);
    expect(roundTripMs({ lsr: 0, delay: 0 }, sent)).toBeNull();
  });
});

describe('reception statistics', () => {
  it('count lost, late and jitter over the wrap of the sequence', () => {
    const reception = new Reception();
    // 65534, 65535, (0 lost), 1, then 0 comes late after all, 3 (2 lost)
    for (const [index, seq] of [65_534, 65_535, 1, 0, 3].entries()) {
      reception.count(seq, index * 160, 5, index * 20);
    }
    expect(reception).toMatchObject({ received: 5, late: 1, lost: 1, jitterMs: 0 });
    expect(reception.report()).toMatchObject({ lost: 1, fraction: 1 / 6 });
    expect(reception.report().fraction).toBe(0);
  });

  it('begin anew with another source, and keep what was lost before', () => {
    const reception = new Reception();
    expect(reception.count(10, 0, 5, 0)).toBe(true);
    expect(reception.count(12, 320, 5, 40)).toBe(false);
    expect(reception.count(40_000, 9, 6, 60)).toBe(true);
    expect(reception.lost).toBe(1);
  });
});
