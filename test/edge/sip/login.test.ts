/**
 * Goal: logging in and out by telephone, and what the ACD then knows of the phone. Method: plain
 * telephones on the real SIP server and the real loop; digits by INFO and by RTP events; the
 * phone answers SUBSCRIBEs as each test says.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { AcdConfig } from '../../../src/config/types.ts';
import { openStage } from '../../support/stage.ts';
import { acdConfig, queueConfig, SDP_OFFER } from '../../unit/sip/fakes.ts';
import type { MediaCall } from '../../unit/sip/fakes.ts';
import { sipServer, startAcd } from './acd.ts';
import type { Acd, SipServer } from './acd.ts';
import { header, Phone } from './phone.ts';
import type { Sent, SipText } from './phone.ts';

const stage = openStage('sip-login');
let server: SipServer | null = null;
let acd: Acd;
let phone: Phone;

async function open(config: AcdConfig = acdConfig()): Promise<void> {
  server ??= await stage.add(sipServer());
  acd = await stage.addForTest(startAcd(server, config));
  phone = await stage.addForTest(Phone.open('phone1', acd.sip));
}

const pidf = (basic: string, note = ''): string =>
  '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:p@x">' +
  `<note>${note}</note><tuple id="a"><status><basic>${basic}</basic></status></tuple></presence>`;

const dialogInfo = (state: string, version = 0): string =>
  '<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" ' +
  `version="${version}" state="full" entity="sip:p@x">` +
  `<dialog id="a"><state>${state}</state></dialog></dialog-info>`;

async function call(user: string): Promise<{ invite: Sent; ok: SipText }> {
  const invite = phone.start('INVITE', user, { body: SDP_OFFER });
  const ok = await phone.response(invite);
  expect(ok.status).toBe(200);
  phone.ack(invite, ok);
  return { invite, ok };
}

function prompts(played: MediaCall): string[] {
  return (played.args[1] as { prompt: string }[]).map((item) => item.prompt);
}

/** Lets the count-th prompt play to its end and gives its keys. */
async function hear(count: number): Promise<string[]> {
  const played = await acd.media.wait('play', count);
  const keys = prompts(played);
  acd.media.events?.playEnded(played.leg, String(played.args[0]), 'all');
  return keys;
}

function key(dialog: { invite: Sent; ok: SipText }, digits: string, first = 10): void {
  [...digits].forEach((digit, index) => {
    phone.within(dialog.invite, dialog.ok, 'INFO', first + index, {
      type: 'application/dtmf-relay',
      body: `Signal=${digit}\r\nDuration=160\r\n`,
    });
  });
}

async function hungUp(): Promise<void> {
  phone.answer(await phone.request('BYE'), 200, 'OK');
  await expect.poll(() => acd.edge.health().logins).toBe(0);
  expect([...acd.media.live]).toEqual([]);
}

/** The SUBSCRIBE for that package, answered 200, and its first NOTIFY. */
async function watched(event: string, body: string): Promise<SipText> {
  const subscribe = await phone.take(
    (each) => each.method === 'SUBSCRIBE' && header(each, 'Event') === event,
  );
  phone.answer(subscribe, 200, 'OK', { headers: { Expires: '600' } });
  await notify(subscribe, event, body, 1);
  return subscribe;
}

function notify(subscribe: SipText, event: string, body: string, cseq: number, state = 'active') {
  const sent = phone.back(subscribe, 'NOTIFY', cseq, {
    headers: { Event: event, 'Subscription-State': state },
    body,
    type: event === 'presence' ? 'application/pidf+xml' : 'application/dialog-info+xml',
  });
  return phone.response(sent);
}

async function refuseSubscriptions(status = 489): Promise<void> {
  for (let count = 0; count < 2; count += 1)
    phone.answer(await phone.request('SUBSCRIBE'), status, 'Bad Event');
}

