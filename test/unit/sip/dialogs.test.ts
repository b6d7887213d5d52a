/**
 * Goal: whose request it is. What the SIP server did not find a dialog for belongs to nobody, even
 * if it knows half of what makes one.
 */
import { expect, it } from 'vitest';
import { Dialogs } from '../../../src/sip/context.ts';
import type { IncomingRequest } from '../../../src/sip/port.ts';
import { Incoming } from './fake-stack.ts';

const id = 'call;from-tag=ours';

/** Who gets a request of this Call-ID, tags `From` and `To`. */
function owner(method: string, from: string, to: string, more: Partial<IncomingRequest> = {}) {
  const given: string[] = [];
  const dialogs = new Dialogs();
  dialogs.add(
    id,
    () => given.push('it'),
    () => undefined,
  );
  const tagged = (tag: string): string => `<sip:a@b>${tag === '' ? '' : `;tag=${tag}`}`;
  const headers = { 'Call-ID': 'call', From: tagged(from), To: tagged(to) };
  const { request } = new Incoming(method, headers, more);
  dialogs.ownerOf(request)?.(request);
  return given;
}

it.each(['REFER', 'INFO', 'BYE', 'INVITE', 'UPDATE', 'MESSAGE', 'OPTIONS', 'NOTIFY', 'ACK'])(
  '%s of a dialog the server knows goes to its owner',
  (method) => {
    expect(owner(method, 'theirs', 'ours', { dialogId: id })).toEqual(['it']);
  },
);

it.each(['REFER', 'INFO', 'BYE', 'INVITE', 'UPDATE', 'MESSAGE', 'OPTIONS', 'ACK'])(
  '%s with one right tag and one wrong or none is of no dialog',
  (method) => {
    for (const [from, to] of [
      ['ours', 'wrong'],
      ['ours', ''],
      ['wrong', 'ours'],
    ] as const) {
      expect(owner(method, from, to)).toEqual([]);
    }
  },
);

it('a NOTIFY before its 2xx needs our tag where its own should not be', () => {
  expect(owner('NOTIFY', 'theirs', 'ours')).toEqual(['it']);
  expect(owner('NOTIFY', 'ours', 'wrong')).toEqual([]);
});

it('a BYE that the server makes in another one’s stead is known by either tag', () => {
  expect(owner('BYE', 'ours', 'theirs', { source: 'server' })).toEqual(['it']);
  expect(owner('BYE', 'theirs', 'ours', { source: 'server' })).toEqual(['it']);
});
