/**
 * Goal: what a client leaves in the moment of its end has one outcome, whatever overtakes what.
 * Method: the core without sockets; clients of one kind, the later takes over from the former.
 */
import { expect, it } from 'vitest';
import { CLIENT_SILENT_MS, SEEN_KEPT_MS } from '../../../src/sipd/limits.ts';
import { headerOf, methodOf } from '../../support/raw-ua.ts';
import type { FakeClient } from '../../support/sipd-core.ts';
import { World } from '../../support/sipd-core.ts';

const TAGS = 'acd,takeover';
const WATCHED = ['Event: presence', 'Expires: 600', 'Call-ID: sub-presence-1'];

/** A call that this client has answered. */
function callOf(world: World, client: FakeClient, callId: string): string {
  client.route('invite');
  world.arrive(world.request('INVITE', { callId }));
  client.respond(client.last('INVITE'), 200);
  const to = headerOf(world.takeSent().at(-1) ?? '', 'To');
  world.arrive(world.request('ACK', { to, callId }));
  return to;
}

const told = (client: FakeClient): { dialogId: string; state: string }[] =>
  JSON.parse(client.say('dialogs', [])[1] ?? '[]') as { dialogId: string; state: string }[];

/** Asks, and is not answered yet; gives how often it was since. */
function asks(client: FakeClient): () => readonly string[] {
  const before = client.frames.length;
  expect(client.say('dialogs', [])).toEqual([]);
  return () => {
    client.client.flush();
    const later = client.frames.slice(before).filter(({ kind }) => kind === 'response');
    return later.map(({ args }) => args[2] ?? '');
  };
}

it('given it asks before the former’s end is heard, tells it of all calls then', () => {
  const world = new World();
  const former = world.join(TAGS);
  const to = callOf(world, former, 'call-1');
  world.arrive(world.request('INFO', { to, cseq: 2 }));
  const next = world.join(TAGS);
  const answers = asks(next);
  former.leave();
  expect(answers()).toEqual([expect.stringContaining('"dialogId":"call-1;from-tag=peer"')]);
  // What the former was given and had not answered is the next one's, too.
  expect(next.story).toEqual(['INFO']);
  world.arrive(world.request('BYE', { to, cseq: 3 }));
  expect(next.story).toEqual(['INFO', 'BYE']);
  world.clock.advance(60_000);
  expect(answers()).toHaveLength(1);
});

it('given one that speaks while it waits, is told all the same', () => {
  const world = new World();
  const former = world.join(TAGS);
  callOf(world, former, 'call-1');
  const next = world.join(TAGS);
  const answers = asks(next);
  const latest = asks(world.join(TAGS));
  // For the third client this is a sign of life, for the next one's own question it is none.
  next.say('ping', []);
  former.leave();
  // The calls are the latest client's; the one between is told that it has none.
  expect(answers()).toEqual(['pong', '[]']);
  expect(latest()).toEqual([expect.stringContaining('"dialogId":"call-1;from-tag=peer"')]);
});

it('given a former whose machine is gone, takes its silence for its end', () => {
  const world = new World();
  const former = world.join(TAGS);
  const to = callOf(world, former, 'call-1');
  const answers = asks(world.join(TAGS));
  world.clock.advance(CLIENT_SILENT_MS - 1);
  expect(answers()).toEqual([]);
  world.clock.advance(1);
  expect(answers()).toEqual([expect.stringContaining('call-1')]);
  expect(former.client.socket.destroyed).toBe(true);
  world.arrive(world.request('BYE', { to, cseq: 2 }));
  // Its end, heard at last, takes nothing from anybody.
  former.leave();
  expect(world.takeStory()).toEqual([]);
});

it('given a former that lives on, tells nothing of its calls, and leaves them to it', () => {
  const world = new World();
  const former = world.join(TAGS);
  callOf(world, former, 'call-1');
  const answers = asks(world.join(TAGS));
  world.clock.advance(CLIENT_SILENT_MS - 1);
  former.say('ping', []);
  expect(answers()).toEqual(['[]']);
  world.clock.advance(60_000);
  expect(former.client.socket.destroyed).toBe(false);
  expect(told(former)).toHaveLength(1);
});

it('given the next is gone before that is known, asks for it no more', () => {
  const world = new World();
  const former = world.join(TAGS);
  callOf(world, former, 'call-1');
  const next = world.join(TAGS);
  asks(next);
  next.leave();
  world.clock.advance(60_000);
  expect(former.client.socket.destroyed).toBe(false);
  expect(told(former)).toHaveLength(1);
});

