/**
 * Goal: dialogs outlive their client. Whatever belongs to one that died waits, in order and within
 * bounds, for the next; and only who knows the secret may do anything.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MAX_BUSY_MS, MAX_ORPHANED_OWNERS } from '../../../src/sipd/limits.ts';
import { Outbound } from '../../../src/sipd/outbound.ts';
import { headerOf, methodOf, statusOf } from '../../support/raw-ua.ts';
import type { FakeClient } from '../../support/sipd-core.ts';
import { World } from '../../support/sipd-core.ts';

let world: World;

beforeEach(() => {
  world = new World();
});

/** A call answered by this client; returns the To value of the dialog. */
function answeredBy(client: FakeClient, callId = 'call-1'): string {
  client.route('invite');
  world.arrive(world.request('INVITE', { callId }));
  client.respond(client.last('INVITE'), 200);
  const ok = world.takeSent().at(-1) ?? '';
  const to = headerOf(ok, 'To');
  world.arrive(world.request('ACK', { to, callId }));
  return to;
}

describe('a client that dies', () => {
  it('given requests in its dialog meanwhile, then the next client gets them in order', () => {
    const first = world.join();
    const to = answeredBy(first);
    first.leave();
    world.arrive(world.request('INFO', { to, cseq: 2 }));
    world.arrive(world.request('BYE', { to, cseq: 3 }));
    expect(world.takeStory()).toEqual([]);
    const next = world.join();
    expect(next.story).toEqual(['INFO', 'BYE']);
    expect(next.last('BYE').args[7]).toBe('call-1;from-tag=peer');
    next.respond(next.last('INFO'), 200);
    next.respond(next.last('BYE'), 200);
    expect(world.takeStory()).toEqual(['200', '200']);
  });

  it('given its dialogs, then the next client owns them for good', () => {
    const first = world.join();
    const to = answeredBy(first);
    first.leave();
    const next = world.join();
    world.arrive(world.request('INFO', { to, cseq: 2 }));
    expect(next.story).toEqual(['INFO']);
    next.leave();
    const third = world.join();
    world.arrive(world.request('INFO', { to, cseq: 3 }));
    expect(third.story).toEqual(['INFO']);
  });

  it('given an unanswered INVITE and an outgoing call, then both go on', () => {
    const first = world.join();
    first.route('invite');
    world.arrive(world.request('INVITE'));
    const ringing = first.last('INVITE');
    first.request('INVITE', 'sip:phone@192.0.2.9');
    const out = world.takeSent().at(-1) ?? '';
    first.leave();
    world.arrive(world.response(out, 200));
    const next = world.join();
    expect(next.story).toEqual(['200']);
    next.respond(ringing, 200);
    expect(world.takeSent().map(statusOf)).toEqual([200]);
    const id = next.last('200').args[7] ?? '';
    expect(next.request('ACK', 'sip:x', [], '', ['', id])[0]).toBe('OK');
  });

  it('given nobody comes back in 30 s, then BYE is answered by us, others with 480', () => {
    const first = world.join();
    const to = answeredBy(first);
    first.leave();
    world.arrive(world.request('INFO', { to, cseq: 2 }));
    world.arrive(world.request('BYE', { to, cseq: 3 }));
    world.clock.advance(30_001);
    expect(world.takeStory()).toEqual(['480', '200']);
    expect(world.ctx.dialogs.size).toBe(0);
    expect(world.join().story).toEqual([]);
  });

  it('given more frames than the limit, then the rest gets its answer at once', () => {
    const first = world.join();
    const to = answeredBy(first);
    first.leave();
    for (let i = 0; i < 105; i++) world.arrive(world.request('INFO', { to, cseq: 2 + i }));
    expect(world.takeStory()).toEqual(['480', '480', '480', '480', '480']);
  });

  it('given clients of two kinds, then each first takes over from its own', () => {
    const red = world.join('red');
    answeredBy(red);
    red.leave();
    const blue = world.join('blue');
    const next = world.join('red');
    const bye = world.request('INFO', { to: headerOf(invitedTo(), 'To'), cseq: 2 });
    world.arrive(bye);
    expect(next.story).toEqual(['INFO']);
    expect(blue.story).toEqual([]);
  });

  it('given one we called for a request, then it takes over from those at its place alone', () => {
    const red = world.join('red');
    answeredBy(red, 'of-red');
    red.leave();
    const toRed = headerOf(invitedTo(), 'To');
    const called = world.join('', 'tcp://a:1');
    const to = answeredBy(called, 'of-called');
    called.leave();
    world.clock.advance(3_000);
    const elsewhere = world.join('', 'tcp://b:1');
    const again = world.join('', 'tcp://a:1');
    world.arrive(world.request('INFO', { to: toRed, cseq: 2, callId: 'of-red' }));
    world.arrive(world.request('INFO', { to, cseq: 2, callId: 'of-called' }));
    expect(elsewhere.story).toEqual([]);
    expect(again.story).toEqual(['INFO']);
    expect(world.join('red').story).toEqual(['INFO']);
  });

  it('given a kind for itself, then others get nothing of it, and it nothing of others', () => {
    const called = world.join('', 'tcp://a:1');
    const owners = { called, red: world.join('red'), acd: world.join('acd,takeover') };
    const to = Object.entries(owners).map(([id, one]) => [id, answeredBy(one, id)] as const);
    for (const one of Object.values(owners)) one.leave();
    const others = [world.join('blue,takeover'), world.join('blue')];
    world.clock.advance(3_000);
    for (const [callId, value] of to)
      world.arrive(world.request('INFO', { to: value, cseq: 2, callId }));
    const got = others.map(({ sip }) => sip.map((frame) => headerOf(frame.sip, 'Call-ID')));
    expect(got).toEqual([[], ['red']]);
    expect(JSON.parse(others[0]?.say('dialogs', [])[1] ?? '')).toEqual([]);
    // Nobody came back for them: they end, the ACD's own last.
    world.takeSent();
    const ended = (): Set<string> => {
      const byes = world.takeSent().filter((text) => methodOf(text) === 'BYE');
      return new Set(byes.map((text) => headerOf(text, 'Call-ID')));
    };
    world.clock.advance(5 * 60_000);
    expect(ended()).toEqual(new Set(['called']));
    world.clock.advance(54 * 60_000);
    expect(ended()).not.toContain('acd');
    world.clock.advance(60_000);
    expect(ended()).toContain('acd');
  });

  it('given more kinds leave than are remembered, then in the place of the first', () => {
    const all = [...Array(MAX_ORPHANED_OWNERS + 1).keys()].map((i) => {
      const one = world.join(`kind-${i}`);
      answeredBy(one, `of-${i}`);
      return one;
    });
    for (const one of all) one.leave();
    const [bye = '', ...rest] = world.takeSent();
    expect([methodOf(bye), headerOf(bye, 'Call-ID'), rest]).toEqual(['BYE', 'of-0', []]);
  });

  it('given many of one kind leave, then their calls wait together, at no other’s cost', () => {
    const calls = [...Array(MAX_ORPHANED_OWNERS + 1).keys()].map((i) => {
      const called = world.join('', 'tcp://a:1');
      const to = answeredBy(called, `of-${i}`);
      return { called, callId: `of-${i}`, to };
    });
    for (const { called } of calls) called.leave();
    expect(world.takeStory()).toEqual([]);
    const acd = world.join('acd,takeover');
    const to = answeredBy(acd, 'of-acd');
    acd.leave();
    expect(world.takeSent()).toEqual([]);
    world.arrive(world.request('INFO', { to, cseq: 2, callId: 'of-acd' }));
    expect(world.join('acd,takeover').story).toEqual(['INFO']);
    const again = world.join('', 'tcp://a:1');
    for (const { callId, to: value } of calls)
      world.arrive(world.request('INFO', { to: value, cseq: 2, callId }));
    expect(again.story).toEqual(Array(MAX_ORPHANED_OWNERS + 1).fill('INFO'));
  });

  it('given a hundred we called who are done, then they stand in nobody’s way', () => {
    for (let i = 0; i < 100; i++) world.join('', 'tcp://a:1').leave();
    const red = world.join('red');
    const to = answeredBy(red);
    red.leave();
    const next = world.join('red');
    world.arrive(world.request('INFO', { to, cseq: 2 }));
    expect(next.story).toEqual(['INFO']);
  });

  it('given the next came before we heard of its end, then that has its dialogs', () => {
    const first = world.join('acd,takeover');
    const to = answeredBy(first);
    const second = world.join('acd,takeover');
    const other = world.join('phones');
    first.leave();
    world.arrive(world.request('INFO', { to, cseq: 2 }));
    expect([second.story, other.story]).toEqual([['INFO'], []]);
    world.clock.advance(10 * 60_000);
    expect(world.takeStory()).not.toContain('BYE');
  });

  it('given the next had asked for dialogs before, then it gets them and is told now', () => {
    const first = world.join('acd,takeover');
    const to = answeredBy(first);
    const second = world.join('acd,takeover');
    const dialogs = (): unknown => JSON.parse(second.say('dialogs', [])[1] ?? '');
    // Whether they are another's that lives on shows when it speaks, or leaves (takeover.test.ts).
    expect(second.say('dialogs', [])).toEqual([]);
    first.leave();
    expect(dialogs()).toMatchObject([{ dialogId: 'call-1;from-tag=peer', state: 'confirmed' }]);
    world.arrive(world.request('BYE', { to, cseq: 2 }));
    expect(second.story).toEqual(['BYE']);
  });

  it('given a next one of its kind, then nothing is written anew; of another, who it is', () => {
    const marked = vi.spyOn(world.store, 'mark');
    const first = world.join('acd,takeover');
    answeredBy(first);
    const second = world.join('acd,takeover');
    marked.mockClear();
    first.leave();
    second.leave();
    world.join('acd,takeover');
    expect(marked.mock.calls).toEqual([]);
    const red = world.join('red');
    answeredBy(red, 'of-red');
    red.leave();
    marked.mockClear();
    world.join('blue');
    world.clock.advance(2_000);
    expect(marked.mock.calls.map(([key]) => key.slice(0, 2))).toEqual(['d|']);
  });

  it('given another of its kind that was there before it, then its dialogs wait for itself', () => {
    const older = world.join('acd,takeover');
    const first = world.join('acd,takeover');
    const to = answeredBy(first);
    first.leave();
    world.arrive(world.request('INFO', { to, cseq: 2 }));
    expect(older.story).toEqual([]);
  });

  it('given only another kind comes, then it takes over after a short patience', () => {
    const red = world.join('red');
    const to = answeredBy(red);
    red.leave();
    world.arrive(world.request('INFO', { to, cseq: 2 }));
    const blue = world.join('blue');
    expect(blue.story).toEqual([]);
    world.clock.advance(2_000);
    expect(blue.story).toEqual(['INFO']);
  });

  it('given new requests in the gap, then they wait ten seconds for a taker', () => {
    const first = world.join();
    first.route('invite');
    first.leave();
    world.arrive(world.request('INVITE', { callId: 'gap-1' }));
    world.clock.advance(5_000);
    expect(world.takeStory()).toEqual(['100']);
    const next = world.join();
    next.route('invite');
    expect(next.story).toEqual(['INVITE']);
    next.leave();
    world.arrive(world.request('INVITE', { callId: 'gap-2' }));
    world.clock.advance(10_000);
    const refusal = world.takeSent().at(-1) ?? '';
    expect(statusOf(refusal)).toBe(503);
    expect(headerOf(refusal, 'Retry-After')).not.toBe('');
    world.arrive(world.request('INVITE', { callId: 'gap-3' }));
    expect(world.takeStory()).toEqual(['100', '503']);
  });

  it('given a new call cancelled in the gap, then 487 and nobody hears of it', () => {
    const first = world.join();
    first.route('invite');
    first.leave();
    const invite = world.request('INVITE', { branch: 'z9hG4bKgap' });
    world.arrive(invite);
    world.arrive(invite.replaceAll('INVITE', 'CANCEL'));
    expect(world.takeStory()).toEqual(['100', '200', '487']);
    const next = world.join();
    next.route('invite');
    expect(next.story).toEqual([]);
  });

  it('given several clients, then new requests go round and skip the dead', () => {
    const clients = [world.join(), world.join(), world.join()];
    for (const client of clients) client.route('options');
    for (let i = 0; i < 6; i++) world.arrive(world.request('OPTIONS', { callId: `o${i}` }));
    expect(clients.map((client) => client.story.length)).toEqual([2, 2, 2]);
    clients[1]?.leave();
    for (let i = 6; i < 10; i++) world.arrive(world.request('OPTIONS', { callId: `o${i}` }));
    expect(clients.map((client) => client.sip.length)).toEqual([4, 2, 4]);
  });
});

