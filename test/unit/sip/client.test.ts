/** Goal: our own requests have exactly one outcome, whatever crosses. Method: a stack in memory. */
import { describe, expect, it, vi } from 'vitest';
import { createClient, dialogIdOf } from '../../../src/sip/client.ts';
import type { InviteOutcome } from '../../../src/sip/client.ts';
import { Trust } from '../../../src/sip/trust.ts';
import { FakeStack } from './fake-stack.ts';
import { quiet } from './fakes.ts';

const credentials = { registrar: 'pbx', username: 'acd', password: 'secret' };
const challenge = (nonce: string, more = ''): Record<string, string> => ({
  'WWW-Authenticate': `Digest realm="r", nonce="${nonce}", qop="auth"${more}`,
});

describe('a request', () => {
  function ask(headers = {}) {
    const stack = new FakeStack();
    const request = { method: 'REGISTER', uri: 'sip:pbx', headers };
    const outcome = createClient(stack, new Trust(quiet)).request(request, {
      credentials,
      deadlineMs: 1000,
    });
    return { stack, outcome };
  }

  it('that is challenged goes again: digest, same Call-ID and From, next CSeq', async () => {
    const { stack, outcome } = ask({ 'Call-ID': 'c', From: '<sip:a>;tag=1', CSeq: '7 REGISTER' });
    stack.sent[0]?.echo();
    stack.sent[0]?.answer(401, challenge('n'));
    const again = stack.sent[1];
    expect(again?.header('Call-ID')).toBe('c');
    expect(again?.header('From')).toBe('<sip:a>;tag=1');
    expect(again?.header('CSeq')).toBe('8 REGISTER');
    expect(again?.header('Authorization')).toContain('nonce="n"');
    again?.echo();
    again?.answer(200);
    expect(await outcome).toMatchObject({ kind: 'response', response: { status: 200 } });
  });

  it('answers proxy and server, each once', async () => {
    const { stack, outcome } = ask();
    stack.sent[0]?.echo();
    stack.sent[0]?.answer(407, { 'Proxy-Authenticate': 'Digest realm="p", nonce="a"' });
    stack.sent[1]?.echo();
    stack.sent[1]?.answer(401, challenge('b'));
    expect(stack.sent[2]?.header('Proxy-Authorization')).toContain('nonce="a"');
    expect(stack.sent[2]?.header('Authorization')).toContain('nonce="b"');
    stack.sent[2]?.answer(200);
    expect((await outcome).kind).toBe('response');
  });

  it('challenged again is rejected, but not where only the nonce was stale', async () => {
    const { stack, outcome } = ask();
    stack.sent[0]?.echo();
    stack.sent[0]?.answer(401, challenge('a'));
    stack.sent[1]?.echo();
    stack.sent[1]?.answer(401, challenge('b', ', stale=true'));
    stack.sent[2]?.echo();
    stack.sent[2]?.answer(401, challenge('c'));
    expect((await outcome).kind).toBe('rejected-credentials');
    expect(stack.sent).toHaveLength(3);
  });

  it('is not sent for ever to a server that always says stale', async () => {
    const { stack, outcome } = ask();
    for (let count = 0; count < 4; count += 1) {
      stack.sent[count]?.echo();
      stack.sent[count]?.answer(401, challenge(`n${count}`, ', stale=true'));
    }
    expect((await outcome).kind).toBe('rejected-credentials');
    expect(stack.sent).toHaveLength(4);
  });

  it('that nobody answers ends at its deadline', async () => {
    vi.useFakeTimers();
    const { outcome } = ask();
    await vi.advanceTimersByTimeAsync(1000);
    expect((await outcome).kind).toBe('no-answer');
    vi.useRealTimers();
  });
});

