/**
 * Goal: a server that was killed goes on with the same tags, numbers, routes and timers as if
 * nothing had been. Method: two cores in a row, the second fed with what the first had stored.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { headerOf, methodOf, SDP, statusOf, tagOf } from '../../support/raw-ua.ts';
import type { FakeClient } from '../../support/sipd-core.ts';
import { World } from '../../support/sipd-core.ts';

let world: World;

beforeEach(() => {
  world = new World();
});

interface Taken {
  to: string;
  ok: string;
}

interface Taken {
  to: string;
  ok: string;
}

/** A call from the peer, answered; returns To and the 2xx. */
function taken(client: FakeClient, extra: string[] = [], isAcked = true): Taken {
  client.route('invite');
  world.arrive(world.request('INVITE', { callId: 'in', extra, body: SDP }));
  client.respond(client.last('INVITE'), 200, [], SDP);
  const ok = world.takeSent().at(-1) ?? '';
  const to = headerOf(ok, 'To');
  if (isAcked) world.arrive(world.request('ACK', { to, callId: 'in' }));
  return { to, ok };
}

/** A call to the peer, answered; returns its INVITE. */
function made(client: FakeClient, extra: string[] = [], isAcked = true): string {
  client.request('INVITE', 'sip:phone@192.0.2.9', ['Call-ID: out'], SDP);
  const invite = world.takeSent().at(-1) ?? '';
  world.arrive(world.response(invite, 200, { extra }));
  const id = client.last('200').args[7] ?? '';
  if (isAcked) client.request('ACK', 'sip:x', [], '', ['', id]);
  world.takeSent();
  return invite;
}

const idOf = (invite: string): string =>
  `${headerOf(invite, 'Call-ID')};from-tag=${tagOf(headerOf(invite, 'From'))}`;

interface Told {
  dialogId: string;
  state?: string;
  role?: string;
  txnId?: string;
  ended?: { at: number; why: string };
}

function dialogsOf(client: FakeClient): Told[] {
  return JSON.parse(client.say('dialogs', [])[1] ?? '') as Told[];
}