function invitedTo(): string {
  const [entry] = [...world.ctx.dialogs.all()];
  return `INVITE sip:x SIP/2.0\r\nTo: ${entry?.state.local ?? ''}\r\n\r\n`;
}

describe('the door', () => {
  it('given remove_route, then only that verb goes', () => {
    const client = world.join();
    client.route('options', 'invite');
    expect(client.say('remove_route', ['options'])).toEqual(['OK', '']);
    world.arrive(world.request('OPTIONS'));
    expect(client.story).toEqual([]);
    world.arrive(world.request('INVITE'));
    expect(client.story).toEqual(['INVITE']);
  });

  it('given ping, unknown words and proxy, then each its answer', () => {
    const client = world.join();
    expect(client.say('ping', [])[1]).toBe('pong');
    expect(client.say('proxy', ['x'])[0]).toBe('NOK');
    expect(client.say('dance', [])[0]).toBe('NO');
  });

  it('given the version, then srf will ping', () => {
    const answer = world.join().frames[0]?.args ?? [];
    expect(answer[1]).toBe('OK');
    expect(answer[2]).toBe('udp/192.0.2.1:5071');
    expect(answer[3]).toMatch(/^v(\d+)\.(\d+)\.(\d+)/);
  });

  it('given a dialog state, then it survives a round through JSON', () => {
    answeredBy(world.join());
    const [entry] = [...world.ctx.dialogs.all()];
    expect(JSON.parse(JSON.stringify(entry?.state))).toEqual(entry?.state);
  });
});