describe('login', () => {
  beforeEach(() => open());

  it('asks for the id, takes INFO digits up to #, speaks the result and hangs up', async () => {
    const dialog = await call('acdlogin');
    expect(await hear(1)).toEqual(['agent-id']);
    key(dialog, '2771#');
    expect(await hear(2)).toEqual(['agent-login-ok', 'goodbye']);
    await hungUp();
    expect(await acd.event('AgentLoggedIn')).toMatchObject({
      agentId: '2771',
      device: { uri: phone.uri, registrar: null },
    });
  });

  it('takes RTP digits, once where the phone sends both, and stops the prompt', async () => {
    const dialog = await call('*44');
    const { leg } = await acd.media.wait('play');
    for (const [index, digit] of [...'2771#'].entries()) {
      acd.media.events?.dtmf(leg, digit, 160);
      key(dialog, digit, 20 + index);
    }
    await acd.media.wait('stop');
    expect(await hear(2)).toEqual(['agent-login-ok', 'goodbye']);
    await hungUp();
  });

  it('logs in without asking by *44<id>', async () => {
    await call('*442771');
    expect(await hear(1)).toEqual(['agent-login-ok', 'goodbye']);
    await hungUp();
  });

  it('gives three tries', async () => {
    const dialog = await call('acdlogin');
    await hear(1);
    key(dialog, '1#', 10);
    expect(await hear(2)).toEqual(['agent-incorrect']);
    await hear(3);
    key(dialog, '2#', 20);
    await hear(4);
    await hear(5);
    key(dialog, '3#', 30);
    expect(await hear(6)).toEqual(['agent-incorrect', 'goodbye']);
    await hungUp();
    expect(acd.loop.state.devices.size).toBe(0);
  });

  it('leaves nothing over when the phone hangs up midway', async () => {
    const dialog = await call('acdlogin');
    await acd.media.wait('play');
    key(dialog, '27');
    phone.within(dialog.invite, dialog.ok, 'BYE', 40);
    await expect.poll(() => acd.edge.health().logins).toBe(0);
    await expect.poll(() => [...acd.media.live]).toEqual([]);
    expect(acd.loop.state.devices.size).toBe(0);
  });

  it('tells that the agent is on already, and logs out by *45', async () => {
    await call('*442771');
    await hear(1);
    await hungUp();
    const other = await stage.addForTest(Phone.open('phone2', acd.sip));
    const invite = other.start('INVITE', '*442771', { body: SDP_OFFER });
    other.ack(invite, await other.response(invite));
    expect(await hear(2)).toEqual(['agent-already-on', 'goodbye']);
    other.answer(await other.request('BYE'), 200, 'OK');
    await call('*45');
    expect(await hear(3)).toEqual(['agent-logout-ok', 'goodbye']);
    await acd.event('AgentLoggedOut');
    await call('acdlogout');
    expect(await hear(4)).toEqual(['agent-not-logged-in', 'goodbye']);
  });
});

describe('what an agent dials', () => {
  const dialled = async (user: string, digits = ''): Promise<string[]> => {
    const before = acd.media.of('play').length;
    const dialog = await call(user);
    if (digits !== '') {
      await acd.media.wait('play', before + 1);
      key(dialog, digits);
    }
    const said = await hear(before + (digits === '' ? 1 : 2));
    await hungUp();
    return said;
  };

  it('pauses him, for a reason by its number, ends his pause and his wrap-up', async () => {
    await open();
    expect(await dialled('*46')).toEqual(['agent-not-logged-in', 'goodbye']);
    await dialled('*442771');
    const agent = () => acd.loop.state.agents.get('2771');
    expect(await dialled('*46')).toEqual(['agent-pause-ok', 'goodbye']);
    expect(agent()?.paused).toBe('');
    expect(await dialled('acdresume')).toEqual(['agent-resume-ok', 'goodbye']);
    expect(agent()?.paused).toBeNull();
    expect(await dialled('*47')).toEqual(['agent-not-paused', 'goodbye']);
    expect(await dialled('*48')).toEqual(['agent-no-wrapup', 'goodbye']);
    expect(await dialled('*461')).toEqual(['agent-incorrect', 'goodbye']);
  });

  it('logs him in to and out of one queue, pauses him there, lets his wrap-up go on', async () => {
    const plain = acdConfig();
    const { core } = plain;
    const queues = ['queue1', 'queue2'].map((name) => ({ ...queueConfig(name), wrapupMs: 60_000 }));
    const agents = [{ id: '2771', name: 'Ann', queues: ['queue1', 'queue2'] }];
    await open({ ...plain, core: { ...core, queues, agents } });
    const agent = () => acd.loop.state.agents.get('2771');
    const away = () => [...(agent()?.away ?? [])];
    expect(await dialled('*442771*queue2')).toEqual(['agent-queue-in', 'goodbye']);
    expect(away()).toEqual(['queue1']);
    expect(await dialled('*44*1')).toEqual(['agent-queue-in', 'goodbye']);
    expect(await dialled('*45*2')).toEqual(['agent-queue-out', 'goodbye']);
    expect(away()).toEqual(['queue2']);
    expect(await dialled('*46*queue1')).toEqual(['agent-pause-ok', 'goodbye']);
    expect([...(agent()?.pausedIn.keys() ?? [])]).toEqual(['queue1']);
    expect(await dialled('*47*queue1')).toEqual(['agent-resume-ok', 'goodbye']);
    expect(await dialled('*45*3')).toEqual(['agent-incorrect', 'goodbye']);
    expect(await dialled('*4890')).toEqual(['agent-no-wrapup', 'goodbye']);
    expect(agent()?.device).not.toBeNull();
  });

  it('asks for the reason where there are some', async () => {
    const plain = acdConfig();
    const pauseReasons = [
      { reason: 'lunch', maxMs: 0 },
      { reason: 'training', maxMs: 0 },
    ];
    await open({ ...plain, core: { ...plain.core, pauseReasons } });
    await dialled('*442771');
    const paused = () => acd.loop.state.agents.get('2771')?.paused;
    expect(await dialled('*46', '2#')).toEqual(['agent-pause-ok', 'goodbye']);
    expect(paused()).toBe('training');
    expect(await dialled('*461')).toEqual(['agent-pause-ok', 'goodbye']);
    expect(paused()).toBe('lunch');
    expect(await dialled('acdpause', '3#')).toEqual(['agent-incorrect', 'goodbye']);
    expect(paused()).toBe('lunch');
  });
});

