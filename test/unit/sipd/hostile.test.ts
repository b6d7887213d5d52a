/**
 * Goal: strangers can neither end nor take over what belongs to others, floods cost them more than
 * us, and the server is itself again when they stop. Method: the core in memory, time by hand.
 */
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/sipd/clock.ts';
import {
  MAX_HEADERS,
  MAX_HEADER_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_DIALOGS,
  MAX_FAREWELLS,
  MAX_TRANSACTION_BYTES,
  MAX_UNHEARD_REQUESTS,
  MAX_UNPROVEN_PER_ADDRESS,
  UNPROVEN_MS,
} from '../../../src/sipd/limits.ts';
import { headerOf, methodOf, statusOf, unique } from '../../support/raw-ua.ts';
import { expectOrdinaryCall, expectRest } from '../../support/sipd-health.ts';
import { World, type FakeClient, type RequestGiven } from '../../support/sipd-core.ts';
import { Stream } from '../../support/stream.ts';

function open(): { world: World; client: FakeClient } {
  const world = new World();
  const client = world.join();
  client.route('invite', 'options', 'register');
  return { world, client };
}

/** A call that is up; gives its To value. */
function establish(world: World, client: FakeClient, callId = 'call-1'): string {
  world.arrive(world.request('INVITE', { callId }));
  client.respond(client.last('INVITE'), 200);
  const ok = world.takeSent().find((text) => statusOf(text) === 200) ?? '';
  world.arrive(world.request('ACK', { callId, to: headerOf(ok, 'To') }));
  return headerOf(ok, 'To');
}

/** What the server answered to `text`, provisionals apart. */
function verdict(world: World, text: string): string {
  world.takeSent();
  world.arrive(text);
  const answers = world.takeSent().map(statusOf);
  return answers.filter((status) => status >= 200).join(' ') || 'none';
}

describe('a stranger', () => {
  it('given forged tags, then a BYE, re-INVITE or INFO ends and changes nothing', () => {
    const { world, client } = open();
    const to = establish(world, client);
    const forged: Partial<RequestGiven>[] = [
      { to: '<sip:queue@192.0.2.1>;tag=guessed' },
      { to, from: '<sip:peer@192.0.2.9>;tag=guessed' },
      { to, callId: 'call-2' },
      { to: '<sip:queue@192.0.2.1>' },
      { to, from: '<sip:peer@192.0.2.9>;x=";tag=peer"' },
    ];
    for (const method of ['BYE', 'INVITE', 'UPDATE']) {
      for (const given of forged) {
        if (method === 'INVITE' && !(given.to ?? '').includes('tag=')) continue;
        expect(verdict(world, world.request(method, { cseq: 9, ...given }))).toBe('481');
      }
    }
    expect(client.story).toEqual(['INVITE', 'ACK']);
    expect(world.ctx.dialogs.size).toBe(1);
    world.arrive(world.request('BYE', { to, cseq: 2 }));
    client.respond(client.last('BYE'), 200);
    expectRest(world);
  });

  it('given a wrong CSeq in a dialog, then 500 and the call goes on', () => {
    const { world, client } = open();
    const to = establish(world, client);
    expect(verdict(world, world.request('INFO', { to, cseq: 1 }))).toBe('500');
    expect(verdict(world, world.request('INFO', { to, cseq: 0 }))).toBe('500');
    for (const cseq of ['-1 BYE', '4294967296 BYE', '2147483648 BYE', 'BYE', '2 bye', '2']) {
      const bye = world.request('BYE', { to, cseq: 2 }).replace(/CSeq: .*/, `CSeq: ${cseq}`);
      expect(verdict(world, bye)).toBe('400');
    }
    expect(world.ctx.dialogs.size).toBe(1);
  });

  it('given a branch that was overheard, then a CANCEL of another call cancels nothing', () => {
    const { world, client } = open();
    const branch = 'z9hG4bKseen';
    world.arrive(world.request('INVITE', { branch }));
    client.respond(client.last('INVITE'), 180);
    const forged: Partial<RequestGiven>[] = [
      { callId: 'other' },
      { from: '<sip:peer@192.0.2.9>;tag=other' },
      { cseq: 2 },
    ];
    for (const given of forged) {
      expect(verdict(world, world.request('CANCEL', { branch, ...given }))).toBe('481');
      world.clock.advance(33_000);
    }
    expect(client.story).toEqual(['INVITE']);
    expect(client.respond(client.last('INVITE'), 200)[0]).toBe('OK');
  });

  it('given a CANCEL without its INVITE, or for an answered one, then nothing ends', () => {
    const { world, client } = open();
    const branch = 'z9hG4bKmine';
    expect(verdict(world, world.request('CANCEL', { branch }))).toBe('481');
    world.clock.advance(33_000);
    world.arrive(world.request('INVITE', { branch }));
    client.respond(client.last('INVITE'), 200);
    expect(verdict(world, world.request('CANCEL', { branch }))).toBe('200');
    expect(world.ctx.dialogs.size).toBe(1);
    expect(client.story).toEqual(['INVITE']);
  });

  it('given responses to requests nobody sent, then they are dropped', () => {
    const { world, client } = open();
    client.request('OPTIONS', 'sip:x@192.0.2.9');
    const [request = ''] = world.takeSent();
    for (const branch of ['z9hG4bK', 'z9hG4bKguess', '']) {
      world.arrive(world.response(request, 200).replace(/branch=\w+/, `branch=${branch}`));
    }
    expect(client.story).toEqual([]);
    expect(world.takeSent()).toEqual([]);
  });

  it('given a Contact nobody could be reached at, then 400 and no dialog', () => {
    const { world } = open();
    const contacts = [
      '<tel:+4930123456>',
      '<sips:peer@192.0.2.9>',
      '<mailto:peer@example.com>',
      '*',
      '<sip:>',
      '<sip:peer@>',
      '<sip:peer@[::1>',
      '<sip:peer@192.0.2.9:99999>',
      '<sip:peer@192.0.2.9:0>',
      '"unclosed <sip:peer@192.0.2.9>',
      'nonsense',
    ];
    for (const contact of contacts) {
      const text = world.request('INVITE', { contact, callId: unique('c') });
      expect([contact, verdict(world, text)]).toEqual([contact, '400']);
    }
    expectRest(world);
  });

  it('given a re-INVITE that moves the call to such a Contact, then the old one stays', () => {
    const { world, client } = open();
    const to = establish(world, client);
    world.arrive(world.request('INVITE', { to, cseq: 2, contact: '<tel:+4930123456>' }));
    client.respond(client.last('INVITE'), 200);
    expect([...world.ctx.dialogs.all()][0]?.state.target).toBe('sip:peer@192.0.2.9:5060');
  });

  it('given names that would forge our own tables or frames, then 400', () => {
    const { world, client } = open();
    const bad: Partial<RequestGiven>[] = [
      { callId: 'a|b' },
      { callId: 'a b' },
      { from: '<sip:peer@192.0.2.9>;tag=a|b' },
      { from: '<sip:peer@192.0.2.9>;tag=a b' },
    ];
    for (const given of bad) {
      expect(verdict(world, world.request('INVITE', given))).toBe('400');
    }
    expect(client.story).toEqual([]);
  });
});

