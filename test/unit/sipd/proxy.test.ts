/**
 * Goal: what a client has us pass on goes where it should and comes back as RFC 3261 section 16
 * wants; who was not part of a dialog cannot use us to reach others. Method: the core in memory,
 * time by hand; caller and callees are addresses.
 */
import { describe, expect, it } from 'vitest';
import { MAX_PROXY_TARGETS, PROCEEDING_MS } from '../../../src/sipd/limits.ts';
import { CALLER, ONE, ProxyStage, TWO } from '../../support/proxy-stage.ts';
import { headerOf, headersOf, methodOf, statusOf } from '../../support/raw-ua.ts';
import { expectOrdinaryCall, expectRest } from '../../support/sipd-health.ts';
import { type ResponseGiven } from '../../support/sipd-core.ts';

describe('a request passed on', () => {
  it('given one target, then it bears our Via, one hop less, and the answers find back', () => {
    const stage = new ProxyStage();
    stage.invite([ONE]);
    const invite = stage.last('INVITE', '192.0.2.21');
    expect(invite.split('\r\n')[0]).toBe(`INVITE ${ONE} SIP/2.0`);
    const vias = headersOf(invite, 'Via');
    expect(vias).toHaveLength(2);
    expect(vias[0]).toContain('192.0.2.1:5071;branch=z9hG4bK');
    expect(vias[1]).toContain('branch=z9hG4bKinvite');
    expect(headerOf(invite, 'Max-Forwards')).toBe('70');
    expect(headersOf(invite, 'Record-Route')).toEqual([]);
    stage.story();
    stage.answer('192.0.2.21', invite, 180);
    const ringing = stage.last('180', CALLER);
    expect(headersOf(ringing, 'Via')).toEqual([vias[1]]);
    stage.answer('192.0.2.21', invite, 200);
    const ok = stage.last('200', CALLER);
    expect(headersOf(ok, 'Via')).toEqual([vias[1]]);
    expect(headerOf(ok, 'Contact')).toBe('<sip:agent@192.0.2.21>');
    expect(stage.story()).toEqual([`180 ${CALLER}`, `200 ${CALLER}`]);
    // RFC 6026: the callee repeats its 2xx until the caller's ACK, and so it must pass again.
    stage.answer('192.0.2.21', invite, 200);
    expect(stage.story()).toEqual([`200 ${CALLER}`]);
    expect(stage.told).toEqual(['200', 'done']);
    expectRest(stage.world);
    expectOrdinaryCall(stage.world, stage.client);
  });

  it('given Max-Forwards, then it counts down, and at zero 483 answers', () => {
    const stage = new ProxyStage();
    const request = (hops: number): string =>
      stage.world.request('OPTIONS', { extra: [`Max-Forwards: ${hops}`], callId: `h${hops}` });
    stage.pass(request(5), [ONE]);
    expect(headerOf(stage.last('OPTIONS', '192.0.2.21'), 'Max-Forwards')).toBe('4');
    stage.pass(request(0), [ONE]);
    expect(statusOf(stage.last('483', CALLER))).toBe(483);
    expect(stage.told).toEqual(['Rejected with 483 Too Many Hops due to Max-Forwards value of 0']);
  });

  it('given a target without a user, then the user stays; headers of the client are added', () => {
    const stage = new ProxyStage();
    const sip = 'INVITE x SIP/2.0\r\nX-Tenant: one\r\nSubject: new\r\nVia: forged\r\n\r\n';
    const request = stage.world.request('INVITE', { extra: ['Subject: old'], body: 'v=0\r\n' });
    stage.pass(request, ['sip:192.0.2.21:5080'], {}, sip);
    const invite = stage.last('INVITE', '192.0.2.21');
    expect(invite.split('\r\n')[0]).toBe('INVITE sip:queue@192.0.2.21:5080 SIP/2.0');
    expect(headersOf(invite, 'Subject')).toEqual(['new']);
    expect(headerOf(invite, 'X-Tenant')).toBe('one');
    expect(invite).not.toContain('forged');
    expect(invite.endsWith('\r\n\r\nv=0\r\n')).toBe(true);
  });

  it('given nobody left to answer, or nothing to send to, then each has its outcome', () => {
    const stage = new ProxyStage();
    stage.invite(['tel:+4930123', 'sip:queue@192.0.2.1:5071', 'sips:x@192.0.2.21', ONE]);
    expect(stage.story()).toEqual(['INVITE 192.0.2.21']);
    stage.world.clock.advance(32_000);
    expect(stage.story().at(-1)).toBe(`482 ${CALLER}`);
    expect(stage.told).toEqual(['done']);
    expectRest(stage.world);
  });

  it('given an answer that lost the Vias of those before us, then 500 and an end', () => {
    const stage = new ProxyStage();
    stage.invite([ONE]);
    const invite = stage.last('INVITE', '192.0.2.21');
    stage.from('192.0.2.21', stage.world.response(invite, 200));
    expect(stage.story().at(-1)).toBe(`500 ${CALLER}`);
    expectRest(stage.world);
  });

  it('given a transaction that is unknown, answered or begun, then NOK', () => {
    const stage = new ProxyStage();
    const { client, world } = stage;
    expect(client.say('proxy', ['none', '', '', '', '', '', '', ONE])[0]).toBe('NOK');
    world.arrive(world.request('INVITE'));
    client.respond(client.last('INVITE'), 180);
    const txnId = client.last('INVITE').args[6] ?? '';
    expect(client.say('proxy', [txnId, '', '', '', '', '', '', ONE])[0]).toBe('NOK');
    expect(client.respond(client.last('INVITE'), 486)[0]).toBe('OK');
  });

  it('given no INVITE and no answer, then nothing comes back so late (RFC 4320)', () => {
    const stage = new ProxyStage();
    stage.pass(stage.world.request('MESSAGE'), [ONE]);
    stage.world.clock.advance(32_000);
    expect(stage.story().every((one) => one === 'MESSAGE 192.0.2.21')).toBe(true);
    expect(stage.told).toEqual(['done']);
    expectRest(stage.world);
  });
});

