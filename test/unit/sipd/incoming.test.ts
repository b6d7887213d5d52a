/**
 * Goal: what the server promises about requests from the network, timers included. Method: the core
 * in a world of its own, the clock turned by hand.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Frame } from '../../../src/sipd/drachtio-protocol.ts';
import { headerOf, headersOf, methodOf, statusOf, tagOf } from '../../support/raw-ua.ts';
import { World, type FakeClient } from '../../support/sipd-core.ts';

const SDP = 'v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\n';
let world: World;
let client: FakeClient;

beforeEach(() => {
  world = new World();
  client = world.join();
  client.route('invite', 'options', 'notify', 'info', 'subscribe', 'message');
});

/** An INVITE that the client has before it. */
function invite(given: Parameters<World['request']>[1] = {}): { text: string; frame: Frame } {
  const text = world.request('INVITE', { branch: 'z9hG4bKinv', body: SDP, ...given });
  world.arrive(text);
  return { text, frame: client.last('INVITE') };
}

/** A call answered by the client; returns the 200 as sent. */
function answered(given: Parameters<World['request']>[1] = {}): string {
  const { frame } = invite(given);
  world.takeSent();
  client.respond(frame, 200, [], SDP);
  return world.takeSent()[0] ?? '';
}

function ackFor(ok: string, cseq = 1): string {
  return world.request('ACK', { to: headerOf(ok, 'To'), cseq });
}

describe('an INVITE from the network', () => {
  it('given a new INVITE, then 100 goes out and the client gets it as it came', () => {
    const { text, frame } = invite();
    expect(world.takeStory()).toEqual(['100']);
    expect(frame.sip).toBe(text);
    expect(frame.args[7]).toBe('');
    expect(frame.args.slice(8, 10)).toEqual(['192.0.2.1', '5071']);
  });

  it('given it comes again, then the last response does too and the client hears nothing', () => {
    const { text, frame } = invite();
    world.arrive(text);
    expect(world.takeStory()).toEqual(['100', '100']);
    client.respond(frame, 180);
    world.takeSent();
    world.arrive(text);
    expect(world.takeStory()).toEqual(['180']);
    expect(client.story).toEqual(['INVITE']);
  });

  it('given the same call by another way, then 482', () => {
    invite();
    world.takeSent();
    world.arrive(world.request('INVITE', { branch: 'z9hG4bKother', body: SDP }));
    expect(world.takeStory()).toEqual(['100', '482']);
  });

  it('given a 2xx without ACK, then it is repeated by T1 to T2, then we hang up', () => {
    answered();
    const start = world.clock.now();
    world.clock.advance(31_000);
    const times = world.network.sent.map((one) => one.at - start);
    expect(times).toEqual([500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500]);
    world.takeSent();
    world.clock.advance(2_000);
    const story = world.takeSent();
    expect(story.map(methodOf)).toContain('BYE');
    expect(headerOf(story.find((text) => methodOf(text) === 'BYE') ?? '', 'Reason')).toContain(
      'ACK timeout',
    );
    expect(client.last('BYE').args.slice(0, 1)).toEqual(['application']);
    expect(client.last('BYE').args[6]).toBe('unsolicited');
    expect(world.ctx.dialogs.size).toBe(0);
  });

  it('given the ACK, then repeating ends and the client gets it once', () => {
    const ok = answered();
    world.arrive(ackFor(ok));
    world.arrive(ackFor(ok));
    world.clock.advance(40_000);
    expect(world.takeStory()).toEqual([]);
    expect(client.story).toEqual(['INVITE', 'ACK']);
    expect(client.last('ACK').args[6]).toBe(client.last('INVITE').args[6]);
  });

  it('given a rejection on UDP, then it is repeated until its ACK, which nobody sees', () => {
    const { frame } = invite();
    world.takeSent();
    client.respond(frame, 486);
    world.clock.advance(1_600);
    expect(world.takeStory()).toEqual(['486', '486', '486']);
    world.arrive(world.request('ACK', { branch: 'z9hG4bKinv' }));
    world.clock.advance(40_000);
    expect(world.takeStory()).toEqual([]);
    expect(client.story).toEqual(['INVITE']);
    expect(world.ctx.serverTxs.size).toBe(0);
  });

  it('given no word from the client in 64 s, then 503 and a late answer is refused', () => {
    const { frame } = invite();
    world.takeSent();
    world.clock.advance(64_000);
    expect(world.takeStory()[0]).toBe('503');
    expect(client.story).toEqual(['INVITE', 'CANCEL']);
    expect(client.respond(frame, 200)[0]).toBe('NOK');
  });

  it('given no client at all, then 503 with Retry-After', () => {
    world = new World();
    world.arrive(world.request('INVITE'));
    const sent = world.takeSent();
    expect(sent.map(statusOf)).toEqual([100, 503]);
    expect(headerOf(sent[1] ?? '', 'Retry-After')).not.toBe('');
  });

  it('given a Contact nobody can send to, then 400 and no dialog', () => {
    world.arrive(world.request('INVITE', { contact: '<tel:+4930>' }));
    expect(world.takeStory()).toEqual(['100', '400']);
    expect(world.ctx.dialogs.size).toBe(0);
  });

  it('given Record-Route and Via, then responses repeat them in order', () => {
    const extra = ['Record-Route: <sip:p2;lr>', 'Record-Route: <sip:p1;lr>'];
    const ok = answered({ extra });
    expect(headersOf(ok, 'Record-Route')).toEqual(['<sip:p2;lr>', '<sip:p1;lr>']);
    expect(headerOf(ok, 'Contact')).toBe('<sip:192.0.2.1:5071>');
    expect(headerOf(ok, 'Content-Type')).toBe('application/sdp');
  });
});

