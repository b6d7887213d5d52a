/**
 * Goal: registering at PBXs, and reaching phones through them. Method: a registrar in the test's
 * hands (registrar.ts) beside the real SIP server.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { openStage } from '../../support/stage.ts';
import { acdConfig, registrar, SDP_OFFER } from '../../unit/sip/fakes.ts';
import { sipServer, startAcd } from './acd.ts';
import type { Acd, SipServer } from './acd.ts';
import { header, Phone } from './phone.ts';
import { authentic, authorization, challenge, isAuthentic } from './registrar.ts';

const stage = openStage('sip-registration');
let server: SipServer | null = null;
let address: Acd['sip'] | null = null;
let acd: Acd;
let pbx: Phone;

beforeEach(async () => {
  server ??= await stage.add(sipServer());
  // The registrar's address must be in the configuration before the ACD tells its own.
  if (address === null) {
    const probe = await startAcd(server, acdConfig());
    address = probe.sip;
    await probe.stop();
  }
  pbx = await stage.addForTest(Phone.open('pbx', address));
});

async function open(more: Parameters<typeof registrar>[0] = {}): Promise<void> {
  const entry = registrar({ registrar: `sip:127.0.0.1:${pbx.port}`, ...more });
  acd = await stage.addForTest(startAcd(server!, acdConfig({ register: [entry] })));
}

const state = (): string | undefined => acd.edge.health().registrars[0]?.state;

function grant(request: Awaited<ReturnType<typeof authentic>>, expires: number): void {
  const contact = header(request, 'Contact').replace(/;expires=\d+/, '');
  pbx.answer(request, 200, 'OK', { headers: { Contact: `${contact};expires=${expires}` } });
}

describe('registration', () => {
  it('answers the challenge and tells its state', async () => {
    await open();
    const register = await authentic(pbx, 'REGISTER', 'n1');
    expect(register.start).toContain('REGISTER sip:127.0.0.1 ');
    expect(header(register, 'Contact')).toContain(`<sip:acd@127.0.0.1:${acd.sip.port}`);
    expect(register.from.port).toBe(acd.sip.port);
    grant(register, 600);
    await expect.poll(state).toBe('registered');
    const health = acd.edge.health().registrars[0];
    expect(health).toMatchObject({ name: 'pbx1' });
    expect(health?.expiresIn).toBeGreaterThan(590);
  });

  it('speaks SHA-256', async () => {
    await open();
    challenge(pbx, await pbx.request('REGISTER'), 'n1', { algorithm: 'SHA-256' });
    const register = await pbx.request('REGISTER');
    expect(isAuthentic(register, 'secret', 'SHA-256')).toBe(true);
  });

  it('refreshes before the expiry granted, counts the nonce up, minds stale ones', async () => {
    await open();
    grant(await authentic(pbx, 'REGISTER', 'n1'), 1);
    const refresh = await pbx.request('REGISTER');
    expect(isAuthentic(refresh, 'secret')).toBe(true);
    expect(authorization(refresh).get('nc')).toBe('00000002');
    challenge(pbx, refresh, 'n2', { stale: true });
    const again = await pbx.request('REGISTER');
    expect(authorization(again).get('nonce')).toBe('n2');
    expect(authorization(again).get('nc')).toBe('00000001');
    grant(again, 600);
    await expect.poll(state).toBe('registered');
  });

  it('honours Min-Expires', async () => {
    await open({ expiresMs: 60_000 });
    const register = await pbx.request('REGISTER');
    expect(header(register, 'Expires')).toBe('60');
    pbx.answer(register, 423, 'Interval Too Brief', { headers: { 'Min-Expires': '120' } });
    expect(header(await pbx.request('REGISTER'), 'Expires')).toBe('120');
  });

  it('says clearly that the password is wrong', async () => {
    await open();
    challenge(pbx, await pbx.request('REGISTER'), 'n1');
    challenge(pbx, await pbx.request('REGISTER'), 'n2');
    await expect.poll(state).toBe('rejected');
    expect(acd.edge.health().registrars[0]?.detail).toContain('check username and password');
  });

  it('says clearly that it is forbidden', async () => {
    await open();
    pbx.answer(await pbx.request('REGISTER'), 403, 'Forbidden');
    await expect.poll(state).toBe('rejected');
  });

  it('tries again after a server failure', async () => {
    await open();
    pbx.answer(await pbx.request('REGISTER'), 500, 'Oops');
    await expect.poll(state).toBe('unreachable');
    grant(await pbx.request('REGISTER'), 600);
    await expect.poll(state).toBe('registered');
  });

  it('unregisters on stop', async () => {
    await open();
    grant(await authentic(pbx, 'REGISTER', 'n1'), 600);
    await expect.poll(state).toBe('registered');
    const stopped = acd.stop();
    const last = await pbx.request('REGISTER');
    expect(header(last, 'Expires')).toBe('0');
    grant(last, 0);
    await stopped;
  });
});

describe('a registrar that forgets us', () => {
  /** Registered for a second, so that the refresh comes at once; gives that. */
  async function refresh() {
    await open();
    grant(await authentic(pbx, 'REGISTER', 'n1'), 1);
    return pbx.request('REGISTER');
  }

  it('given it asks again who we are, then we say so, with its new nonce', async () => {
    challenge(pbx, await refresh(), 'n2');
    const again = await pbx.request('REGISTER');
    expect(authorization(again).get('nonce')).toBe('n2');
    expect(isAuthentic(again, 'secret')).toBe(true);
    grant(again, 600);
    await expect.poll(() => acd.edge.health().registrars[0]?.expiresIn).toBeGreaterThan(590);
    expect(state()).toBe('registered');
  });

  it('given 404, then health says so, and it is asked again soon', async () => {
    pbx.answer(await refresh(), 404, 'Not Found');
    await expect.poll(state).toBe('unreachable');
    expect(acd.edge.health().registrars[0]).toMatchObject({ expiresIn: 0 });
    grant(await pbx.request('REGISTER'), 600);
    await expect.poll(state).toBe('registered');
  });

  it.each([
    ['lists others only', '<sip:acd@192.0.2.7:5999>;expires=600, <sip:x@192.0.2.8>;expires=600'],
    ['lists another in our place', '<sip:acd@192.0.2.7:5999>;expires=600'],
    ['grants us nothing', '<sip:acd@127.0.0.1:OURS>;expires=0'],
  ])('given a 200 that %s, then that is no registration', async (_what, contacts) => {
    const asked = await refresh();
    const Contact = contacts.replace('OURS', String(acd.sip.port));
    pbx.answer(asked, 200, 'OK', { headers: { Contact } });
    await expect.poll(state).toBe('unreachable');
    expect(acd.edge.health().registrars[0]?.detail).toContain('does not list our Contact');
    grant(await pbx.request('REGISTER'), 600);
    await expect.poll(state).toBe('registered');
  });

  it('given it writes our Contact its own way, then that is still ours', async () => {
    await open();
    const contact = (port: number): Record<string, string> => ({
      Contact: `<sip:acd@192.0.2.7:${port}>;expires=1`,
    });
    pbx.answer(await pbx.request('REGISTER'), 200, 'OK', { headers: contact(4711) });
    await expect.poll(state).toBe('registered');
    const next = await pbx.request('REGISTER');
    const two = `<sip:x@192.0.2.9>;expires=9, ${contact(4711)['Contact']}`;
    pbx.answer(next, 200, 'OK', { headers: { Contact: two } });
    await pbx.request('REGISTER');
    expect(state()).toBe('registered');
  });
});