describe('a loop', () => {
  it('given our own request that comes back by way of a proxy, then 482', () => {
    const { world, client } = open();
    client.request('INVITE', 'sip:agent@192.0.2.9', ['From: <sip:queue@192.0.2.1>']);
    const [ours = ''] = world.takeSent();
    const via = 'Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKproxy\r\nVia:';
    expect(verdict(world, ours.replace('Via:', via))).toBe('482');
    expect(client.story).toEqual([]);
  });

  it('given a request that arrives by two ways, then the second is merged', () => {
    const { world, client } = open();
    world.arrive(world.request('INVITE', { branch: 'z9hG4bKone' }));
    expect(verdict(world, world.request('INVITE', { branch: 'z9hG4bKtwo' }))).toBe('482');
    expect(client.story).toEqual(['INVITE']);
  });

  it('given Max-Forwards that says nothing, then 400; zero is enough to reach us', () => {
    const { world, client } = open();
    for (const text of ['-1', 'many', '1e3', '999999']) {
      const extra = [`Max-Forwards: ${text}`];
      expect(verdict(world, world.request('OPTIONS', { extra }))).toBe('400');
    }
    world.arrive(world.request('OPTIONS', { extra: ['Max-Forwards: 0'] }));
    expect(client.story).toEqual(['OPTIONS']);
  });
});

