/**
 * Goal: who calls while the ACD drains is sent on to the same user at the sibling, or told when to
 * come back. Method: the pure function, with the users that are dialled.
 */
import { describe, expect, it } from 'vitest';
import type { IncomingRequest } from '../../../src/sip/port.ts';
import { turnAway } from '../../../src/sip/turn-away.ts';

const to = (uri: string) => ({ uri }) as IncomingRequest;

describe('turning away', () => {
  it.each([
    ['sip:queue1@10.0.0.1:5071', 'sip:other.example.com', '<sip:queue1@other.example.com>'],
    ['sip:*442771@10.0.0.1', 'sip:[2001:db8::1]:5071', '<sip:*442771@[2001:db8::1]:5071>'],
    ['sip:a%20b@h;x=y', 'sip:o;transport=tcp', '<sip:a%20b@o;transport=tcp>'],
  ])('%s at %s is sent to %s', (uri, redirect, contact) => {
    const { status, headers } = turnAway(to(uri), redirect);
    expect([status, headers]).toEqual([302, { Contact: contact }]);
  });

  it.each([
    ['sip:queue1@10.0.0.1', null],
    ['sip:10.0.0.1', 'sip:other'],
    ['nonsense', 'sip:other'],
  ])('%s with %j is told to come back', (uri, redirect) => {
    const { status, headers } = turnAway(to(uri), redirect);
    expect(status).toBe(503);
    expect(headers?.['Retry-After']).toMatch(/^\d+$/);
  });
});