describe('several targets', () => {
  it('given one after the other, then a refusal leads to the next, and the best goes back', () => {
    const stage = new ProxyStage();
    stage.invite([ONE, TWO]);
    stage.answer('192.0.2.21', stage.last('INVITE', '192.0.2.21'), 486);
    expect(stage.story()).toEqual(['INVITE 192.0.2.21', 'ACK 192.0.2.21', 'INVITE 192.0.2.22']);
    stage.world.clock.advance(500);
    stage.answer('192.0.2.22', stage.last('INVITE', '192.0.2.22'), 503);
    expect(stage.story()).toEqual(['INVITE 192.0.2.22', 'ACK 192.0.2.22', `486 ${CALLER}`]);
    expect(stage.told).toEqual(['486', '503', 'done']);
    expectRest(stage.world);
  });

  it('given only a 503, then 500 goes back: it is not we who are overloaded', () => {
    const stage = new ProxyStage();
    stage.invite([ONE]);
    stage.answer('192.0.2.21', stage.last('INVITE', '192.0.2.21'), 503);
    expect(stage.story().at(-1)).toBe(`500 ${CALLER}`);
  });

  it('given all at once, then the first to answer wins and the others are cancelled', () => {
    const stage = new ProxyStage();
    stage.invite([ONE, TWO], { parallel: true });
    const one = stage.last('INVITE', '192.0.2.21');
    const two = stage.last('INVITE', '192.0.2.22');
    expect(stage.story()).toEqual(['INVITE 192.0.2.21', 'INVITE 192.0.2.22']);
    stage.answer('192.0.2.21', one, 180);
    stage.answer('192.0.2.22', two, 200);
    expect(stage.story()).toEqual([`180 ${CALLER}`, `200 ${CALLER}`, 'CANCEL 192.0.2.21']);
    // An answer that crossed the CANCEL goes back, too: the caller has to end it.
    stage.answer('192.0.2.21', one, 200);
    expect(stage.story()).toEqual([`200 ${CALLER}`]);
    expect(stage.told).toEqual(['200', 'done']);
    expectRest(stage.world);
  });

  it('given a 6xx, then the others are cancelled and it goes back before any other', () => {
    const stage = new ProxyStage();
    stage.invite([ONE, TWO], { parallel: true });
    const one = stage.last('INVITE', '192.0.2.21');
    stage.answer('192.0.2.21', one, 180);
    stage.answer('192.0.2.22', stage.last('INVITE', '192.0.2.22'), 603);
    stage.story();
    stage.answer('192.0.2.21', one, 487);
    expect(stage.story()).toEqual(['ACK 192.0.2.21', `603 ${CALLER}`]);
  });

  it('given challenges of several, then the caller sees all of them', () => {
    const stage = new ProxyStage();
    stage.invite([ONE, TWO], { parallel: true });
    const challenge = (name: string, realm: string): ResponseGiven => ({
      extra: [`${name}: Digest realm="${realm}", nonce="n"`],
    });
    const one = stage.last('INVITE', '192.0.2.21');
    const two = stage.last('INVITE', '192.0.2.22');
    stage.answer('192.0.2.21', one, 401, challenge('WWW-Authenticate', 'one'));
    stage.answer('192.0.2.22', two, 407, challenge('Proxy-Authenticate', 'two'));
    const back = stage.last('401', CALLER);
    expect(headerOf(back, 'WWW-Authenticate')).toContain('realm="one"');
    expect(headerOf(back, 'Proxy-Authenticate')).toContain('realm="two"');
  });

  it('given redirections to follow, then their Contacts are tried, but not without end', () => {
    const stage = new ProxyStage();
    stage.invite([ONE], { follow: true });
    stage.answer('192.0.2.21', stage.last('INVITE', '192.0.2.21'), 302, { contact: `<${TWO}>` });
    expect(stage.story()).toEqual(['INVITE 192.0.2.21', 'ACK 192.0.2.21', 'INVITE 192.0.2.22']);
    for (let i = 0; i < MAX_PROXY_TARGETS + 5; i += 1) {
      const sent = stage.world.network.sent;
      stage.world.clock.advance(500);
      const invite = sent.findLast((one) => methodOf(one.text) === 'INVITE')?.text;
      if (invite === undefined) break;
      sent.splice(0);
      stage.answer('192.0.2.22', invite, 302, { contact: `<${TWO}>` });
    }
    expect(stage.told.filter((one) => one === '302')).toHaveLength(MAX_PROXY_TARGETS);
    expect(stage.told.at(-1)).toBe('done');
    expectRest(stage.world);
  });

  it('given a redirection among several targets, then it is followed first, by its q', () => {
    const stage = new ProxyStage();
    stage.invite([ONE, TWO], { follow: true });
    const contact = '<sip:b@192.0.2.24>;q=0.2, <sip:a@192.0.2.23>;q=0.9';
    stage.answer('192.0.2.21', stage.last('INVITE', '192.0.2.21'), 302, { contact });
    stage.answer('192.0.2.23', stage.last('INVITE', '192.0.2.23'), 486);
    stage.answer('192.0.2.24', stage.last('INVITE', '192.0.2.24'), 486);
    const tried = stage.story().filter((one) => one.startsWith('INVITE'));
    expect(tried.map((one) => one.split('.').at(-1))).toEqual(['21', '23', '24', '22']);
  });

  it('given a redirection not to follow, then it goes back', () => {
    const stage = new ProxyStage();
    stage.invite([ONE]);
    stage.answer('192.0.2.21', stage.last('INVITE', '192.0.2.21'), 302, { contact: `<${TWO}>` });
    expect(headerOf(stage.last('302', CALLER), 'Contact')).toBe(`<${TWO}>`);
  });

  it('given time limits, then who is silent or rings on gives way to the next', () => {
    const stage = new ProxyStage();
    stage.invite([ONE, TWO, 'sip:agent@192.0.2.23'], { provisional: '2s', final: '5000ms' });
    const one = stage.last('INVITE', '192.0.2.21');
    stage.world.clock.advance(2_000);
    const two = stage.last('INVITE', '192.0.2.22');
    stage.answer('192.0.2.22', two, 180);
    stage.story();
    // The first is heard of at last: it must not ring on.
    stage.answer('192.0.2.21', one, 100);
    expect(stage.story()).toEqual(['CANCEL 192.0.2.21']);
    stage.answer('192.0.2.21', one, 487);
    stage.world.clock.advance(5_000);
    expect(methodOf(stage.last('CANCEL', '192.0.2.22'))).toBe('CANCEL');
    stage.answer('192.0.2.23', stage.last('INVITE', '192.0.2.23'), 200);
    expect(statusOf(stage.last('200', CALLER))).toBe(200);
    expectRest(stage.world);
  });
});