describe('a restarted server', () => {
  it('given a call to us, when the peer hangs up, then the returning client gets the BYE', () => {
    const { to } = taken(world.join('a'));
    world = world.restart();
    world.arrive(world.request('BYE', { to, callId: 'in', cseq: 2 }));
    const client = world.join('a');
    expect(client.story).toEqual(['BYE']);
    client.respond(client.last('BYE'), 200);
    expect(world.takeSent().map(statusOf)).toEqual([200]);
    expect(world.store.records().size).toBe(1);
  });

  it('given a call to us, when the client hangs up, then tags and route are the same', () => {
    const { to } = taken(world.join(), ['Record-Route: <sip:192.0.2.8;lr>']);
    world = world.restart();
    const client = world.join();
    client.request('BYE', 'sip:placeholder', [], '', ['', 'in;from-tag=peer']);
    const [bye = ''] = world.takeSent();
    expect(methodOf(bye)).toBe('BYE');
    expect(headerOf(bye, 'From')).toBe(to);
    expect(headerOf(bye, 'To')).toContain(';tag=peer');
    expect(headerOf(bye, 'Route')).toBe('<sip:192.0.2.8;lr>');
  });

  it('given a call by us, then the next request counts further than any before', () => {
    const invite = made(world.join());
    const before = Number(headerOf(invite, 'CSeq').split(' ')[0]);
    world = world.restart();
    world.join().request('INFO', 'sip:placeholder', [], '', ['', idOf(invite)]);
    const [info = ''] = world.takeSent();
    expect(methodOf(info)).toBe('INFO');
    expect(Number(headerOf(info, 'CSeq').split(' ')[0])).toBeGreaterThan(before + 50);
  });

  it('given a call by us, when the 2xx comes again, then so does the ACK', () => {
    const invite = made(world.join());
    world = world.restart();
    world.arrive(world.response(invite, 200));
    const [ack = ''] = world.takeSent();
    expect(methodOf(ack)).toBe('ACK');
    expect(headerOf(ack, 'CSeq')).toBe(headerOf(invite, 'CSeq').replace('INVITE', 'ACK'));
  });

  it('given a 2xx without its ACK, then it is repeated until that comes', () => {
    const { to, ok } = taken(world.join(), [], false);
    world = world.restart();
    world.clock.advance(600);
    expect(world.takeSent()).toEqual([ok]);
    world.arrive(world.request('ACK', { to, callId: 'in' }));
    world.clock.advance(60_000);
    expect(world.takeSent()).toEqual([]);
  });

  it('given a clock that was set back since, then it is repeated for no longer', () => {
    taken(world.join(), [], false);
    world.ctx.keep.mark('t', () => world.clock.now());
    world.store.flush();
    world = world.restart(3_600_000);
    world.clock.advance(100_000);
    world.takeSent();
    world.clock.advance(60_000);
    expect(world.takeSent()).toEqual([]);
    expect(world.ctx.dialogs.size).toBe(0);
  });

  it('given a request that nobody had answered, when it is repeated, then it is delivered', () => {
    const client = world.join();
    const { to } = taken(client);
    const info = world.request('INFO', { to, callId: 'in', cseq: 7 });
    world.arrive(info);
    expect(client.last('INFO')).toBeDefined();
    world = world.restart();
    world.arrive(info);
    const next = world.join();
    next.respond(next.last('INFO'), 200);
    expect(world.takeSent().map(statusOf)).toEqual([200]);
  });

  it('given a ringing call to us, then the client may answer it, by its old transaction', () => {
    const client = world.join();
    client.route('invite');
    world.arrive(world.request('INVITE', { callId: 'in' }));
    const frame = client.last('INVITE');
    client.respond(frame, 180);
    const ringing = world.takeSent().at(-1) ?? '';
    world = world.restart();
    world.join().respond(frame, 200);
    const [ok = ''] = world.takeSent();
    expect(statusOf(ok)).toBe(200);
    expect(headerOf(ok, 'To')).toBe(headerOf(ringing, 'To'));
  });

  it('given a ringing call to us, when the caller cancels, then it ends and is told', () => {
    const client = world.join();
    client.route('invite');
    const invite = world.request('INVITE', { callId: 'in' });
    world.arrive(invite);
    client.respond(client.last('INVITE'), 180);
    world = world.restart();
    world.arrive(invite.replaceAll('INVITE', 'CANCEL'));
    expect(world.takeSent().map(statusOf)).toEqual([200, 487]);
    const told = dialogsOf(world.join());
    expect(told).toMatchObject([{ dialogId: 'in;from-tag=peer', ended: { why: 'CANCEL' } }]);
  });

  it('given a ringing call by us, then a CANCEL by its dialog ends it', () => {
    world.join().request('INVITE', 'sip:phone@192.0.2.9', ['Call-ID: out'], SDP);
    const invite = world.takeSent().at(-1) ?? '';
    world.arrive(world.response(invite, 180));
    world = world.restart();
    const client = world.join();
    expect(dialogsOf(client)).toMatchObject([{ dialogId: idOf(invite), state: 'early' }]);
    expect(client.say('cancel', [idOf(invite)])[0]).toBe('OK');
    const [cancel = ''] = world.takeSent();
    expect(methodOf(cancel)).toBe('CANCEL');
    expect(headerOf(cancel, 'Via')).toBe(headerOf(invite, 'Via'));
    world.arrive(world.response(cancel, 200));
    world.arrive(world.response(invite, 487));
    expect(world.takeSent().map(methodOf)).toEqual(['ACK']);
    expect(dialogsOf(client)).toMatchObject([{ ended: { why: '487' } }]);
  });

  it('given a cancelled call that is answered all the same, then it is hung up by us', () => {
    world.join().request('INVITE', 'sip:phone@192.0.2.9', ['Call-ID: out'], SDP);
    const invite = world.takeSent().at(-1) ?? '';
    world.arrive(world.response(invite, 180));
    world = world.restart();
    world.join().say('cancel', [idOf(invite)]);
    world.arrive(world.response(invite, 200));
    expect(world.takeSent().map(methodOf)).toEqual(['CANCEL', 'ACK', 'BYE']);
  });

  it('given an INVITE that nothing answered, then it is repeated as it was', () => {
    world.join().request('INVITE', 'sip:phone@192.0.2.9', [], SDP);
    const sent = world.takeSent();
    world = world.restart();
    expect(world.takeSent()).toEqual(sent);
  });

  it('given an answered call that nobody acknowledged, then CANCEL by dialog hangs it up', () => {
    const invite = made(world.join(), [], false);
    world = world.restart();
    const client = world.join();
    expect(dialogsOf(client)).toMatchObject([{ state: 'awaiting-ack', role: 'uac' }]);
    expect(client.say('cancel', [idOf(invite)]).slice(0, 2)).toEqual(['OK', 'hung-up']);
    expect(world.takeSent().map(methodOf)).toEqual(['ACK', 'BYE']);
  });

  it('given a re-INVITE whose client died, when answered, then the call goes on', () => {
    const invite = made(world.join());
    const client = world.join();
    client.request('INVITE', 'sip:placeholder', [], SDP, ['', idOf(invite)]);
    const change = world.takeSent().at(-1) ?? '';
    world = world.restart();
    expect(world.takeSent()).toEqual([change]);
    world.arrive(world.response(change, 200));
    expect(world.takeSent().map(methodOf)).toEqual(['ACK']);
    world.clock.advance(100_000);
    expect(world.takeSent()).toEqual([]);
  });

  it('given a session timer, then its refresh comes when it is due, not later', () => {
    made(world.join(), ['Session-Expires: 100;refresher=uac']);
    world.clock.advance(30_000);
    world = world.restart();
    world.clock.advance(21_000);
    expect(world.takeSent().map(methodOf)).toContain('INVITE');
  });

  it('given a session nobody refreshed while we were away, then it ends and is told', () => {
    taken(world.join(), ['Session-Expires: 90;refresher=uac', 'Supported: timer']);
    const before = world;
    before.clock.advance(50_000);
    world = before.restart();
    world.clock.advance(10_100);
    expect(world.takeSent().map(methodOf)).toEqual(['BYE']);
    const told = dialogsOf(world.join());
    expect(told).toMatchObject([{ ended: { why: 'Session timer expired' } }]);
  });

  it('given a hang-up of the client under way, then it is repeated', () => {
    const client = world.join();
    const invite = made(client);
    client.request('BYE', 'sip:placeholder', [], '', ['', idOf(invite)]);
    world = world.restart();
    expect(world.takeSent().map(methodOf)).toEqual(['BYE']);
  });

  it('given new calls before the client is back, then they wait for it', () => {
    world.join().say('route', ['invite']);
    world = world.restart();
    world.arrive(world.request('INVITE', { callId: 'new' }));
    const client = world.join();
    client.route('invite');
    expect(client.story).toEqual(['INVITE']);
  });

  it('given nobody comes back, then calls end', () => {
    taken(world.join());
    world = world.restart();
    world.clock.advance(301_000);
    expect(world.takeSent().map(methodOf)).toContain('BYE');
    expect(world.ctx.dialogs.size).toBe(0);
  });
});

