/**
 * Goal: a challenge in a dialog is answered for hosts of that very registrar, and nobody else's;
 * each stranger is told of once. Method: the rule alone.
 */
import { expect, it } from 'vitest';
import { canonicalAddress } from '../../../src/shared/networks.ts';
import type { IncomingResponse } from '../../../src/sip/port.ts';
import { Trust } from '../../../src/sip/trust.ts';
import { quiet, registrar } from './fakes.ts';

const credentials = { registrar: 'pbx1', username: 'acd', password: 'x' };

function asked(by: string, hosts: readonly string[], name = 'pbx1') {
  const told: unknown[] = [];
  const trust = new Trust({ ...quiet, warn: (what: unknown) => void told.push(what) });
  const config = { ...registrar(), name };
  trust.follow(() => [{ config, hosts: new Set(hosts), port: 5060 }]);
  const response = { sourceHost: by, header: () => 'call-1' } as unknown as IncomingResponse;
  const has = [1, 2].map(() => trust.has(credentials, response));
  expect(has[0]).toBe(has[1]);
  return { has: has[0], told };
}

it.each([
  ['192.0.2.1', ['192.0.2.7', '192.0.2.1']],
  ['::ffff:192.0.2.1', ['192.0.2.1']],
  ['[2001:db8::1]', [canonicalAddress('[2001:DB8:0::0:1]')]],
  ['[fe80::1%eth0]', [canonicalAddress('fe80::1%eth0')]],
])('given a challenge from %s, of %j, then it is answered', (by, hosts) => {
  expect(asked(by, hosts)).toEqual({ has: true, told: [] });
});

it.each([
  ['a stranger’s', '192.0.2.9', 'pbx1'],
  ['another registrar’s', '192.0.2.1', 'pbx2'],
])('given %s, then not, and it is told once which host asked, in which call', (_w, host, name) => {
  const told = [{ registrar: 'pbx1', host, callId: 'call-1' }];
  expect(asked(host, ['192.0.2.1'], name)).toEqual({ has: false, told });
});