describe('hanging up before the ACK', () => {
  it('given the client says BYE at once, then it leaves only after the ACK', () => {
    const ok = answered();
    const bye = client.request('BYE', 'sip:placeholder', [], '', ['', 'call-1;from-tag=peer']);
    expect(bye[0]).toBe('OK');
    expect(world.takeStory()).toEqual([]);
    world.arrive(ackFor(ok));
    const [sent = ''] = world.takeSent();
    expect(methodOf(sent)).toBe('BYE');
    world.arrive(world.response(sent, 200));
    expect(client.story).toEqual(['INVITE', 'ACK', '200']);
    expect(world.ctx.dialogs.size).toBe(0);
  });

  it('given the ACK never comes, then the BYE of the client ends the call', () => {
    answered();
    client.request('BYE', 'sip:placeholder', [], '', ['', 'call-1;from-tag=peer']);
    world.clock.advance(32_000);
    expect(world.takeStory().filter((one) => one === 'BYE')).toEqual(['BYE']);
    expect(client.story).toEqual(['INVITE']);
  });
});

describe('memory', () => {
  it('given calls of every ending, then nothing of them is left in the end', () => {
    const done = answered({ callId: 'a', branch: 'z9hG4bKa' });
    world.arrive(world.request('ACK', { callId: 'a', to: headerOf(done, 'To') }));
    world.arrive(world.request('BYE', { callId: 'a', to: headerOf(done, 'To'), cseq: 2 }));
    client.respond(client.last('BYE'), 200);
    answered({ callId: 'b', branch: 'z9hG4bKb' });
    const { text } = invite({ callId: 'c', branch: 'z9hG4bKc', extra: ['Supported: 100rel'] });
    client.respond(client.last('INVITE'), 183, ['Require: 100rel'], SDP);
    world.arrive(text.replaceAll('INVITE', 'CANCEL'));
    client.respond(invite({ callId: 'd', branch: 'z9hG4bKd' }).frame, 302);
    invite({ callId: 'e', branch: 'z9hG4bKe' });
    world.arrive(world.request('MESSAGE', { callId: 'f' }));
    client.request('SUBSCRIBE', 'sip:x@192.0.2.9');
    const text2 = client.request('INVITE', 'sip:x@192.0.2.9').at(-1) ?? '';
    world.arrive(world.response(text2, 200));
    client.request('INVITE', 'sip:y@192.0.2.9');
    world.clock.advance(200_000);
    const { ctx } = world;
    expect({
      server: ctx.serverTxs.size,
      client: ctx.clientTxs.size,
      dialogs: ctx.dialogs.size,
      uas: ctx.uas.size,
      uac: ctx.uac.size,
      unacked: ctx.unacked.size,
      timers: world.clock.pending,
    }).toEqual({ server: 0, client: 0, dialogs: 0, uas: 0, uac: 0, unacked: 0, timers: 0 });
  });
});

