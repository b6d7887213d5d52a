/**
 * Goal: what a program sends to a phone that registered over a connection goes over it. Method: the
 * core in a world of its own, which says which connections are open.
 */
import { beforeEach, expect, it } from 'vitest';
import { MAX_BINDINGS } from '../../../src/sipd/limits.ts';
import { headerOf } from '../../support/raw-ua.ts';
import { World, type FakeClient } from '../../support/sipd-core.ts';

const URI = 'sip:ann@10.0.0.7:5060;transport=tcp';
let world: World;
let client: FakeClient;
let registered = 0;

beforeEach(() => {
  world = new World();
  client = world.join();
  client.route('register', 'subscribe');
  world.network.open.add('192.0.2.9:5060');
});

function register(granted: string[], proto: 'tcp' | 'udp' = 'tcp', callId = 'reg-1', uri = URI) {
  const extra = ['Expires: 600'];
  world.arrive(world.request('REGISTER', { contact: `<${uri}>`, callId, extra }), proto);
  client.respond(client.last('REGISTER'), 200, granted);
  world.takeSent();
}

/** The same by whom one likes. */
function registerAs(user: string, contact: string, expires: number, granted: string[] = []) {
  const aor = `<sip:${user}@192.0.2.1>`;
  const extra = [`Expires: ${expires}`];
  const callId = `reg-${world.clock.now()}-${(registered += 1)}`;
  const given = { contact, callId, extra, to: aor, from: `${aor};tag=${user}` };
  world.arrive(world.request('REGISTER', given), 'tcp');
  client.respond(client.last('REGISTER'), 200, granted);
  world.takeSent();
}

/** Where a call to it is sent. */
function called(args?: string[]): string {
  client.request('INVITE', URI, [], 'v=0\r\n', args);
  const { address, text } = world.network.sent.splice(0).at(-1) ?? { address: '', text: '' };
  expect(headerOf(text, 'Contact')).toContain('transport=tcp');
  return address;
}

it('given its connection stands, then calls go over it, else to where its Contact says', () => {
  expect(called()).toBe('10.0.0.7');
  register([`Contact: <${URI}>;expires=120`]);
  expect(called()).toBe('192.0.2.9');
  expect(called(['', '', 'sip:192.0.2.77;transport=tcp'])).toBe('192.0.2.77');
  world.network.open.clear();
  expect(called()).toBe('10.0.0.7');
});

it.each([
  ['as long as the answer says', ['Contact: <sip:x@y>;expires=120'], 120],
  ['as it says among others', [`Contact: <sip:x@y>;expires=9, <${URI}>;expires=120`], 120],
  ['by nothing that it says of others', ['Contact: <sip:x@y>;expires=9, <sip:z@y>'], 600],
  ['by the Expires of the answer', ['expires: 60'], 60],
  ['else as long as it asked for', [], 600],
])('given %s, then for so long', (_what, granted, seconds) => {
  register(granted);
  world.clock.advance(seconds * 1000 - 1);
  expect(called()).toBe('192.0.2.9');
  world.clock.advance(1);
  expect(called()).toBe('10.0.0.7');
});

it('given it takes its registration back, or came by UDP, then nothing is remembered', () => {
  register([]);
  register(['Expires: 0'], 'tcp', 'reg-2');
  register([], 'udp', 'reg-3');
  expect(called()).toBe('10.0.0.7');
});

it('given it comes by UDP at last, then calls go where its Contact says', () => {
  const plain = 'sip:ann@10.0.0.7';
  const calledThere = (): string => {
    client.request('INVITE', plain, [], 'v=0\r\n');
    return world.network.sent.splice(0).at(-1)?.address ?? '';
  };
  register([], 'tcp', 'reg-1', plain);
  expect(calledThere()).toBe('192.0.2.9');
  register([], 'udp', 'reg-2', plain);
  expect(calledThere()).toBe('10.0.0.7');
});

