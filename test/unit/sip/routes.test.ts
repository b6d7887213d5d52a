/** Goal: a number goes out by the right account. Method: a table of addresses and registrars. */
import { describe, expect, it } from 'vitest';
import type { EdgeContext } from '../../../src/sip/context.ts';
import { Routes } from '../../../src/sip/routes.ts';
import { acdConfig, registrar } from './fakes.ts';

/** Two accounts at one PBX, and a neighbour of it at another port of its address. */
const register = [
  registrar({ name: 'sales', username: 'sales' }),
  registrar({ name: 'help', username: 'help' }),
  registrar({ name: 'next', username: 'next', registrar: 'sip:127.0.0.1:5070' }),
];
const routes = new Routes({ config: acdConfig({ register }) } as EdgeContext);

describe('a number that an agent has dialled', () => {
  it.each([
    ['sip:100@127.0.0.1', 'sales', 'sales'],
    ['sip:100@127.0.0.1', 'help', 'help'],
    ['sip:100@127.0.0.1', 'next', 'next'],
    ['sip:100@127.0.0.1', null, 'sales'],
    ['sip:100@127.0.0.1', 'gone', 'sales'],
    ['sip:100@127.0.0.1:5060', 'help', 'help'],
    ['sip:100@127.0.0.1:5070', 'help', 'next'],
    ['sip:100@127.0.0.1:5099', 'help', 'help'],
    ['sip:100@127.0.0.2', 'help', null],
  ])('%s by a phone at %s: account %s', (uri, phoneAt, account) => {
    const device = { uri: 'sip:2771@127.0.0.1', registrar: phoneAt };
    const expected = account === null ? null : `sip:${account}@127.0.0.1`;
    expect(routes.toNumber({ uri, device })?.account).toBe(expected);
  });
});