describe('CANCEL', () => {
  it('given ringing, then 200 and 487 with one tag, and the client is told', () => {
    const { text, frame } = invite();
    client.respond(frame, 180);
    world.takeSent();
    world.arrive(text.replaceAll('INVITE', 'CANCEL'));
    const sent = world.takeSent();
    expect(sent.map(statusOf)).toEqual([200, 487]);
    expect(tagOf(headerOf(sent[0] ?? '', 'To'))).toBe(tagOf(headerOf(sent[1] ?? '', 'To')));
    expect(client.story).toEqual(['INVITE', 'CANCEL']);
    expect(client.respond(frame, 487)[0]).toBe('NOK');
    expect(world.ctx.dialogs.size).toBe(0);
  });

  it('given an answer already sent, then 200 without effect', () => {
    const ok = answered();
    const cancel = world.request('CANCEL', { branch: 'z9hG4bKinv' });
    world.arrive(cancel);
    expect(world.takeStory()).toEqual(['200']);
    expect(world.ctx.dialogs.size).toBe(1);
    world.arrive(ackFor(ok));
    expect(client.story).toEqual(['INVITE', 'ACK']);
  });

  it('given nothing to cancel, then 481', () => {
    world.arrive(world.request('CANCEL'));
    expect(world.takeStory()).toEqual(['481']);
  });
});