it('given other Contacts of one user and host, by UDP or at a port, then each its own', () => {
  register([]);
  register([], 'udp', 'reg-2', 'sip:ann@10.0.0.7');
  world.peer.port = 5066;
  world.network.open.add('192.0.2.9:5066');
  register([], 'tcp', 'reg-3', 'sip:ann@10.0.0.7:5062;transport=tcp');
  world.network.sent.length = 0;
  client.request('INVITE', URI, [], 'v=0\r\n');
  expect(world.network.sent.splice(0).at(-1)).toMatchObject({ address: '192.0.2.9', port: 5060 });
  register([], 'tcp', 'reg-4', 'sip:ann@10.0.0.7:5060;transport=udp');
  client.request('INVITE', 'sip:ann@10.0.0.7:5060;transport=udp', [], 'v=0\r\n');
  expect(world.network.sent.splice(0).at(-1)).toMatchObject({ address: '10.0.0.7' });
});

it('given one REGISTER takes a Contact back and brings two, then the first of these', () => {
  register([]);
  const two = `sip:ann@10.0.0.8>, <sip:mailbox@10.0.0.9`;
  register(
    ['Contact: <sip:ann@10.0.0.8>;expires=60'],
    'tcp',
    'reg-2',
    `${URI}>;expires=0, <${two}`,
  );
  const calledAt = (uri: string): string => {
    client.request('INVITE', uri, [], 'v=0\r\n');
    return world.network.sent.splice(0).at(-1)?.address ?? '';
  };
  expect(calledAt(URI)).toBe('10.0.0.7');
  expect(calledAt('sip:ann@10.0.0.8')).toBe('192.0.2.9');
  expect(calledAt('sip:mailbox@10.0.0.9')).toBe('10.0.0.9');
});

it('given its Contact twice, or without the transport it is called by, then it is known', () => {
  register([], 'tcp', 'reg-1', `${URI}>, <${URI};line=2`);
  expect(called()).toBe('192.0.2.9');
  register([], 'udp');
  expect(called()).toBe('10.0.0.7');
  register([], 'tcp', 'reg-2', 'sip:ann@10.0.0.7:5060');
  expect(called()).toBe('192.0.2.9');
});

it('given more phones than are remembered, then the oldest is forgotten', () => {
  register([]);
  for (let i = 0; i < MAX_BINDINGS; i += 1) {
    const headers = [{ name: 'contact', value: `<sip:u${i}@10.0.0.8>` }];
    const text = { method: 'REGISTER', headers: [...headers, { name: 'expires', value: '60' }] };
    const path = world.network.pathTo('tcp', '192.0.2.9', 5060);
    world.ctx.bindings.learn(text as never, [], path);
  }
  expect(called()).toBe('10.0.0.7');
});

it('given `*`, then all that its user has is taken back, and nobody else’s', () => {
  registerAs('ann', `<${URI}>`, 600);
  registerAs('bob', '<sip:bob@10.0.0.8;transport=tcp>', 600);
  registerAs('bob', '*', 0);
  expect(called()).toBe('192.0.2.9');
  registerAs('ann', '*', 600);
  expect(called()).toBe('192.0.2.9');
  registerAs('ann', '*', 0);
  expect(called()).toBe('10.0.0.7');
});

it('given another user names its Contact, then it is neither taken from it nor taken back', () => {
  registerAs('ann', `<${URI}>`, 600);
  world.peer.port = 5066;
  world.network.open.add('192.0.2.9:5066');
  const portCalled = () => {
    client.request('INVITE', URI, [], 'v=0\r\n');
    return world.network.sent.splice(0).at(-1)?.port;
  };
  registerAs('eve', `<${URI}>`, 600);
  expect(portCalled()).toBe(5060);
  registerAs('eve', `<${URI}>`, 0);
  expect(portCalled()).toBe(5060);
  world.clock.advance(600_000);
  registerAs('eve', `<${URI}>`, 60);
  expect(portCalled()).toBe(5066);
});

it('given two users of one phone have one Contact, then it is that phone’s', () => {
  registerAs('ann', `<${URI}>`, 60);
  registerAs('ann2', `<${URI}>`, 600);
  world.clock.advance(61_000);
  expect(called()).toBe('192.0.2.9');
});

it.each([
  ['the one listed', ['Contact: <sip:b@10.0.0.8;transport=tcp>;expires=60'], '10.0.0.7'],
  ['the first, as it asked, where neither is', ['Contact: <sip:x@y>;expires=9'], '192.0.2.9'],
])('given two Contacts, then %s', (_what, granted, first) => {
  registerAs('ann', `<${URI}>, <sip:b@10.0.0.8;transport=tcp>`, 600, granted);
  world.clock.advance(10_000);
  expect(called()).toBe(first);
});