const pidf = (basic: string): string =>
  '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:p@x">' +
  `<tuple id="a"><status><basic>${basic}</basic></status></tuple></presence>`;

describe('a phone behind the registrar', () => {
  it('is known by its PBX name, watched and dialled through it, with digest', async () => {
    await open();
    grant(await authentic(pbx, 'REGISTER', 'n1'), 600);
    const invite = pbx.start('INVITE', '*442771', {
      body: SDP_OFFER,
      headers: {
        // As pjsip does: its own name in Contact, the phone's in From.
        From: '"Phone 1" <sip:phone1@127.0.0.1>',
        Contact: `<sip:asterisk@127.0.0.1:${pbx.port}>`,
      },
    });
    pbx.ack(invite, await pbx.response(invite));
    expect(await acd.event('AgentLoggedIn')).toMatchObject({
      device: { uri: `sip:phone1@127.0.0.1:${pbx.port}`, registrar: 'pbx1' },
    });
    for (const event of ['presence', 'dialog']) {
      const subscribe = await authentic(
        pbx,
        'SUBSCRIBE',
        `s-${event}`,
        (request) => header(request, 'Event') === event,
      );
      expect(subscribe.start).toContain(`SUBSCRIBE sip:phone1@127.0.0.1:${pbx.port} `);
      expect(header(subscribe, 'From')).toContain('<sip:acd@127.0.0.1>');
      pbx.answer(subscribe, 489, 'Bad Event');
    }
    const played = await acd.media.wait('play');
    acd.media.events?.playEnded(played.leg, String(played.args[0]), 'all');
    // In the dialog that the phone began, too, a challenge is answered.
    pbx.answer(await authentic(pbx, 'BYE', 'b1'), 200, 'OK');
    await isDialled();
  });

  it('is watched and dialled the same, where the login by REST only names it', async () => {
    await open({ presence: 'required' });
    grant(await authentic(pbx, 'REGISTER', 'n1'), 600);
    const login = () =>
      acd.edge.logIn('2771', { device: 'phone1', registrar: null, queues: null }, 'http:desk');
    const take = (event: string, nonce: string) =>
      authentic(pbx, 'SUBSCRIBE', nonce, (request) => header(request, 'Event') === event);
    const refused = login();
    for (const event of ['presence', 'dialog'])
      pbx.answer(await take(event, `r-${event}`), 489, 'Bad Event');
    expect(await refused).toEqual({ ok: false, refusal: 'no-presence' });
    expect(acd.loop.state.devices.size).toBe(0);

    const done = login();
    const presence = await take('presence', 's-presence');
    pbx.answer(presence, 200, 'OK', { headers: { Expires: '600' } });
    expect(await done).toMatchObject({ ok: true });
    pbx.answer(await take('dialog', 's-dialog'), 489, 'Bad Event');
    expect(acd.events.find(({ event }) => event.kind === 'AgentLoggedIn')).toMatchObject({
      event: {
        by: 'http:desk',
        device: { uri: `sip:phone1@127.0.0.1:${pbx.port}`, registrar: 'pbx1' },
      },
    });
    const told = pbx.back(presence, 'NOTIFY', 1, {
      headers: { Event: 'presence', 'Subscription-State': 'active' },
      type: 'application/pidf+xml',
      body: pidf('open'),
    });
    expect((await pbx.response(told)).status).toBe(200);
    await isDialled();
  });

  async function isDialled(): Promise<void> {
    const caller = await stage.addForTest(Phone.open('caller', acd.sip));
    const call = caller.start('INVITE', 'queue1', {
      body: SDP_OFFER,
      headers: { From: '"Bob" <sip:4711@127.0.0.1>' },
    });
    caller.ack(call, await caller.response(call));
    const offer = await authentic(pbx, 'INVITE', 'i1');
    expect(offer.start).toContain(`INVITE sip:phone1@127.0.0.1:${pbx.port} `);
    expect(header(offer, 'From')).toContain('"Bob (queue1)" <sip:acd@127.0.0.1>');
    expect(header(offer, 'P-Asserted-Identity')).toBe('"Bob" <sip:4711@127.0.0.1>');
    pbx.answer(offer, 200, 'OK', { body: SDP_OFFER });
    await pbx.request('ACK');
    await acd.event('CallConnected');
    const ended = acd.loop.submit({
      kind: 'EndCall',
      by: 'test',
      callId: [...acd.loop.state.calls.keys()][0] ?? '',
      cause: 'bye',
    });
    const bye = await authentic(pbx, 'BYE', 'b1');
    pbx.answer(bye, 200, 'OK');
    await ended;
  }

  it('that leads us past the registrar gets no answer made with its password', async () => {
    await open({ presence: 'off' });
    grant(await authentic(pbx, 'REGISTER', 'n1'), 600);
    const login = acd.edge.logIn('2771', { device: 'p', registrar: null, queues: null }, 'http:x');
    expect(await login).toMatchObject({ ok: true });
    const caller = await stage.addForTest(Phone.open('caller', acd.sip));
    const call = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
    const ok = await caller.response(call);
    caller.ack(call, ok);
    const stranger = await stage.addForTest(Phone.open('p', acd.sip, '127.0.0.2'));
    const headers = { Contact: `<${stranger.uri}>` };
    pbx.answer(await authentic(pbx, 'INVITE', 'i1'), 200, 'OK', { body: SDP_OFFER, headers });
    await stranger.request('ACK');
    await acd.event('CallConnected');
    caller.within(call, ok, 'BYE', 2);
    challenge(stranger, await stranger.request('BYE'), 'x1');
    // Stopping waits for what came of each BYE.
    await acd.stop();
    expect(stranger.seen.filter(({ method }) => method === 'BYE')).toHaveLength(1);
    expect(stranger.seen.filter((one) => header(one, 'Authorization') !== '')).toEqual([]);
  });
});