describe('requests inside a dialog', () => {
  let to = '';
  beforeEach(() => {
    const ok = answered();
    to = headerOf(ok, 'To');
    world.arrive(ackFor(ok));
    world.takeSent();
  });

  it('given INFO, then it goes to the owner with the dialog id, whatever it routed', () => {
    world.arrive(world.request('INFO', { to, cseq: 2 }));
    const frame = client.last('INFO');
    expect(frame.args[7]).toBe('call-1;from-tag=peer');
    client.respond(frame, 200);
    expect(world.takeStory()).toEqual(['200']);
  });

  it('given a CSeq that went backwards, then 500', () => {
    world.arrive(world.request('INFO', { to, cseq: 5 }));
    world.arrive(world.request('INFO', { to, cseq: 4 }));
    expect(world.takeStory()).toEqual(['500']);
  });

  it('given a second INVITE before the first is answered, then 500 with Retry-After', () => {
    world.arrive(world.request('INVITE', { to, cseq: 2 }));
    world.arrive(world.request('INVITE', { to, cseq: 3 }));
    const sent = world.takeSent();
    expect(sent.map(statusOf)).toEqual([100, 100, 500]);
    expect(headerOf(sent[2] ?? '', 'Retry-After')).not.toBe('');
  });

  it('given both sides re-INVITE at once, then the peer gets 491', () => {
    client.request('INVITE', 'sip:placeholder', [], SDP, ['', 'call-1;from-tag=peer']);
    expect(world.takeStory()).toEqual(['INVITE']);
    world.arrive(world.request('INVITE', { to, cseq: 2 }));
    expect(world.takeStory()).toEqual(['100', '491']);
  });

  it('given BYE, then the dialog ends with its answer', () => {
    world.arrive(world.request('BYE', { to, cseq: 2 }));
    const answer = client.respond(client.last('BYE'), 200);
    expect(answer[8]).toBe('');
    expect(world.takeStory()).toEqual(['200']);
    expect(world.ctx.dialogs.size).toBe(0);
    world.arrive(world.request('INFO', { to, cseq: 3, extra: [] }));
    expect(client.last('INFO').args[7]).toBe('');
  });

  it('given BYE of which the client says 481, as it has forgotten it, then it ends, too', () => {
    world.arrive(world.request('BYE', { to, cseq: 2 }));
    client.respond(client.last('BYE'), 481);
    expect(world.takeStory()).toContain('481');
    expect(world.ctx.dialogs.size).toBe(0);
  });

  it('given requests of unknown dialogs, then 481', () => {
    for (const method of ['INVITE', 'BYE', 'UPDATE', 'PRACK']) {
      world.arrive(world.request(method, { to: '<sip:x@y>;tag=who', cseq: 9, callId: 'nope' }));
    }
    expect(world.takeStory()).toEqual(['100', '481', '481', '481', '481']);
  });

  it('given a short session interval, then 422 names the least', () => {
    const extra = ['Supported: timer', 'Session-Expires: 30'];
    world.arrive(world.request('UPDATE', { to, cseq: 2, extra }));
    const [refusal = ''] = world.takeSent();
    expect(statusOf(refusal)).toBe(422);
    expect(headerOf(refusal, 'Min-SE')).toBe('90');
  });

  it('given a re-INVITE with a new Contact, when accepted, then requests go there', () => {
    const contact = '<sip:moved@192.0.2.77:5080>';
    world.arrive(world.request('INVITE', { to, cseq: 2, contact, extra: ['X: y'] }));
    client.respond(client.last('INVITE'), 200, [], SDP);
    world.arrive(world.request('ACK', { to, cseq: 2 }));
    world.takeSent();
    client.request('INFO', 'sip:placeholder', [], '', ['', 'call-1;from-tag=peer']);
    expect(world.takeSent()[0]).toMatch(/^INFO sip:moved@192.0.2.77:5080 SIP/);
  });
});

describe('where later requests go', () => {
  const cases: [string, string, string[], string, number][] = [
    ['a Contact that is not the source', '<sip:x@10.0.0.7:5066>', [], '192.0.2.9', 5060],
    [
      'a proxy without Record-Route',
      '<sip:x@192.0.2.77:5066>',
      ['Via: SIP/2.0/UDP 192.0.2.77:5066;branch=z9hG4bKx'],
      '192.0.2.77',
      5066,
    ],
    [
      'a proxy with Record-Route',
      '<sip:x@192.0.2.77>',
      ['Record-Route: <sip:192.0.2.20:5062;lr>'],
      '192.0.2.20',
      5062,
    ],
  ];
  it.each(cases)('given %s, then it is obeyed', (_what, contact, extra, address, port) => {
    const ok = answered({ contact, extra });
    world.arrive(ackFor(ok));
    world.takeSent();
    client.request('INFO', 'sip:placeholder', [], '', ['', 'call-1;from-tag=peer']);
    const [sent] = world.network.sent;
    expect(sent).toMatchObject({ address, port });
    expect(sent?.text).toMatch(new RegExp(`^INFO ${contact.slice(1, -1)} SIP`));
  });
});

