/**
 * Goal: an agent who is keying his number when the server is killed goes on where he is. Method: a
 * first process takes his call and hears his keys; then a second one takes over the same SIP
 * server, audio and journal, all in memory, and he presses the rest.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { SDP_OFFER, type MediaCall } from './fakes.ts';
import type { Incoming } from './fake-stack.ts';
import { dialogOf, Past } from './past.ts';

let past: Past;

beforeEach(async () => {
  past = await Past.make();
  await past.takeOver();
});

const DIALOG = dialogOf('login');
const CONTACT = { Contact: '<sip:phone1@127.0.0.1:6000>', 'Content-Type': 'application/sdp' };

/** He dials the code, and is answered and acknowledged. */
async function dials(user: string, offer = SDP_OFFER): Promise<string> {
  const headers = { 'Call-ID': 'login', From: '<sip:phone1@b>;tag=f', To: `<sip:${user}@acd>` };
  const uri = `sip:${user}@acd`;
  const invite = past.stack.receive('INVITE', { ...headers, ...CONTACT }, { uri, body: offer });
  expect((await invite.answered()).status).toBe(200);
  return (await past.media.wait(offer === '' ? 'offer' : 'accept')).leg;
}

const says = (method: string, body = ''): Incoming =>
  past.stack.receive(method, { 'Call-ID': 'login' }, { dialogId: DIALOG, body });

function keys(leg: string, digits: string): void {
  for (const digit of digits) past.media.events?.dtmf(leg, digit, 100);
}

function prompts(played: MediaCall | undefined): string[] {
  return ((played?.args[1] ?? []) as { prompt: string }[]).map(({ prompt }) => prompt);
}

/** The count-th thing said to him. */
const said = async (count: number): Promise<string[]> =>
  prompts(await past.media.wait('play', count));

/** The count-th thing said to him ends. */
async function heard(count: number): Promise<void> {
  const { leg, args } = await past.media.wait('play', count);
  past.media.events?.playEnded(leg, String(args[0]), 'all');
}

/** The first process is gone; the SIP server has the dialog. */
async function killed(state: 'confirmed' | 'awaiting-ack' = 'confirmed'): Promise<void> {
  past.held({ dialogId: DIALOG, state, callId: 'login' });
  await past.takeOver();
}

const loggedIn = (): unknown => past.runtime.state.agents.get('2771')?.device?.uri;

describe('an agent who is keying his number', () => {
  it('given half of it was keyed, then the rest is enough, and he is told and let go', async () => {
    const leg = await dials('*44');
    says('ACK');
    expect(await said(1)).toEqual(['agent-id']);
    keys(leg, '27');
    await killed();
    keys(leg, '71#');
    expect(await said(2)).toEqual(['agent-login-ok', 'goodbye']);
    expect(loggedIn()).toBe('sip:phone1@127.0.0.1:6000');
    await heard(2);
    expect((await past.stack.wait('BYE')).request.dialogId).toBe(DIALOG);
    expect([...past.media.live]).toEqual([]);
    expect(past.edge?.health().logins).toBe(0);
  });

  it('given nothing was keyed, then he is asked again', async () => {
    const leg = await dials('*44');
    says('ACK');
    expect(await said(1)).toEqual(['agent-id']);
    await killed();
    expect(await said(2)).toEqual(['agent-id']);
    // What the former process had played ends now; that is not the end of what he hears.
    past.media.events?.playEnded(leg, 'say-1', 'part');
    keys(leg, '2771#');
    expect(await said(3)).toEqual(['agent-login-ok', 'goodbye']);
    expect(past.media.of('stop')).toHaveLength(1);
  });

  it('given a try had failed, then only what is left of them is left', async () => {
    const leg = await dials('*44');
    says('ACK');
    keys(leg, '1#');
    expect(await said(1)).toEqual(['agent-incorrect']);
    keys(leg, '2#');
    await heard(1);
    expect(await said(2)).toEqual(['agent-incorrect']);
    await heard(2);
    expect(await said(3)).toEqual(['agent-id']);
    await killed();
    expect(await said(4)).toEqual(['agent-id']);
    keys(leg, '3#');
    expect(await said(5)).toEqual(['agent-incorrect', 'goodbye']);
  });

  it('given he was logged in but not told, then he is told so', async () => {
    const leg = await dials('*442771');
    says('ACK');
    expect(await said(1)).toEqual(['agent-login-ok', 'goodbye']);
    await killed();
    expect(await said(2)).toEqual(['agent-login-ok', 'goodbye']);
    expect(past.runtime.of('LogInAgent')).toEqual([]);
    // Killed between the login and the note of it.
    past.media.remembered.set(
      leg,
      (past.media.remembered.get(leg) ?? '').replace(/"result":.*/, '"result":null}'),
    );
    await past.takeOver();
    expect(await said(3)).toEqual(['agent-login-ok', 'goodbye']);
  });

  it('given his ACK is still to come, late offer and all, then it begins with it', async () => {
    const leg = await dials('*44', '');
    await killed('awaiting-ack');
    expect(past.media.of('play')).toEqual([]);
    says('ACK', SDP_OFFER);
    expect(await said(1)).toEqual(['agent-id']);
    expect(past.media.of('answered')).toEqual([{ verb: 'answered', leg, args: [SDP_OFFER] }]);
  });

  it('given the answer in his ACK was not used, then it is now', async () => {
    const leg = await dials('*44', '');
    past.media.unanswered.add(leg);
    past.kept.sdps.set(DIALOG, { localSdp: 'v=0 offer', remoteSdp: 'v=0 answer' });
    await killed();
    expect(await said(1)).toEqual(['agent-id']);
    expect(past.media.of('answered')).toEqual([{ verb: 'answered', leg, args: ['v=0 answer'] }]);
  });

  it('given he hung up meanwhile, then his BYE is answered, and nothing is left', async () => {
    await dials('*44');
    says('ACK');
    await said(1);
    past.ended(DIALOG, 'BYE', 1);
    await past.takeOver();
    expect(await says('BYE').answered()).toMatchObject({ status: 200 });
    expect([...past.media.live]).toEqual([]);
    expect(past.stack.of('BYE')).toEqual([]);
    expect(past.edge?.health().logins).toBe(0);
  });

  it('given his audio is gone, too, then he is politely let go', async () => {
    const leg = await dials('*44');
    says('ACK');
    await said(1);
    past.media.live.delete(leg);
    await killed();
    expect(past.byes()).toEqual([DIALOG]);
    expect(past.stack.of('BYE')[0]?.header('Reason')).toContain('cause=16');
  });

  it('given a server that tells nothing, then he goes on, and is watched', async () => {
    const leg = await dials('*44');
    says('ACK');
    keys(leg, '27');
    past.stack.kept = null;
    await past.takeOver();
    expect((await past.stack.wait('OPTIONS')).request.dialogId).toBe(DIALOG);
    keys(leg, '71#');
    await past.runtime.wait('LogInAgent');
    expect(past.byes()).toEqual([]);
  });

  it('given acd restart, then the former process says and ends nothing more', async () => {
    const leg = await dials('*44');
    says('ACK');
    await said(1);
    const former = past.edge;
    await former?.handOver();
    // Pressed between the two: it is the next one's.
    keys(leg, '2');
    await killed();
    keys(leg, '771#');
    expect(await said(2)).toEqual(['agent-login-ok', 'goodbye']);
    expect(past.runtime.of('LogInAgent')).toHaveLength(1);
  });
});