describe('a client that is overloaded', () => {
  it('given its word, then new calls get 503 without it, and it learns how many', () => {
    const client = world.join();
    client.route('invite', 'options');
    world.arrive(world.request('INVITE', { callId: 'before' }));
    client.respond(client.last('INVITE'), 200);
    const ok = world.takeSent().find((text) => statusOf(text) === 200) ?? '';
    const to = headerOf(ok, 'To');
    world.arrive(world.request('ACK', { callId: 'before', to }));
    expect(client.say('busy', ['5000'])).toEqual(['OK', '0', '']);
    for (let i = 0; i < 3; i += 1) world.arrive(world.request('INVITE', { callId: `n${i}` }));
    const refusals = world.takeSent();
    expect(refusals.map(statusOf)).toEqual([503, 503, 503]);
    expect(Number(headerOf(refusals[0] ?? '', 'Retry-After'))).toBeGreaterThan(0);
    // Nothing is kept of them; what is there goes on, other requests come in.
    expect([world.ctx.uas.size, world.ctx.serverTxs.activeCount]).toEqual([0, 0]);
    world.arrive(world.request('INVITE', { callId: 'before', to, cseq: 2 }));
    world.arrive(world.request('OPTIONS', { callId: 'o' }));
    expect(client.story).toEqual(['INVITE', 'ACK', 'INVITE', 'OPTIONS']);
    expect(client.say('busy', ['0'])).toEqual(['OK', '3', '']);
    world.arrive(world.request('INVITE', { callId: 'after' }));
    expect(client.story.at(-1)).toBe('INVITE');
  });

  it('given no word for longer than its lease, then calls come in again', () => {
    const client = world.join();
    client.route('invite');
    client.say('busy', ['999999']);
    world.clock.advance(MAX_BUSY_MS - 1);
    world.arrive(world.request('INVITE', { callId: 'one' }));
    expect(client.story).toEqual([]);
    world.clock.advance(1);
    world.arrive(world.request('INVITE', { callId: 'two' }));
    expect(client.story).toEqual(['INVITE']);
    expect(client.say('busy', ['x'])[0]).toBe('NOK');
  });

  it('given another client that is not, then calls are its', () => {
    const [one, two] = [world.join('a'), world.join('b')];
    one.route('invite');
    two.route('invite');
    one.say('busy', ['5000']);
    for (let i = 0; i < 4; i += 1) world.arrive(world.request('INVITE', { callId: `n${i}` }));
    expect([one.story.length, two.story.length]).toEqual([0, 4]);
  });

  it('given a rule for calls, then it has a say in those that the rule gives it', async () => {
    const data = { tag: 'sales' };
    const service = createServer((_question, answer) => {
      answer.end(JSON.stringify({ action: 'route', data }));
    });
    await once(service.listen(0, '127.0.0.1'), 'listening');
    const to = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
    const rules = [{ method: 'INVITE', to }];
    world.ctx.outbound = new Outbound(world.ctx, { secret: 'secret', ca: '', rules });
    const [acd, sales] = [world.join('acd'), world.join('sales')];
    for (const one of [acd, sales]) one.route('invite');
    acd.say('busy', ['5000']);
    world.arrive(world.request('INVITE', { callId: 'one' }));
    await expect.poll(() => sales.story).toEqual(['INVITE']);
    sales.say('busy', ['5000']);
    world.takeSent();
    world.arrive(world.request('INVITE', { callId: 'two' }));
    await expect.poll(() => world.takeStory()).toContain('503');
    expect([acd.story, sales.story]).toEqual([[], ['INVITE']]);
    expect(sales.say('busy', ['0'])).toEqual(['OK', '1', '']);
    service.close();
  });
});