it('asks for the PIN where there is one', async () => {
  await open({ ...acdConfig(), pins: new Map([['2771', '4711']]) });
  const dialog = await call('acdlogin');
  await hear(1);
  key(dialog, '2771#', 10);
  expect(await hear(2)).toEqual(['agent-pin']);
  key(dialog, '1234#', 20);
  expect(await hear(3)).toEqual(['agent-incorrect']);
  await hear(4);
  key(dialog, '2771#', 30);
  await hear(5);
  key(dialog, '4711#', 40);
  expect(await hear(6)).toEqual(['agent-login-ok', 'goodbye']);
});

describe('presence', () => {
  async function logIn(): Promise<void> {
    await call('*442771');
    await hear(1);
  }

  it('makes the agent ready when both packages say idle, and takes it away', async () => {
    await open();
    await logIn();
    const presence = await watched('presence', pidf('open', 'Ready'));
    const dialog = await watched('dialog', dialogInfo('terminated'));
    expect(await acd.event('DeviceReported')).toMatchObject({ state: 'idle' });
    expect(header(presence, 'Accept')).toBe('application/pidf+xml');
    expect((await notify(dialog, 'dialog', dialogInfo('confirmed', 1), 2)).status).toBe(200);
    expect(await acd.event('DeviceReported', 2)).toMatchObject({ state: 'inuse' });
    await notify(dialog, 'dialog', dialogInfo('terminated', 2), 3);
    expect(await acd.event('DeviceReported', 3)).toMatchObject({ state: 'idle' });
    await notify(presence, 'presence', pidf('closed', 'Not online'), 2);
    expect(await acd.event('DeviceReported', 4)).toMatchObject({ state: 'unavailable' });
  });

  it('survives a NOTIFY before the 2xx', async () => {
    await open();
    await logIn();
    const subscribe = await phone.take(
      (each) => each.method === 'SUBSCRIBE' && header(each, 'Event') === 'presence',
    );
    const early = notify(subscribe, 'presence', pidf('open', 'Ready'), 1);
    await early;
    phone.answer(subscribe, 200, 'OK', { headers: { Expires: '600' } });
    await watched('dialog', dialogInfo('terminated'));
    expect(await acd.event('DeviceReported')).toMatchObject({ state: 'idle' });
  });

  it('answers broken XML with 400 and keeps the state', async () => {
    await open();
    await logIn();
    const presence = await watched('presence', pidf('open'));
    await watched('dialog', dialogInfo('terminated'));
    await acd.event('DeviceReported');
    expect((await notify(presence, 'presence', '<presence><tuple>', 2)).status).toBe(400);
    expect((await notify(presence, 'presence', pidf('closed'), 3)).status).toBe(200);
    expect(await acd.event('DeviceReported', 2)).toMatchObject({ state: 'unavailable' });
  });

  it('subscribes anew when a subscription is terminated', async () => {
    await open();
    await logIn();
    const presence = await watched('presence', pidf('open'));
    await watched('dialog', dialogInfo('terminated'));
    await acd.event('DeviceReported');
    await notify(presence, 'presence', '', 2, 'terminated;reason=deactivated');
    expect(await acd.event('DeviceReported', 2)).toMatchObject({
      state: 'unknown',
      source: 'lost:terminated',
    });
    await watched('presence', pidf('open'));
    expect(await acd.event('DeviceReported', 3)).toMatchObject({ state: 'idle' });
  });

  it('refreshes before expiry, and makes a new one after 481', async () => {
    await open();
    await logIn();
    const first = await phone.take(
      (each) => each.method === 'SUBSCRIBE' && header(each, 'Event') === 'presence',
    );
    phone.answer(first, 200, 'OK', { headers: { Expires: '1' } });
    await notify(first, 'presence', pidf('open'), 1, 'active;expires=1');
    await watched('dialog', dialogInfo('terminated'));
    const refresh = await phone.take((each) => each.method === 'SUBSCRIBE');
    expect(header(refresh, 'Call-ID')).toBe(header(first, 'Call-ID'));
    phone.answer(refresh, 481, 'Gone');
    const anew = await phone.take((each) => each.method === 'SUBSCRIBE');
    expect(header(anew, 'Call-ID')).not.toBe(header(first, 'Call-ID'));
  });

  it('trusts a phone that refuses both, once its login call has ended', async () => {
    await open();
    await logIn();
    await refuseSubscriptions();
    await hungUp();
    const reports = acd.events.flatMap(({ event }) =>
      event.kind === 'DeviceReported' ? [event] : [],
    );
    await expect.poll(() => acd.loop.state.agents.get('2771')?.deviceState).toBe('idle');
    expect(reports.every((report) => report.source === 'trusted')).toBe(true);
  });

  it('does not ring a phone that itself waits in a queue', async () => {
    await open();
    await logIn();
    await refuseSubscriptions();
    await hungUp();
    const deviceState = () => acd.loop.state.agents.get('2771')?.deviceState;
    await expect.poll(deviceState).toBe('idle');
    const dialog = await call('queue1');
    await acd.event('CallConfirmed');
    await expect.poll(deviceState).toBe('inuse');
    expect(acd.events.some(({ event }) => event.kind === 'AgentOffered')).toBe(false);
    const bye = phone.within(dialog.invite, dialog.ok, 'BYE', 10);
    expect((await phone.response(bye)).status).toBe(200);
    await expect.poll(deviceState).toBe('idle');
  });

  it('refuses such a login where presence is required', async () => {
    await open(acdConfig({ presence: 'required' }));
    await call('*442771');
    await refuseSubscriptions();
    expect(await hear(1)).toEqual(['agent-no-presence', 'goodbye']);
    await hungUp();
    expect(acd.loop.state.devices.size).toBe(0);
  });

  it('lets a phone in that tells its presence where it is required', async () => {
    await open(acdConfig({ presence: 'required' }));
    await call('*442771');
    await watched('presence', pidf('open'));
    expect(await hear(1)).toEqual(['agent-login-ok', 'goodbye']);
    await watched('dialog', dialogInfo('terminated'));
    expect(await acd.event('DeviceReported')).toMatchObject({ state: 'idle' });
  });

  it('ends the subscriptions at logout', async () => {
    await open();
    await logIn();
    await watched('presence', pidf('open'));
    await watched('dialog', dialogInfo('terminated'));
    await acd.event('DeviceReported');
    await acd.loop.submit({ kind: 'LogOutAgent', by: 'test', who: { agentId: '2771' } });
    for (let count = 0; count < 2; count += 1) {
      const last = await phone.request('SUBSCRIBE');
      expect(header(last, 'Expires')).toBe('0');
      phone.answer(last, 200, 'OK', { headers: { Expires: '0' } });
    }
  });
});