describe('a monster', () => {
  it('given thousands of headers, or one too long, then 400, and as many as allowed pass', () => {
    const { world, client } = open();
    const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `X-${i}: x`);
    const own = 7;
    expect(verdict(world, world.request('OPTIONS', { extra: many(5_000) }))).toBe('400');
    expect(verdict(world, world.request('OPTIONS', { extra: many(MAX_HEADERS - own + 1) }))).toBe(
      '400',
    );
    const long = [`X-Long: ${'x'.repeat(MAX_HEADER_BYTES)}`];
    expect(verdict(world, world.request('OPTIONS', { extra: long }))).toBe('400');
    const folded = [`X-Long: ${'x\r\n '.repeat(MAX_HEADER_BYTES)}`];
    expect(verdict(world, world.request('OPTIONS', { extra: folded }))).toBe('400');
    expect(client.story).toEqual([]);
    world.arrive(world.request('OPTIONS', { extra: many(MAX_HEADERS - own) }));
    expect(client.story).toEqual(['OPTIONS']);
    expectOrdinaryCall(world, client);
  });

  it('given unknown methods, then 501; given a method that is none, then silence', () => {
    const { world, client } = open();
    for (const method of ['BREW', 'invite', 'CONSTRUCTOR', '__proto__', 'TOSTRING']) {
      expect([method, verdict(world, world.request(method))]).toEqual([method, '501']);
    }
    for (const method of ['IN VITE', 'INVITE\t', 'Ünknown', 'A'.repeat(10) + '@']) {
      const answered = verdict(world, world.request(method));
      expect(['none', '400']).toContain(answered);
    }
    expect(client.story).toEqual([]);
    expectRest(world);
  });

  it('given a stream with no end of a head, or a giant body, then an answer and the end', () => {
    const { world } = open();
    const endless = new Stream(world);
    for (let i = 0; i <= MAX_MESSAGE_BYTES / 1024; i++) endless.push('x'.repeat(1024));
    expect(endless.closed).toBe('message too large');
    const giant = new Stream(world);
    giant.push(world.request('OPTIONS').replace('Content-Length: 0', 'Content-Length: 999999999'));
    expect(giant.closed).toBe('message too large');
    expect(world.takeSent().map(statusOf)).toEqual([513]);
  });

  it('given a folded Content-Length, then the stream is cut where it says', () => {
    const { world, client } = open();
    const stream = new Stream(world);
    const text = world.request('OPTIONS', { body: 'four' });
    stream.push(text.replace('Content-Length: 4', 'Content-Length :\r\n  4'));
    expect(client.story).toEqual(['OPTIONS']);
    expect(stream.isPartial).toBe(false);
  });
});

describe('a flood', () => {
  it('given INVITEs faster than the client reads, then 503 and calls in progress go on', () => {
    const { world, client } = open();
    const to = establish(world, client);
    let refused = 0;
    for (let i = 0; i < MAX_UNHEARD_REQUESTS * 10; i++) {
      if (verdict(world, world.request('INVITE', { callId: `f${i}` })) === '503') refused += 1;
    }
    expect(refused).toBe(MAX_UNHEARD_REQUESTS * 9);
    expect(world.ctx.serverTxs.size).toBeLessThan(MAX_UNHEARD_REQUESTS + 10);
    world.arrive(world.request('INFO', { to, cseq: 2 }));
    expect(client.respond(client.last('INFO'), 200)[0]).toBe('OK');
    world.arrive(world.request('BYE', { to, cseq: 3 }));
    expect(client.respond(client.last('BYE'), 200)[0]).toBe('OK');
    expectRest(world);
    expectOrdinaryCall(world, client);
  });

  it('given a client that reacts again, then new calls are let in one by one', () => {
    const { world, client } = open();
    for (let i = 0; i < MAX_UNHEARD_REQUESTS; i++) {
      world.arrive(world.request('INVITE', { callId: `f${i}` }));
    }
    expect(verdict(world, world.request('INVITE', { callId: 'late' }))).toBe('503');
    client.respond(client.last('INVITE'), 180);
    world.takeSent();
    expect(verdict(world, world.request('INVITE', { callId: 'next' }))).toBe('none');
    expect(headerOf(client.last('INVITE').sip, 'Call-ID')).toBe('next');
  });

  it('given SUBSCRIBE, REGISTER and OPTIONS without end, then calls still come in', () => {
    const { world, client } = open();
    for (const method of ['SUBSCRIBE', 'REGISTER', 'OPTIONS']) {
      for (let i = 0; i < 3_000; i++)
        world.arrive(world.request(method, { callId: `${method}${i}` }));
    }
    const answers = new Set(world.takeSent().map(statusOf));
    expect(answers).toEqual(new Set([405, 503]));
    expectOrdinaryCall(world, client);
    expectRest(world);
  });

  it('given requests of the largest size, then what is kept stays within its bytes', () => {
    const { world, client } = open();
    const extra = Array.from({ length: 7 }, (_, i) => `X-${i}: ${'x'.repeat(8_000)}`);
    const large = world.request('BYE', { extra }).length;
    const count = Math.ceil(MAX_TRANSACTION_BYTES / large) + 200;
    for (let i = 0; i < count; i++) world.arrive(world.request('BYE', { extra, cseq: i }));
    world.takeSent();
    expect(world.ctx.serverTxs.size).toBeLessThan(count - 150);
    expectOrdinaryCall(world, client);
    expectRest(world);
  });
});

/** Calls that are accepted and never acknowledged, from `address`. */
function unproven(world: World, client: FakeClient, count: number, address: string): void {
  const { peer } = world;
  const own = { ...peer };
  peer.address = address;
  for (let i = 0; i < count; i += 1) {
    const callId = unique('u');
    world.arrive(world.request('INVITE', { callId }));
    const frame = client.sip.at(-1);
    if (frame !== undefined && headerOf(frame.sip, 'Call-ID') === callId) {
      client.respond(frame, 200);
    }
    // Frames are looked through from the first on: only the last are wanted here.
    client.frames.splice(0);
  }
  Object.assign(peer, own);
  world.network.sent.splice(0);
}

