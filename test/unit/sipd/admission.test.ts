/**
 * Goal: who may not call gets no answer at all, and nobody who belongs here is shut out. Method:
 * the core in a world of its own, whose peer at 192.0.2.9 is not on the list.
 */
import { describe, expect, it } from 'vitest';
import { Admission } from '../../../src/sipd/admission.ts';
import { World, type FakeClient } from '../../support/sipd-core.ts';

const SDP = 'v=0\r\no=x 1 1 IN IP4 192.0.2.1\r\n';
const METHODS = ['INVITE', 'OPTIONS', 'REGISTER', 'SUBSCRIBE', 'MESSAGE', 'BYE', 'CANCEL', 'DANCE'];

function closed(...allow: string[]) {
  const world = new World(null, allow);
  const client = world.join();
  client.route('invite', 'options', 'notify', 'register', 'subscribe', 'message');
  return { world, client };
}

const quiet = { info: () => undefined, warn: () => undefined };
const admits = (rules: string[], address: string) => new Admission(rules, quiet).admits(address);

describe('a stranger', () => {
  it.each(METHODS)('given %s, hears nothing, and nothing is kept of him', (method) => {
    const { world, client } = closed('10.0.0.0/8', 'registrars');
    world.arrive(world.request(method));
    world.clock.advance(70_000);
    expect(world.takeStory()).toEqual([]);
    expect(client.story).toEqual([]);
    expect(world.ctx.serverTxs.size).toBe(0);
    expect(world.ctx.admission.silences).toBe(1);
  });

  it('given broken messages, hears nothing either', () => {
    const { world } = closed('10.0.0.0/8');
    world.arrive(world.request('OPTIONS', { cseqMethod: 'INVITE' }));
    world.arrive(world.request('OPTIONS').replace('SIP/2.0\r\n', 'SIP/3.0\r\n'));
    expect(world.takeStory()).toEqual([]);
  });

  it('is named once in the log, however long he goes on', () => {
    const { world } = closed('10.0.0.0/8');
    for (let i = 0; i < 50; i += 1) world.arrive(world.request('INVITE', { callId: `c${i}` }));
    const told = world.logged.filter((line) => line.includes('sip.allow'));
    expect(told).toEqual([
      'INVITE from 192.0.2.9 gets no answer: it is not in sip.allow (1 so far)',
    ]);
  });
});

describe('users and bans, as a client says', () => {
  const from = (user: string) => ({ from: `<sip:${user}@away>;tag=f${user}`, callId: `c-${user}` });

  it('given an INVITE that names a user, it is served to its end, nothing else is', () => {
    const { world, client } = closed('10.0.0.0/8');
    client.say('users', ['road,desk']);
    for (const method of METHODS.slice(1)) world.arrive(world.request(method, from('road')));
    world.arrive(world.request('INVITE', from('stranger')));
    expect([world.takeStory(), client.story]).toEqual([[], []]);
    const branch = 'z9hG4bKroad';
    world.arrive(world.request('INVITE', { ...from('road'), branch, body: SDP }));
    expect(client.story).toEqual(['INVITE']);
    world.arrive(world.request('CANCEL', { ...from('road'), branch }));
    expect(world.takeStory()).toEqual(['100', '200', '487']);
    client.say('users', ['']);
    world.arrive(world.request('INVITE', { ...from('road'), callId: 'later', body: SDP }));
    expect(world.takeStory()).toEqual([]);
  });

  it('given a ban, its address gets no answer until it ends or is lifted', () => {
    const { world, client } = closed('any');
    client.say('ban', ['192.0.2.9', '60000']);
    const call = (callId: string) => world.arrive(world.request('INVITE', { callId, body: SDP }));
    call('1');
    world.arrive(world.request('OPTIONS', { cseqMethod: 'INVITE' }));
    expect(world.takeStory()).toEqual([]);
    expect(world.logged.filter((line) => line.includes('is banned'))).toHaveLength(1);
    client.say('ban', ['192.0.2.9', '0']);
    call('2');
    expect(world.takeStory()).toEqual(['100']);
    client.say('ban', ['192.0.2.9', '60000']);
    client.say('ban', ['*', '0']);
    call('3');
    expect(world.takeStory()).toEqual(['100']);
    client.say('ban', ['192.0.2.9', '60000']);
    world.clock.advance(60_001);
    world.takeSent();
    call('4');
    expect(world.takeStory()).toEqual(['100']);
    expect(client.say('silences', []).slice(0, 2)).toEqual(['OK', '2']);
  });

  it.each([
    ['ban', 'nonsense', '5'],
    ['ban', '192.0.2.9', 'x'],
    ['users', 'a,'.repeat(1_001)],
  ])('given %s|%s, it is refused', (kind, ...args) => {
    const { client } = closed('any');
    expect(client.say(kind, args)[0]).toBe('NOK');
  });
});

