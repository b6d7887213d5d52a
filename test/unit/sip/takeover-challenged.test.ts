/**
 * Goal: a PBX that challenges what we say in the dialog of a caller gets its answer from the next
 * server, too; nobody else does. Method: a first process takes the call; then a second one takes
 * over the same SIP server, audio and journal, all in memory.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { IncomingRequest } from '../../../src/sip/port.ts';
import { registrar, SDP_OFFER, settle } from './fakes.ts';
import { dialogOf, Past } from './past.ts';
import { dialogIdOf } from '../../../src/sip/client.ts';
import { transferIdentity } from '../../../src/sip/transfers.ts';

const CHALLENGE = { 'WWW-Authenticate': 'Digest realm="pbx", nonce="n1", qop="auth"' };
const PBX = { sourceHost: '127.0.0.1', sourcePort: 5060 };
let past: Past;

beforeEach(async () => {
  past = await Past.make();
  past.sip = { register: [registrar({ domain: 'pbx' })], sessionExpiresMs: 1_800_000 };
  await past.takeOver();
});

/** A call or login by the PBX, or by who names it, and the process that took it is no more. */
async function takenOver(user: string, from: Partial<IncomingRequest> = PBX): Promise<void> {
  const uri = `sip:${user}@acd`;
  const who = { From: '<sip:alice@pbx>;tag=f', To: `<${uri}>`, Contact: '<sip:101@127.0.0.1>' };
  const type = { 'Content-Type': 'application/sdp' };
  const headers = { 'Call-ID': 'c1', ...who, ...type };
  const invite = past.stack.receive('INVITE', headers, { uri, body: SDP_OFFER, ...from });
  expect(await invite.answered()).toMatchObject({ status: 200 });
  past.says('c1', 'ACK');
  past.holds('c1');
}

/** Is a request of ours in his dialog, once it is challenged, sent again with our password? */
async function isAnswered(method: string): Promise<boolean> {
  const first = await past.stack.wait(method);
  expect(first.request.dialogId).toBe(dialogOf('c1'));
  first.echo();
  first.answer(401, CHALLENGE);
  await settle();
  const again = past.stack.of(method)[1];
  return again?.header('Authorization').includes('username="acd"') === true;
}

/** The process that took it hears nothing any more, and another one begins. */
async function killed(): Promise<void> {
  await past.edge?.handOver();
  await past.takeOver();
}

const hangUp = async (): Promise<void> => {
  const [callId = ''] = past.runtime.state.calls.keys();
  await past.runtime.submit({ kind: 'HangUpCall', by: 'http', callId });
};

describe('the dialog of a caller through a PBX', () => {
  it('given it is taken over, then our BYE has its answer', async () => {
    await takenOver('queue1');
    await past.runtime.wait('ConfirmCall');
    await killed();
    await hangUp();
    expect(await isAnswered('BYE')).toBe(true);
  });

  it('given sipd’s refresh is challenged, then ours has it', async () => {
    await takenOver('queue1');
    await killed();
    past.says('c1', 'UPDATE', 'server');
    expect(await isAnswered('UPDATE')).toBe(true);
  });

  it('given he is on his way to an address outside, then so, too', async () => {
    await takenOver('queue1');
    await past.runtime.wait('ConfirmCall');
    const [callId = ''] = past.runtime.state.calls.keys();
    await past.runtime.submit({ kind: 'TransferCall', by: 'http', callId, uri: 'sip:d@desk' });
    await past.runtime.submit({ kind: 'DialTransfer', by: 'sip', callId });
    await past.runtime.submit({ kind: 'AnswerTransfer', by: 'sip', callId });
    past.media.live.add(`${callId}.x`);
    past.held({ dialogId: dialogIdOf(transferIdentity(callId)), role: 'uac' });
    await killed();
    past.says('c1', 'UPDATE', 'server');
    expect(await isAnswered('UPDATE')).toBe(true);
  });

  it('given an agent who logs in, then so, too', async () => {
    await takenOver('*44');
    await past.media.wait('play');
    await killed();
    past.says('c1', 'UPDATE', 'server');
    expect(await isAnswered('UPDATE')).toBe(true);
  });

  it('given its From alone names that PBX, then nobody gets our password', async () => {
    await takenOver('queue1', { sourceHost: '127.0.0.2', sourcePort: 5060 });
    await past.runtime.wait('ConfirmCall');
    await killed();
    await hangUp();
    expect(await isAnswered('BYE')).toBe(false);
    expect(past.runtime.state.calls.size).toBe(0);
  });
});