describe('reliable provisionals', () => {
  const extra = ['Supported: 100rel'];

  it('given no PRACK, then the 183 is repeated and at last the call refused', () => {
    const { frame } = invite({ extra });
    world.takeSent();
    client.respond(frame, 183, ['Require: 100rel'], SDP);
    world.clock.advance(31_900);
    expect(world.takeStory()).toEqual(['183', '183', '183', '183', '183', '183', '183']);
    world.clock.advance(200);
    expect(world.takeStory()).toEqual(['504']);
    expect(client.story).toEqual(['INVITE', 'CANCEL']);
  });

  it('given the PRACK, then repeating ends, the client answers it, and a held 200 leaves', () => {
    const { frame } = invite({ extra });
    world.takeSent();
    client.respond(frame, 183, ['Require: 100rel'], SDP);
    const [provisional = ''] = world.takeSent();
    client.respond(frame, 200, [], SDP);
    expect(world.takeStory()).toEqual([]);
    const rack = `RAck: ${headerOf(provisional, 'RSeq')} 1 INVITE`;
    const to = headerOf(provisional, 'To');
    world.arrive(world.request('PRACK', { to, cseq: 2, extra: [rack] }));
    client.respond(client.last('PRACK'), 200);
    expect(world.takeStory()).toEqual(['200', '200']);
    world.arrive(world.request('PRACK', { to, cseq: 3, extra: [rack] }));
    expect(world.takeStory()).toEqual(['481']);
  });

  it('given a PRACK that says the method twice, then it counts all the same', () => {
    const { frame } = invite({ extra });
    world.takeSent();
    client.respond(frame, 183, ['Require: 100rel'], SDP);
    const [provisional = ''] = world.takeSent();
    const rack = `RAck: ${headerOf(provisional, 'RSeq')} 1 INVITE INVITE`;
    const to = headerOf(provisional, 'To');
    world.arrive(world.request('PRACK', { to, cseq: 2, extra: [rack] }));
    client.respond(client.last('PRACK'), 200);
    expect(world.takeStory()).toEqual(['200']);
  });

  it('given a caller without 100rel, then the 183 goes out as usual', () => {
    const { frame } = invite();
    world.takeSent();
    client.respond(frame, 183, ['Require: 100rel'], SDP);
    const [provisional = ''] = world.takeSent();
    expect(headerOf(provisional, 'RSeq')).toBe('');
    expect(headerOf(provisional, 'Require')).toBe('');
    world.clock.advance(10_000);
    expect(world.takeStory()).toEqual([]);
  });
});

describe('session timers', () => {
  it('given an offer without a refresher, then the peer refreshes, or the call ends', () => {
    const ok = answered({ extra: ['Supported: timer', 'Session-Expires: 300'] });
    expect(headerOf(ok, 'Session-Expires')).toBe('300;refresher=uac');
    expect(headerOf(ok, 'Require')).toBe('timer');
    world.arrive(ackFor(ok));
    world.clock.advance(267_000);
    expect(world.takeStory()).toEqual([]);
    world.clock.advance(2_000);
    // On UDP it is repeated until its answer.
    expect(new Set(world.takeStory())).toEqual(new Set(['BYE']));
    expect(client.last('BYE').args[6]).toBe('unsolicited');
  });

  it('given we are to refresh, then a re-INVITE with our SDP goes out unseen by the client', () => {
    const extra = ['Supported: timer', 'Session-Expires: 200;refresher=uas'];
    const ok = answered({ extra });
    world.arrive(ackFor(ok));
    world.takeSent();
    world.clock.advance(100_000);
    const [refresh = ''] = world.takeSent();
    expect(methodOf(refresh)).toBe('INVITE');
    expect(refresh.endsWith(SDP)).toBe(true);
    const agreed = { extra: ['Session-Expires: 200;refresher=uac'] };
    // RFC 3261 section 12.2.1.2: its Contact is where everything goes from now on.
    const moved = { ...agreed, contact: '<sip:moved@192.0.2.9:5099>' };
    world.arrive(world.response(refresh, 200, moved));
    expect(world.takeSent()).toEqual([expect.stringMatching(/^ACK sip:moved@192.0.2.9:5099 /)]);
    expect(client.story).toEqual(['INVITE', 'ACK']);
    world.clock.advance(100_000);
    expect(world.takeSent()[0]).toMatch(/^INVITE sip:moved@192.0.2.9:5099 /);
  });
});