it('given programs of another kind, or that take nothing over, answers at once', () => {
  const world = new World();
  const one = world.join('other,takeover');
  callOf(world, one, 'call-1');
  world.join('other');
  expect(told(world.join(TAGS))).toEqual([]);
  expect(told(world.join('other'))).toEqual([]);
  expect(told(one)).toHaveLength(1);
});

/** A SUBSCRIBE that is answered when its client is no more; gives what went out since. */
function answeredLate(world: World, cameFirst: 'next' | 'answer'): string[] {
  const former = world.join(TAGS);
  former.request('SUBSCRIBE', 'sip:phone@192.0.2.9', WATCHED);
  const subscribe = world.takeSent().at(-1) ?? '';
  former.leave();
  if (cameFirst === 'next') world.join(TAGS);
  world.arrive(world.response(subscribe, 200, { extra: ['Expires: 600'] }));
  return world.takeSent();
}

it('given a SUBSCRIBE whose client died and the next came before its answer, ends it', () => {
  const world = new World();
  const [end = ''] = answeredLate(world, 'next');
  expect(methodOf(end)).toBe('SUBSCRIBE');
  expect(end).toMatch(/\r\nEvent: presence\r\n/);
  expect(end).toMatch(/\r\nExpires: 0\r\n/);
  expect(headerOf(end, 'To')).toContain(';tag=peer');
  expect(world.ctx.dialogs.size).toBe(0);
  world.arrive(world.response(end, 200));
  expect(world.ctx.uac.size).toBe(0);
});

it('given its answer before the next, leaves it to the next, who is told of it', () => {
  const world = new World();
  expect(answeredLate(world, 'answer')).toEqual([]);
  const next = world.join(TAGS);
  expect(world.takeSent()).toEqual([]);
  const wanted = { state: 'confirmed', method: 'SUBSCRIBE', callId: 'sub-presence-1' };
  expect(told(next)).toEqual([expect.objectContaining(wanted)]);
});

it('given a NOTIFY that its owner answers with 481, forgets the subscription, no call', () => {
  const world = new World();
  const client = world.join(TAGS);
  client.route('notify');
  client.request('SUBSCRIBE', 'sip:phone@192.0.2.9', WATCHED);
  const subscribe = world.takeSent().at(-1) ?? '';
  world.arrive(world.response(subscribe, 200, { extra: ['Expires: 600'] }));
  const ids = { to: headerOf(subscribe, 'From'), callId: 'sub-presence-1' };
  world.arrive(world.request('NOTIFY', { ...ids, cseq: 5 }));
  client.respond(client.last('NOTIFY'), 400);
  expect(world.ctx.dialogs.size).toBe(1);
  world.arrive(world.request('NOTIFY', { ...ids, cseq: 6 }));
  client.respond(client.last('NOTIFY'), 481);
  expect(world.ctx.dialogs.size).toBe(0);
  const to = callOf(world, client, 'call-1');
  world.arrive(world.request('NOTIFY', { to, callId: 'call-1', cseq: 2 }));
  client.respond(client.last('NOTIFY'), 481);
  expect(world.ctx.dialogs.size).toBe(1);
});

it('given a BYE that the former answered and had no time to note, tells of it, for a while', () => {
  const world = new World();
  const former = world.join(TAGS);
  const to = callOf(world, former, 'call-1');
  world.arrive(world.request('BYE', { to, callId: 'call-1', cseq: 2 }));
  former.respond(former.last('BYE'), 200);
  former.leave();
  const next = world.join(TAGS);
  expect(told(next)).toMatchObject([{ dialogId: 'call-1;from-tag=peer', ended: { why: 'BYE' } }]);
  world.clock.advance(SEEN_KEPT_MS + 1);
  expect(told(next)).toEqual([]);
});

it('given a challenge, does not tell the next one that this call is over', () => {
  const world = new World();
  const former = world.join(TAGS);
  former.request('INVITE', 'sip:phone@192.0.2.9', ['Call-ID: out']);
  world.arrive(world.response(world.takeSent().at(-1) ?? '', 401));
  former.request('INVITE', 'sip:phone@192.0.2.9', ['Call-ID: other']);
  world.arrive(world.response(world.takeSent().at(-1) ?? '', 486));
  former.leave();
  const [one, ...more] = told(world.join(TAGS));
  expect(one).toMatchObject({ ended: { why: '486' } });
  expect(more).toEqual([]);
});