describe('a client that takes over', () => {
  it('given unanswered requests of the former, then it gets them again', () => {
    const client = world.join('takeover');
    const { to } = taken(client);
    world.arrive(world.request('INVITE', { callId: 'new' }));
    const frame = client.last('INVITE');
    world.arrive(world.request('INFO', { to, callId: 'in', cseq: 5 }));
    client.leave();
    const next = world.join('takeover');
    expect(next.story).toEqual(['INVITE', 'INFO']);
    expect(next.last('INVITE').args).toEqual(frame.args);
    next.respond(next.last('INVITE'), 486);
    next.respond(next.last('INFO'), 200);
    expect(world.takeSent().map(statusOf).slice(-2)).toEqual([486, 200]);
  });

  it('given a client that does not ask for it, then nothing is given twice', () => {
    const client = world.join();
    client.route('invite');
    world.arrive(world.request('INVITE'));
    client.leave();
    expect(world.join().story).toEqual([]);
  });

  it('given a call of the former that was answered, then it can go on with it', () => {
    const client = world.join('takeover');
    const invite = made(client, [], false);
    client.leave();
    const next = world.join('takeover');
    const [verdict, txnId] = next.say('resume', [idOf(invite)]);
    expect(verdict).toBe('OK');
    expect(next.last('200').args[6]).toBe(txnId);
    next.request('ACK', 'sip:x', [], '', ['', idOf(invite)]);
    expect(world.takeSent().map(methodOf)).toEqual(['ACK']);
  });

  it('given calls of another living client, then it is not told of them', () => {
    taken(world.join('a'));
    expect(dialogsOf(world.join('b'))).toEqual([]);
  });

  it('given a BYE while nobody was there, then it is told with its time', () => {
    const client = world.join();
    const { to } = taken(client);
    client.leave();
    const at = world.clock.now();
    world.arrive(world.request('BYE', { to, callId: 'in', cseq: 2 }));
    world.clock.advance(40_000);
    const told = dialogsOf(world.join());
    expect(told).toEqual([{ dialogId: 'in;from-tag=peer', ended: { at, why: 'BYE' } }]);
  });

  it('given an answer to the former while nobody was there, then it is told', () => {
    const client = world.join();
    client.request('INVITE', 'sip:phone@192.0.2.9', ['Call-ID: out']);
    const invite = world.takeSent().at(-1) ?? '';
    client.leave();
    world.arrive(world.response(invite, 486));
    expect(dialogsOf(world.join())).toMatchObject([{ ended: { why: '486' } }]);
  });
});