describe('too many wrong PINs', () => {
  it('make the right one wrong, too, until the lock is lifted', async () => {
    const config = acdConfig({ lockAfter: 2, loginTries: 2 });
    await open({ ...config, pins: new Map([['2771', '4711']]) });
    const first = await call('*442771');
    expect(await hear(1)).toEqual(['agent-pin']);
    key(first, '1#', 10);
    await hear(2);
    await hear(3);
    key(first, '2#', 20);
    expect(await hear(4)).toEqual(['agent-incorrect', 'goodbye']);
    await hungUp();
    const locked = acd.edge.locks.list().map(({ kind }) => kind);
    expect(locked).toEqual(['agent', 'phone']);

    const second = await call('*442771');
    await hear(5);
    key(second, '4711#', 10);
    expect(await hear(6)).toEqual(['agent-incorrect']);
    await hear(7);
    phone.within(second.invite, second.ok, 'BYE', 40);
    await expect.poll(() => acd.edge.health().logins).toBe(0);

    for (const { kind, name } of acd.edge.locks.list()) acd.edge.locks.lift(kind, name);
    const third = await call('*442771');
    await hear(8);
    key(third, '4711#', 10);
    expect(await hear(9)).toEqual(['agent-login-ok', 'goodbye']);
    await hungUp();
  });
});
