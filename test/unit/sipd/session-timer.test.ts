/**
 * Goal: a session whose refresh by the server is challenged lives on, as its program knows the
 * password (RFC 4028, RFC 3261 section 22). Method: the core in a world of its own.
 */
import { expect, it } from 'vitest';
import { headerOf, methodOf } from '../../support/raw-ua.ts';
import { World, type FakeClient } from '../../support/sipd-core.ts';

const SDP = 'v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\n';
const TIMER = 'Session-Expires: 200;refresher=uac';

/** Its INVITE was answered so that we are to refresh; the refresh was challenged. */
function challenged(world: World, client: FakeClient, more: string[] = []): string {
  client.request('INVITE', 'sip:phone@192.0.2.9', [], SDP);
  const [out = ''] = world.takeSent();
  world.arrive(world.response(out, 200, { extra: [TIMER, ...more] }));
  const dialogId = client.last('200').args[7] ?? '';
  client.request('ACK', 'sip:placeholder', [], '', ['', dialogId]);
  world.takeSent();
  world.clock.advance(100_000);
  const refresh = world.takeSent()[0] ?? '';
  world.arrive(world.response(refresh, 401));
  world.takeSent();
  return dialogId;
}

it.each([
  ['UPDATE', ['Allow: INVITE, UPDATE']],
  ['INVITE', []],
])('given its %s is challenged, then a program of our kind sends its own', (method, allow) => {
  const world = new World();
  const client = world.join('acd,takeover');
  const dialogId = challenged(world, client, allow);
  const shown = client.last(method);
  expect(shown.args.slice(0, 1)).toEqual(['application']);
  expect(shown.args.slice(6, 8)).toEqual(['unsolicited', dialogId]);
  client.request('UPDATE', 'sip:placeholder', [TIMER], '', ['', dialogId]);
  const [own = ''] = world.takeSent();
  expect([methodOf(own), headerOf(own, 'Session-Expires')]).toEqual(['UPDATE', TIMER.slice(17)]);
  world.arrive(world.response(own, 200, { extra: [TIMER] }));
  world.clock.advance(94_000);
  expect(world.takeStory()).toEqual([]);
  world.clock.advance(7_000);
  expect(world.takeStory()).toContain(method);
});

it('given a program of another kind, then it hears nothing, and the call ends in time', () => {
  const world = new World();
  const client = world.join();
  challenged(world, client);
  expect(client.story).toEqual(['200']);
  world.clock.advance(80_000);
  expect(world.takeStory()).toEqual([]);
  world.clock.advance(15_000);
  expect(world.takeStory()).toContain('BYE');
});

/** Its re-INVITE has these answers, one after another; what the program is told of them. */
function refreshed(world: World, client: FakeClient, answers: readonly string[]): string[] {
  client.request('INVITE', 'sip:phone@192.0.2.9', [], SDP);
  const [out = ''] = world.takeSent();
  const first = { extra: [TIMER, 'Content-Type: application/sdp'], body: SDP };
  world.arrive(world.response(out, 200, first));
  client.request('ACK', 'sip:placeholder', [], '', ['', client.last('200').args[7] ?? '']);
  world.takeSent();
  return answers.map((body) => {
    const before = client.story.length;
    world.clock.advance(100_000);
    const [refresh = ''] = world.takeSent();
    expect(methodOf(refresh)).toBe('INVITE');
    world.arrive(world.response(refresh, 200, { ...first, body }));
    expect(world.takeStory()).toEqual(['ACK']);
    return client.story.slice(before).join();
  });
}

const MOVED = 'v=0\r\no=x 1 2 IN IP4 192.0.2.9\r\nc=IN IP4 192.0.2.77\r\n';

it('given its re-INVITE is answered otherwise than before, one of our kind hears it', () => {
  const world = new World();
  const answers = [SDP.replace('o=x 1 1', 'o=x 1 2'), MOVED, MOVED, SDP];
  const told = refreshed(world, world.join('acd,takeover'), answers);
  expect(told).toEqual(['', 'INVITE', '', 'INVITE']);
});

it('given a program of another kind, then it hears nothing of other answers', () => {
  const world = new World();
  expect(refreshed(world, world.join(), [MOVED])).toEqual(['']);
});