describe('a caller who gives up', () => {
  it('given a CANCEL, then what rings is cancelled, no other is tried, and 487 goes back', () => {
    const stage = new ProxyStage();
    stage.invite([ONE, TWO]);
    const one = stage.last('INVITE', '192.0.2.21');
    stage.answer('192.0.2.21', one, 180);
    stage.story();
    stage.world.arrive(stage.world.request('CANCEL', { branch: 'z9hG4bKinvite' }));
    expect(stage.story()).toEqual([`200 ${CALLER}`, 'CANCEL 192.0.2.21']);
    stage.answer('192.0.2.21', one, 487);
    expect(stage.story()).toEqual(['ACK 192.0.2.21', `487 ${CALLER}`]);
    stage.world.arrive(stage.world.request('ACK', { branch: 'z9hG4bKinvite' }));
    expect(stage.told).toEqual(['487', 'done']);
    expectRest(stage.world);
  });

  it('given a callee who ignores the CANCEL, then 487 goes back all the same', () => {
    const stage = new ProxyStage();
    stage.invite([ONE]);
    stage.answer('192.0.2.21', stage.last('INVITE', '192.0.2.21'), 180);
    stage.world.arrive(stage.world.request('CANCEL', { branch: 'z9hG4bKinvite' }));
    stage.story();
    stage.world.clock.advance(32_000);
    expect(stage.story()).toContain(`487 ${CALLER}`);
    expectRest(stage.world);
  });

  it('given a callee who rings for ever, then timer C ends it', () => {
    const stage = new ProxyStage();
    stage.invite([ONE]);
    stage.answer('192.0.2.21', stage.last('INVITE', '192.0.2.21'), 180);
    stage.story();
    stage.world.clock.advance(PROCEEDING_MS);
    expect(stage.story()).toEqual(['CANCEL 192.0.2.21', `408 ${CALLER}`]);
    expectRest(stage.world);
  });
});

