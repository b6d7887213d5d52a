/** Goal: bodies are taken, refused or passed over (RFC 3261 §8.2.3, §20.11). Method: a table. */
import { describe, expect, it } from 'vitest';
import { refuseBody, withoutOptional } from '../../../src/sip/bodies.ts';
import type { Headers, IncomingRequest } from '../../../src/sip/port.ts';
import { Incoming } from './fake-stack.ts';
import { SDP_OFFER } from './fakes.ts';

const request = (headers: Headers, body: string): IncomingRequest =>
  new Incoming('INVITE', headers, { body }).request;
const of = (type: string, more: Headers = {}): Headers => ({ 'Content-Type': type, ...more });
const optional = { 'Content-Disposition': 'signal ; Handling="optional"' };
const packed = { 'Content-Encoding': 'gzip' };

describe('a body', () => {
  it.each<[string, Headers, string, number | null]>([
    ['none', {}, '', null],
    ['SDP', of('application/sdp'), SDP_OFFER, null],
    [
      'SDP that says how it is packed',
      of('application/sdp', { 'Content-Encoding': 'identity' }),
      SDP_OFFER,
      null,
    ],
    ['SDP that is packed', of('application/sdp', packed), 'x', 415],
    ['another type', of('application/isup'), 'x', 415],
    [
      'another type that is required',
      of('text/plain', { 'Content-Disposition': 'render' }),
      'x',
      415,
    ],
    ['no type', {}, 'x', 415],
    ['a multipart without SDP', of('multipart/mixed;boundary=b'), '', 415],
  ])('given %s, then %#', (_what, headers, body, status) => {
    const given = request(headers, body);
    expect(refuseBody(given)?.status ?? null).toBe(status);
    expect(withoutOptional(given)).toBe(given);
  });

  it.each([
    ['another type', of('application/isup', optional), 'x'],
    ['a multipart without SDP', of('multipart/mixed;boundary=b', optional), ''],
    ['SDP that is packed', of('application/sdp', { ...optional, ...packed }), 'x'],
  ])(
    'given %s that need not be understood, then it is as if it were not there',
    (_, headers, body) => {
      const left = withoutOptional(request({ ...headers, From: 'a' }, body));
      expect(refuseBody(left)).toBeNull();
      expect([left.body, left.header('content-type'), left.header('From')]).toEqual(['', '', 'a']);
    },
  );

  it('given SDP that need not be understood, then it is understood', () => {
    const given = request(of('application/sdp', optional), SDP_OFFER);
    expect(withoutOptional(given)).toBe(given);
  });
});
