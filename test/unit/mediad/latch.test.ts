/** Whose packets are believed. */
import { describe, expect, it } from 'vitest';
import { Latch, probation, relatchMs, settleMs, streamMs } from '../../../src/mediad/latch.ts';

const party = { address: '192.0.2.1', port: 4000 };

function latched(): Latch {
  const latch = new Latch();
  latch.expect(party);
  latch.admit(party.address, party.port, 1, 1, 0);
  return latch;
}

describe('a leg', () => {
  it('believes nobody before the party has said where it is', () => {
    const latch = new Latch();
    expect(latch.admit('192.0.2.1', 4000, 1, 1, 0)).toBe(false);
    expect(latch.target).toBeNull();
  });

  it('sends to the SDP until the party is heard, then to where it is heard from', () => {
    const latch = new Latch();
    latch.expect(party);
    expect(latch.target).toEqual(party);
    expect(latch.admit('192.0.2.1', 4444, 1, 1, 0)).toBe(true);
    expect(latch.target).toEqual({ address: '192.0.2.1', port: 4444 });
  });

  it('believes another address (NAT) after packets in a row', () => {
    const latch = new Latch();
    latch.expect(party);
    const admitted = Array.from({ length: probation }, (_, i) =>
      latch.admit('198.51.100.9', 5000, 7, 65_535 + i - 65_536 * Number(i > 0), i * 20),
    );
    expect(admitted).toEqual([false, false, true]);
    expect(latch.target).toEqual({ address: '198.51.100.9', port: 5000 });
  });

  it('does not believe another address whose packets do not follow each other', () => {
    const latch = new Latch();
    latch.expect(party);
    for (const seq of [1, 3, 5, 7, 9]) {
      expect(latch.admit('198.51.100.9', 5000, 7, seq, seq)).toBe(false);
    }
  });

  it('ignores strangers while it is latched, even from the same address', () => {
    const latch = latched();
    expect(latch.admit('192.0.2.1', 9999, 1, 2, 20)).toBe(false);
    expect(latch.admit('203.0.113.5', 4000, 1, 2, 20)).toBe(false);
    expect(latch.target).toEqual(party);
  });

  it('ignores a second stream from its source until the first has been silent', () => {
    const latch = latched();
    expect(latch.admit(party.address, party.port, 2, 900, 20)).toBe(false);
    expect(latch.admit(party.address, party.port, 1, 2, 20)).toBe(true);
    expect(latch.admit(party.address, party.port, 2, 901, 20 + streamMs - 1)).toBe(false);
    expect(latch.admit(party.address, party.port, 2, 902, 20 + streamMs)).toBe(true);
    expect(latch.admit(party.address, party.port, 1, 3, 21 + streamMs)).toBe(false);
  });

  it('takes the restarted phone, not the stranger, after the old source fell silent', () => {
    const latch = latched();
    expect(latch.admit('203.0.113.5', 4000, 1, 2, relatchMs + 1)).toBe(false);
    expect(latch.admit('192.0.2.1', 9999, 1, 2, relatchMs - 1)).toBe(false);
    expect(latch.admit('192.0.2.1', 9999, 1, 3, relatchMs)).toBe(true);
    expect(latch.target?.port).toBe(9999);
  });

  it('is taken back by the very place of the SDP from who was quicker, for a while', () => {
    const latch = new Latch();
    latch.expect(party);
    expect(latch.admit('192.0.2.1', 9999, 6, 1, 0)).toBe(true);
    expect(latch.isSettled(settleMs - 1)).toBe(false);
    expect(latch.admit('192.0.2.1', 8888, 5, 1, 10)).toBe(false);
    expect(latch.admit(party.address, party.port, 1, 1, 20)).toBe(true);
    expect(latch.isSettled(20)).toBe(true);
    expect(latch.admit('192.0.2.1', 9999, 6, 2, 40)).toBe(false);
    expect(latch.target).toEqual(party);
  });

  it('is settled on a source that is not of the SDP when nobody claimed it in time', () => {
    const latch = new Latch();
    latch.expect(party);
    latch.admit('192.0.2.1', 9999, 6, 1, 0);
    latch.admit('192.0.2.1', 9999, 6, 2, settleMs);
    expect(latch.isSettled(settleMs)).toBe(true);
    expect(latch.admit(party.address, party.port, 1, 1, settleMs)).toBe(false);
  });

  it('learns anew after a re-offer with another address, and not after the same one', () => {
    const latch = latched();
    latch.admit('192.0.2.1', 9999, 1, 2, relatchMs);
    latch.expect(party);
    expect(latch.target?.port).toBe(9999);
    latch.expect({ address: '192.0.2.7', port: 4002 });
    expect(latch.target).toEqual({ address: '192.0.2.7', port: 4002 });
    expect(latch.isLatched).toBe(false);
  });
});
