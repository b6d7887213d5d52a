/** Goal: what a web service answers is read, or told what is wrong with it. Method: a table. */
import { describe, expect, it } from 'vitest';
import { parseOutbound } from '../../../src/sipd/outbound.ts';
import { parsePlace, readInstruction } from '../../../src/sipd/routing.ts';

const read = (action: unknown, data: unknown): unknown =>
  readInstruction(JSON.stringify({ action, data }));

describe('an instruction', () => {
  it('given what drachtio-server takes, then it is taken', () => {
    expect(read('reject', { status: 503 })).toEqual({ action: 'reject', status: 503, reason: '' });
    expect(read('redirect', { contact: 'sip:a@b' })).toMatchObject({ contacts: ['sip:a@b'] });
    expect(read('route', { uri: 'app:4000;transport=tls' })).toEqual({
      action: 'route',
      place: { host: 'app', port: 4000, isTls: true },
    });
    expect(read('route', { tag: 'conference' })).toEqual({ action: 'route', tag: 'conference' });
    const usual = { staysInDialog: false, followsRedirects: true, isParallel: false };
    expect(read('proxy', { destination: 'sip:a@b' })).toEqual({
      action: 'proxy',
      order: { ...usual, destinations: ['sip:a@b'], provisional: '5s', final: '60s' },
    });
  });

  it.each<[unknown, unknown]>([
    ['reject', { status: 200 }],
    ['reject', { status: 'no' }],
    ['redirect', { contact: [] }],
    ['redirect', { contact: ['sip:a@b', 7] }],
    ['redirect', { contact: '<sip:a@b>\r\nX-Evil: 1' }],
    ['proxy', {}],
    ['proxy', { destination: ['sip:a@b\r\n'] }],
    ['route', {}],
    ['route', { uri: 'nowhere' }],
    ['route', []],
    [7, {}],
    ['reject', null],
  ])('given %j with %j, then a text says what is wrong', (action, data) => {
    expect(read(action, data)).toBeTypeOf('string');
  });

  it('given letters beyond Latin, then their bytes, among which is no end of a line', () => {
    const { reason } = read('reject', { status: 503, reason: 'doručit Ċ' }) as { reason: string };
    expect(Buffer.from(reason, 'latin1').toString('utf8')).toBe('doručit Ċ');
  });

  it('given no JSON at all, then so', () => {
    for (const text of ['', '[]', '"x"', 'null', '{'])
      expect(readInstruction(text)).toBeTypeOf('string');
  });
});

it.each([
  ['INVITE=tcp://127.0.0.1:9021', { host: '127.0.0.1', port: 9021, isTls: false }],
  ['*=tls://[::1]:9021', { host: '::1', port: 9021, isTls: true }],
  ['invite=http://a/b?c=d', 'http://a/b?c=d'],
  ['INVITE=tcp://127.0.0.1', null],
  ['INVITE=ftp://a:1', null],
  ['INVITE', null],
  ['IN VITE=tcp://a:1', null],
])('--outbound %s', (text, to) => {
  expect(parseOutbound(text)?.to ?? null).toEqual(to);
});

it.each(['', 'a', 'a:0', 'a:1/b', 'a:1,b:2', 'tcp://a:1|b'])('%j is no place', (text) => {
  expect(parsePlace(text)).toBeNull();
});
