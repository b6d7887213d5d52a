/**
 * Goal: the SDP of a multipart body is found however the peer writes it, and nothing else is taken
 * for it. Method: bodies by hand.
 */
import Srf from 'drachtio-srf';
import { describe, expect, it } from 'vitest';
import { readerOf, sdpPart } from '../../../src/sip/srf-messages.ts';
import type { SrfMessage } from '../../../src/sip/srf-shapes.ts';

const { SipMessage } = Srf as unknown as { SipMessage: new (text: string) => SrfMessage };

const SDP = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n';
const ISUP = 'Content-Type: application/isup\r\n\r\n\u0001\r\n\r\n\u0002';
const OFFER = `Content-Type: application/sdp\r\n\r\n${SDP}`;

function found(type: string, body: string): string {
  return sdpPart({ get: (name) => (name === 'Content-Type' ? type : undefined), body });
}

function multipart(...parts: string[]): string {
  return `${parts.map((part) => `--b.1\r\n${part}\r\n`).join('')}--b.1--\r\n`;
}

describe('the SDP of a body', () => {
  it.each([
    ['multipart/mixed;boundary=b.1', multipart(OFFER, ISUP)],
    ['multipart/mixed;boundary=b.1', multipart(ISUP, OFFER)],
    ['Multipart/Mixed; Boundary="b.1"; charset=utf-8', multipart(ISUP, OFFER)],
    ['multipart/mixed; charset=utf-8; boundary=b.1;x=y', multipart(OFFER)],
    ['multipart/mixed;boundary=b.1', `a preamble\r\n${multipart(OFFER)}an epilogue`],
    ['multipart/mixed;boundary=b.1', multipart(OFFER.replace('Content-Type', 'CONTENT-type '))],
    ['multipart/mixed;boundary=b.1', multipart(OFFER.replace('sdp', 'SDP ; charset=utf-8'))],
    ['multipart/mixed;boundary=b.1', multipart(`Content-ID: <1>\r\n${OFFER}`)],
    ['multipart/mixed;boundary=b.1', multipart(OFFER).replaceAll('\r\n', '\n')],
    ['multipart/mixed;boundary=b.1', multipart(OFFER).replace('--b.1--\r\n', '')],
  ])('given %s, then the part is found', (type, body) => {
    expect(found(type, body).trim()).toBe(SDP.trim());
  });

  it('given multiparts in each other, then it is found, but not at any depth', () => {
    let type = 'multipart/mixed;boundary=b.1';
    let body = multipart(OFFER);
    const seen = [2, 3, 4].map((level) => {
      // Each boundary begins with the one around it.
      const name = 'b.1'.slice(0, 4 - level) + '-'.repeat(Math.max(0, level - 3));
      body = `--${name}\r\nContent-Type: ${type}\r\n\r\n${body}\r\n--${name}--\r\n`;
      type = `multipart/alternative;boundary="${name}"`;
      return found(type, body).includes('v=0');
    });
    expect(seen).toEqual([true, true, false]);
  });

  it.each([
    ['multipart/mixed', multipart(OFFER)],
    ['multipart/mixed;boundary=other', multipart(OFFER)],
    ['multipart/mixed;boundary=b.1', multipart(ISUP)],
    ['multipart/mixed;boundary=b.1', multipart(`\r\n${SDP}`)],
    ['multipart/mixed;boundary=b.1', multipart(OFFER.replace('sdp', 'sdpx'))],
    ['multipart/mixed;boundary=b.1', ''],
    ['multipart/mixed;boundary=b.1', '--b.1'],
  ])('given %s without such a part, then there is none', (type, body) => {
    expect(found(type, body)).toBe('');
  });

  it('given a boundary, then it divides up to 70 characters (RFC 2046 §5.1.1)', () => {
    const seen = [70, 71, 4_096, 40_000].map((length) => {
      const name = 'b'.repeat(length);
      return found(`multipart/mixed;boundary=${name}`, multipart(OFFER).replaceAll('b.1', name));
    });
    expect(seen.map((sdp) => sdp.trim())).toEqual([SDP.trim(), '', '', '']);
  });

  it('given any message of srf, responses too, then it is what a reader finds', () => {
    const type = 'multipart/mixed;boundary=b.1';
    const response = { get: () => type, body: multipart(ISUP, OFFER), status: 200 };
    expect(readerOf(response).body.trim()).toBe(SDP.trim());
  });

  it('given compact names, then headers are found by their own (RFC 3261 §7.3.3)', () => {
    const lines = ['o: dialog', 'r: <sip:a@b>', 'b: <sip:c@d>', 'x: 1800', 'e: gzip', 'Via: x'];
    const text = `NOTIFY sip:a SIP/2.0\r\n${lines.join('\r\n')}\r\n\r\n`;
    const reader = readerOf(new SipMessage(text));
    const header = (name: string): string => reader.header(name);
    const names = ['Event', 'refer-to', 'Referred-By', 'Session-Expires', 'Content-Encoding'];
    expect(names.map(header)).toEqual(['dialog', '<sip:a@b>', '<sip:c@d>', '1800', 'gzip']);
    expect(header('Allow-Events')).toBe('');
  });

  it('given any other type, then the body as it is', () => {
    expect(found('application/sdp', SDP)).toBe(SDP);
    expect(found('text/plain', 'x')).toBe('x');
    expect(found('', '')).toBe('');
  });
});