describe('an INVITE', () => {
  function invite() {
    const stack = new FakeStack();
    const identity = { callId: 'c', fromTag: 't' };
    const client = createClient(stack, new Trust(quiet));
    const provisional: number[] = [];
    const handle = client.invite(
      { method: 'INVITE', uri: 'sip:a@b', headers: { 'Call-ID': 'c' }, body: 'v=0' },
      identity,
      { credentials, deadlineMs: 60_000, onProvisional: (status) => provisional.push(status) },
    );
    let outcome: InviteOutcome | null = null;
    void handle.outcome.then((value) => (outcome = value));
    return { stack, handle, client, provisional, outcome: () => outcome };
  }

  it('given early audio in a multipart, has the SDP that the stack found in it', async () => {
    const { stack, handle } = invite();
    stack.sent[0]?.echo();
    stack.sent[0]?.answer(183, { RSeq: '1', 'Content-Type': 'multipart/mixed;boundary=b' }, 'v=1');
    stack.sent[0]?.answer(200);
    expect(await handle.outcome).toMatchObject({ kind: 'answered', sdp: 'v=1' });
  });

  it('is acknowledged and answered', async () => {
    const { stack, handle, provisional } = invite();
    stack.sent[0]?.echo();
    stack.sent[0]?.answer(180);
    stack.sent[0]?.answer(200, {}, 'v=0');
    expect(await handle.outcome).toMatchObject({ kind: 'answered', dialogId: 'c;from-tag=t' });
    expect(provisional).toEqual([180]);
    expect(stack.sent[0]?.acks).toBe(1);
    expect(handle.dialogId).toBe(dialogIdOf({ callId: 'c', fromTag: 't' }));
  });

  it.each([
    ['', 'early'],
    ['late', 'late'],
  ])('given audio in a reliable 183 and %j in the 200, is %j (RFC 3262 §5)', async (body, sdp) => {
    const { stack, handle } = invite();
    stack.sent[0]?.echo();
    stack.sent[0]?.answer(183, { RSeq: '1', 'Content-Type': 'application/sdp' }, 'early');
    stack.sent[0]?.answer(180);
    stack.sent[0]?.answer(200, {}, body);
    expect(await handle.outcome).toMatchObject({ kind: 'answered', sdp });
  });

  it('cancelled before its echo is cancelled as soon as it has left', () => {
    const { stack, handle } = invite();
    handle.cancel({ Reason: 'x' });
    expect(stack.sent[0]?.cancels).toEqual([]);
    stack.sent[0]?.echo();
    expect(stack.sent[0]?.cancels).toEqual([{ Reason: 'x' }]);
  });

  it('answered across its CANCEL is acknowledged and hung up', async () => {
    const { stack, handle } = invite();
    stack.sent[0]?.echo();
    handle.cancel();
    stack.sent[0]?.answer(200);
    expect((await handle.outcome).kind).toBe('cancelled');
    expect(stack.sent[0]?.acks).toBe(1);
    expect((await stack.wait('BYE')).request.dialogId).toBe('c;from-tag=t');
  });

  it('challenged after its CANCEL is not sent again', async () => {
    const { stack, handle } = invite();
    stack.sent[0]?.echo();
    handle.cancel();
    stack.sent[0]?.answer(401, challenge('n'));
    expect((await handle.outcome).kind).toBe('cancelled');
    expect(stack.of('INVITE')).toHaveLength(1);
  });

  it('cancelled between challenge and echo cancels the second one', () => {
    const { stack, handle } = invite();
    stack.sent[0]?.echo();
    stack.sent[0]?.answer(401, challenge('n'));
    handle.cancel();
    stack.sent[1]?.echo();
    expect(stack.sent[0]?.cancels).toEqual([]);
    expect(stack.sent[1]?.cancels).toHaveLength(1);
  });

  it('asks again with the longer session the peer wants (RFC 4028)', async () => {
    const { stack } = invite();
    stack.sent[0]?.echo();
    stack.sent[0]?.answer(422, { 'Min-SE': '1800' });
    expect((await stack.wait('INVITE', 2)).header('Session-Expires')).toBe('1800');
  });

  it('whose connection was lost is ended at the server when it is back', async () => {
    vi.useFakeTimers();
    const { stack, client, handle } = invite();
    stack.sent[0]?.echo();
    stack.sent[0]?.fail('connection-lost');
    expect((await handle.outcome).kind).toBe('lost');
    client.reconnected();
    expect(stack.sent[0]?.cancels).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(stack.of('BYE')).toHaveLength(1);
    vi.useRealTimers();
  });
});

describe('a BYE', () => {
  const options = { credentials, deadlineMs: 1000 };
  const bye = (dialogId: string) => ({ method: 'BYE', dialogId });

  it('that was lost with the connection goes out again when the server is back', async () => {
    const stack = new FakeStack();
    const client = createClient(stack, new Trust(quiet));
    const lost = client.request(bye('a'), options);
    const said = client.request(bye('b'), options);
    stack.sent[0]?.fail('connection-lost');
    stack.sent[1]?.answer(200);
    expect((await lost).kind).toBe('lost');
    expect((await said).kind).toBe('response');
    client.reconnected();
    expect(stack.of('BYE').map(({ request }) => request.dialogId)).toEqual(['a', 'b', 'a']);
    stack.sent[2]?.answer(481);
    await client.farewell(1000);
    client.reconnected();
    expect(stack.of('BYE')).toHaveLength(3);
  });

  it('of an answer that never left is not sent when its INVITE comes again', async () => {
    const stack = new FakeStack();
    const client = createClient(stack, new Trust(quiet));
    const lost = client.request(bye('a'), options);
    stack.sent[0]?.fail('not-sent');
    await lost;
    client.begins('a');
    client.reconnected();
    expect(stack.of('BYE')).toHaveLength(1);
  });

  it('for which there was no connection goes out when there is one', async () => {
    const stack = new FakeStack();
    const client = createClient(stack, new Trust(quiet));
    const lost = client.request(bye('a'), options);
    stack.sent[0]?.fail('not-sent');
    await lost;
    client.reconnected();
    stack.sent[1]?.fail('connection-lost');
    await client.farewell(1000);
    client.reconnected();
    expect(stack.of('BYE')).toHaveLength(3);
  });
});