describe('why somebody was let in', () => {
  /** The last token of the first line, behind where it came in. */
  const ground = (client: FakeClient) => client.last('INVITE').args[10];

  it.each([
    ['network', 'any'],
    ['network', '192.0.2.0/24'],
  ])('is said to be the %s, of sip.allow %s', (told, rule) => {
    const { world, client } = closed(rule, 'registrars');
    world.arrive(world.request('INVITE', { body: SDP }));
    expect(ground(client)).toBe(told);
  });

  it('is said to be a user, whatever his headers say, also by the next process', () => {
    const world = new World(null, ['10.0.0.0/8']);
    const client = world.join('takeover');
    client.route('invite');
    client.say('users', ['road']);
    const extra = ['X-Ground: registrar', 'Session-Token: registrar'];
    world.arrive(world.request('INVITE', { from: '<sip:road@x>;tag=1', extra, body: SDP }));
    expect(ground(client)).toBe('user');
    const next = world.restart().join('takeover');
    expect(ground(next)).toBe('user');
  });

  it('is said to be a registrar, after it accepted a REGISTER of ours', () => {
    const { world, client } = closed('registrars');
    client.request('REGISTER', 'sip:192.0.2.9', ['To: <sip:acd@192.0.2.9>']);
    world.arrive(world.response(world.takeSent()[0] ?? '', 200));
    world.arrive(world.request('INVITE', { body: SDP }));
    expect(ground(client)).toBe('registrar');
  });
});

describe('who belongs here', () => {
  it.each([['192.0.2.0/24'], ['192.0.2.9'], ['any']])('given sip.allow %s, is served', (rule) => {
    const { world, client } = closed('10.0.0.0/8', rule);
    world.arrive(world.request('INVITE', { body: SDP }));
    expect(world.takeStory()).toEqual(['100']);
    expect(client.story).toEqual(['INVITE']);
  });

  it('given he accepted a REGISTER of ours, is served from then on', () => {
    const { world, client } = closed('registrars');
    client.request('REGISTER', 'sip:192.0.2.9', ['To: <sip:acd@192.0.2.9>']);
    const [sent = ''] = world.takeSent();
    world.arrive(world.request('INVITE', { callId: 'early' }));
    expect(world.takeStory()).toEqual([]);
    world.arrive(world.response(sent, 401));
    world.arrive(world.request('INVITE', { callId: 'still-early' }));
    expect(world.takeStory()).toEqual([]);
    client.request('REGISTER', 'sip:192.0.2.9', ['To: <sip:acd@192.0.2.9>']);
    world.arrive(world.response(world.takeSent()[0] ?? '', 200));
    world.arrive(world.request('INVITE', { callId: 'now' }));
    expect(world.takeStory()).toEqual(['100']);
    world.clock.advance(24 * 3_600_000);
    world.takeSent();
    world.arrive(world.request('OPTIONS', { callId: 'a-day-later' }));
    expect(client.story.at(-1)).toBe('OPTIONS');
  });

  it('given a dialog that we began, his requests in it are served from anywhere', () => {
    const { world, client } = closed('10.0.0.0/8');
    const [, , , , , , , id = ''] = client.request('INVITE', 'sip:phone@192.0.2.9', [], SDP);
    expect(id).not.toBe('');
    const [invite = ''] = world.takeSent();
    world.arrive(world.response(invite, 200, { tag: 'phone' }));
    const of = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(invite)?.[1] ?? '';
    const bye = world.request('BYE', {
      from: '<sip:phone@192.0.2.9>;tag=phone',
      to: of('From'),
      callId: of('Call-ID'),
    });
    world.takeSent();
    world.arrive(bye);
    expect(client.story.at(-1)).toBe('BYE');
    expect(world.ctx.admission.silences).toBe(0);
  });
});

describe('networks', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.9.9',
    '100.64.1.1',
    '::1',
    'fd00::1',
    '192.0.2.1',
  ])('private has %s', (address) => {
    expect(admits(['private'], address)).toBe(true);
  });

  it.each(['8.8.8.8', '172.32.0.1', '2a00::1', 'nonsense', ''])('private has not %s', (address) => {
    expect(admits(['private'], address)).toBe(false);
  });

  it('private has whatever addresses this machine has', () => {
    const here = () => ['8.8.8.8', '2a00::1'];
    const rules = (...all: string[]) => new Admission(all, quiet, here);
    expect(rules('private').admits('8.8.8.8')).toBe(true);
    expect(rules('private').admits('2a00::1')).toBe(true);
    expect(rules('private').admits('8.8.4.4')).toBe(false);
    expect(rules('10.0.0.0/8').admits('8.8.8.8')).toBe(false);
  });

  it('IPv4 by an IPv6 socket is the same; so is an address with its zone', () => {
    expect(admits(['192.0.2.0/24'], '::ffff:192.0.2.7')).toBe(true);
    expect(admits(['private'], 'fe80::1%eth0')).toBe(true);
    expect(admits(['2001:db8::/32'], '2001:db8:9::1')).toBe(true);
  });

  it('without rules everybody is served, as by a sipd started alone', () => {
    expect(admits([], '8.8.8.8')).toBe(true);
  });
});