describe('a dialog that goes through us', () => {
  /** Up, with us in its route; gives the 200 the caller got. */
  function up(stage: ProxyStage): string {
    stage.invite([ONE], { stays: true });
    stage.answer('192.0.2.21', stage.last('INVITE', '192.0.2.21'), 200);
    const ok = stage.last('200', CALLER);
    stage.story();
    return ok;
  }

  function inDialog(
    stage: ProxyStage,
    method: string,
    ok: string,
    cseq: number,
    route = '',
  ): string {
    const { world } = stage;
    const value = route === '' ? headerOf(ok, 'Record-Route') : route;
    const extra = [`Route: ${value}`];
    const given = { uri: 'sip:agent@192.0.2.21', to: headerOf(ok, 'To'), cseq, extra };
    return world.request(method, given);
  }

  it('given Record-Route, then ACK, re-INVITE, its CANCEL and BYE pass, both ways', () => {
    const stage = new ProxyStage();
    const ok = up(stage);
    expect(headersOf(ok, 'Record-Route')).toHaveLength(1);
    stage.world.arrive(inDialog(stage, 'ACK', ok, 1));
    const ack = stage.last('ACK', '192.0.2.21');
    expect(ack.split('\r\n')[0]).toBe('ACK sip:agent@192.0.2.21 SIP/2.0');
    expect(headersOf(ack, 'Route')).toEqual([]);
    stage.story();
    stage.world.arrive(inDialog(stage, 'INVITE', ok, 2));
    const again = stage.last('INVITE', '192.0.2.21');
    stage.answer('192.0.2.21', again, 180);
    const branch = /branch=([^;]+)/.exec(headersOf(again, 'Via')[1] ?? '')?.[1] ?? '';
    const cancel = stage.world.request('CANCEL', { to: headerOf(ok, 'To'), cseq: 2, branch });
    stage.world.arrive(cancel);
    stage.answer('192.0.2.21', again, 487);
    expect(stage.story()).toEqual([
      `100 ${CALLER}`,
      'INVITE 192.0.2.21',
      `180 ${CALLER}`,
      `200 ${CALLER}`,
      'CANCEL 192.0.2.21',
      'ACK 192.0.2.21',
      `487 ${CALLER}`,
    ]);
    stage.from(
      '192.0.2.21',
      stage.world.request('BYE', {
        uri: 'sip:peer@192.0.2.9:5060',
        from: headerOf(ok, 'To'),
        to: headerOf(ok, 'From'),
        extra: [`Route: ${headerOf(ok, 'Record-Route')}`],
      }),
    );
    const bye = stage.last('BYE', CALLER);
    stage.answer(CALLER, bye, 200);
    expect(stage.story().filter((one) => !one.startsWith('487'))).toEqual([
      `BYE ${CALLER}`,
      '200 192.0.2.21',
    ]);
    // Nothing of it was the client's business.
    expect(stage.client.story).toEqual(['INVITE']);
    expectRest(stage.world);
  });

  it('given a restart of the server, then the dialog still passes', () => {
    const stage = new ProxyStage();
    const ok = up(stage);
    const key = stage.world.ctx.routeKey;
    const later = new ProxyStage();
    later.world.ctx.routeKey = key;
    later.world.arrive(inDialog(stage, 'BYE', ok, 2));
    expect(later.story()).toEqual(['BYE 192.0.2.21']);
  });

  it('given a route of ours forged, stolen or without a dialog, then nothing passes', () => {
    const stage = new ProxyStage();
    const ok = up(stage);
    const route = headerOf(ok, 'Record-Route');
    const forged = route.replace(/(via-acd=)\w{4}/, '$10000');
    const bare = '<sip:192.0.2.1:5071;lr>';
    for (const bad of [forged, bare, bare.replace('lr', 'lr;via-acd')]) {
      stage.world.arrive(inDialog(stage, 'BYE', ok, 2, bad));
      stage.world.arrive(inDialog(stage, 'ACK', ok, 2, bad));
    }
    // Of another call, and of no dialog at all.
    const extra = [`Route: ${route}`];
    const uri = 'sip:victim@198.51.100.7';
    const to = headerOf(ok, 'To');
    stage.world.arrive(stage.world.request('INVITE', { uri, to, callId: 'other', extra }));
    stage.world.arrive(stage.world.request('INVITE', { uri, callId: 'third', extra }));
    const out = stage.story().filter((one) => !one.endsWith(CALLER));
    expect(out).toEqual([]);
  });

  it('given a flood of new calls, then the dialog passes all the same; at zero hops 483', () => {
    const stage = new ProxyStage();
    const ok = up(stage);
    for (let i = 0; i < 1_100; i += 1) {
      stage.world.arrive(stage.world.request('INVITE', { callId: `f${i}` }));
    }
    stage.story();
    stage.world.arrive(inDialog(stage, 'INFO', ok, 2));
    expect(stage.story()).toEqual(['INFO 192.0.2.21']);
    const tired = inDialog(stage, 'INFO', ok, 3).replace('Route:', 'Max-Forwards: 0\r\nRoute:');
    stage.world.arrive(tired);
    expect(stage.story()).toEqual([`483 ${CALLER}`]);
  });

  it('given a strict router before us, then the Request-URI is put right', () => {
    const stage = new ProxyStage();
    const ok = up(stage);
    const own = /<([^>]+)>/.exec(headerOf(ok, 'Record-Route'))?.[1] ?? '';
    const strict = inDialog(stage, 'BYE', ok, 2, '<sip:agent@192.0.2.21>').replace(
      'BYE sip:agent@192.0.2.21',
      `BYE ${own}`,
    );
    stage.world.arrive(strict);
    expect(stage.last('BYE', '192.0.2.21').split('\r\n')[0]).toBe(
      'BYE sip:agent@192.0.2.21 SIP/2.0',
    );
  });
});