function callFrom(world: World, address: string, port = 5060): string {
  const own = { ...world.peer };
  Object.assign(world.peer, { address, port });
  const answered = verdict(world, world.request('INVITE', { callId: unique('new') }));
  Object.assign(world.peer, own);
  return answered;
}

describe('calls that are accepted and never acknowledged', () => {
  it('given more than one address may have, then 503 to it alone, for four seconds', () => {
    const { world, client } = open();
    unproven(world, client, MAX_UNPROVEN_PER_ADDRESS + 10, '192.0.2.66');
    expect(world.ctx.dialogs.size).toBe(MAX_UNPROVEN_PER_ADDRESS);
    expect(callFrom(world, '192.0.2.66')).toBe('503');
    expect(callFrom(world, '192.0.2.77')).toBe('none');
    expectOrdinaryCall(world, client);
    world.clock.advance(UNPROVEN_MS);
    world.takeSent();
    expect(callFrom(world, '192.0.2.66')).toBe('none');
    // Its place was that of the oldest, which was hung up, and the program knows.
    expect(world.ctx.unproven.size).toBe(MAX_UNPROVEN_PER_ADDRESS - 1);
    expect(client.last('BYE').args[0]).toBe('application');
    expect(headerOf(client.last('BYE').sip, 'Reason')).toContain('never acknowledged');
  });

  it('given a table full of them, then a known peer is served at once, strangers later', () => {
    const { world, client } = open();
    const to = establish(world, client, 'known');
    for (let i = 0; world.ctx.dialogs.size < MAX_DIALOGS; i += 1) {
      const left = MAX_DIALOGS - world.ctx.dialogs.size;
      unproven(world, client, Math.min(left, MAX_UNPROVEN_PER_ADDRESS), `198.51.100.${i}`);
    }
    expect(callFrom(world, '203.0.113.5')).toBe('503');
    // The same address is not the same peer.
    expect(callFrom(world, world.peer.address, 5099)).toBe('503');
    expectOrdinaryCall(world, client);
    expect(world.ctx.dialogs.size).toBe(MAX_DIALOGS - 1);
    world.arrive(world.request('BYE', { callId: 'known', to, cseq: 2 }));
    expect(client.respond(client.last('BYE'), 200)[0]).toBe('OK');
  }, 60_000);

  it('given strangers the client has not looked at, then known peers are not behind them', () => {
    const { world, client } = open();
    establish(world, client);
    const own = { ...world.peer };
    world.peer.address = '198.51.100.1';
    for (let i = 0; i < MAX_UNHEARD_REQUESTS; i += 1) {
      world.arrive(world.request('INVITE', { callId: unique('s') }));
    }
    expect(verdict(world, world.request('INVITE', { callId: 'stranger' }))).toBe('503');
    Object.assign(world.peer, own);
    expectOrdinaryCall(world, client);
  });

  it('given thousands that end together, then their BYEs are no flood of ours', () => {
    const { world, client } = open();
    unproven(world, client, MAX_UNPROVEN_PER_ADDRESS, '192.0.2.66');
    world.clock.advance(32_000);
    const byes = world.takeSent().filter((text) => methodOf(text) === 'BYE');
    expect(new Set(byes.map((text) => headerOf(text, 'Call-ID'))).size).toBe(
      MAX_UNPROVEN_PER_ADDRESS,
    );
    expect(world.ctx.clientTxs.size).toBe(MAX_FAREWELLS);
    expectRest(world);
    expectOrdinaryCall(world, client);
  });
});

describe('a peer with odd ideas of time', () => {
  it('given a timer longer than the runtime can hold, then it does not fire at once', async () => {
    let hasFired = false;
    const timer = systemClock((run) => {
      run();
    }).after(4_294_967_295_000, () => {
      hasFired = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    timer.cancel();
    expect(hasFired).toBe(false);
  });

  it('given a session interval of a century, then the call is neither ended nor refreshed', () => {
    const { world, client } = open();
    const extra = ['Supported: timer', 'Session-Expires: 4294967295;refresher=uas'];
    world.arrive(world.request('INVITE', { extra }));
    client.respond(client.last('INVITE'), 200);
    const ok = world.takeSent().find((text) => statusOf(text) === 200) ?? '';
    world.arrive(world.request('ACK', { to: headerOf(ok, 'To') }));
    world.clock.advance(3_600_000);
    expect(world.takeSent().map(methodOf)).toEqual([]);
    expect(world.ctx.dialogs.size).toBe(1);
  });
});
