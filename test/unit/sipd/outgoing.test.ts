/**
 * Goal: what the server promises about requests of its clients: echo before answer, repetition and
 * deadlines, forks, CANCEL, routes, and local failures. Method: the core, the clock turned by hand.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { MAX_FORKS } from '../../../src/sipd/limits.ts';
import { headerOf, headersOf, methodOf, tagOf } from '../../support/raw-ua.ts';
import { World, type FakeClient } from '../../support/sipd-core.ts';

const SDP = 'v=0\r\no=x 1 1 IN IP4 192.0.2.1\r\n';
const URI = 'sip:phone@192.0.2.9';
let world: World;
let client: FakeClient;

beforeEach(() => {
  world = new World();
  client = world.join();
});

/** Sends an INVITE; returns it as sent, with its transaction id. */
function invite(extra: string[] = []): { text: string; txnId: string; dialogId: string } {
  const echo = client.request('INVITE', URI, extra, SDP);
  const [text = ''] = world.takeSent();
  const from = tagOf(headerOf(text, 'From'));
  return {
    text,
    txnId: echo[7] ?? '',
    dialogId: `${headerOf(text, 'Call-ID')};from-tag=${from}`,
  };
}

function ack(dialogId: string): string[] {
  return client.request('ACK', URI, [], '', ['', dialogId]);
}

describe('a request of a client', () => {
  it('given little, then everything needed is filled in, and the echo is what was sent', () => {
    const echo = client.request('INVITE', URI, ['From: "A" <sip:alice@localhost>'], SDP);
    const [text = ''] = world.takeSent();
    expect(echo[0]).toBe('OK');
    expect(echo.at(-1)).toBe(text);
    expect(headerOf(text, 'From')).toMatch(/^"A" <sip:alice@192.0.2.1:5071>;tag=\w+$/);
    expect(headerOf(text, 'To')).toBe('<sip:phone@192.0.2.9>');
    expect(headerOf(text, 'Contact')).toBe('<sip:192.0.2.1:5071>');
    expect(headerOf(text, 'Max-Forwards')).toBe('70');
    expect(headerOf(text, 'Via')).toMatch(/^SIP\/2.0\/UDP 192.0.2.1:5071;branch=z9hG4bK\w+;rport$/);
    expect(headerOf(text, 'Content-Type')).toBe('application/sdp');
  });

  it('given lines that are no headers, then they are left out; split ones are refused', () => {
    const lines = ['X-Caf\u00e9: 1', 'X Y: 2', 'no colon', 'X-Good: 3'];
    expect(client.request('OPTIONS', URI, lines)[0]).toBe('OK');
    const [text = ''] = world.takeSent();
    expect(headerOf(text, 'X-Good')).toBe('3');
    expect(text).not.toMatch(/Caf|X Y|no colon/);
    const split = client.request('OPTIONS', URI, ['X Y: 2', 'X-Bad: 1\nX-Worse: 2']);
    expect(split[1]).toContain('control character in a header');
    expect(world.takeSent()).toEqual([]);
  });

  it('given silence, then it is repeated by Timer A and E, and ends with a local 408', () => {
    invite();
    const start = world.clock.now();
    world.clock.advance(31_999);
    expect(world.network.sent.map((one) => one.at - start)).toEqual([
      500, 1500, 3500, 7500, 15500, 31500,
    ]);
    world.takeSent();
    world.clock.advance(100);
    expect(client.last('408').args.slice(0, 5)).toEqual(['network', '0', 'unknown', '', '0']);
    client.request('OPTIONS', URI);
    world.takeSent();
    const again = world.clock.now();
    world.clock.advance(20_000);
    expect(world.network.sent.map((one) => one.at - again)).toEqual([
      500, 1500, 3500, 7500, 11500, 15500, 19500,
    ]);
    world.clock.advance(13_000);
    expect(client.story).toEqual(['408', '408']);
    expect(world.clock.pending).toBe(0);
  });

  it('given a rejection, then we acknowledge it, again when it comes again', () => {
    const { text, dialogId } = invite();
    const busy = world.response(text, 486);
    world.arrive(busy);
    world.arrive(busy);
    const sent = world.takeSent();
    expect(sent.map(methodOf)).toEqual(['ACK', 'ACK']);
    expect(headerOf(sent[0] ?? '', 'Via')).toBe(headerOf(text, 'Via'));
    expect(client.story).toEqual(['486']);
    expect(ack(dialogId)[0]).toBe('NOK');
    world.clock.advance(33_000);
    expect(world.ctx.clientTxs.size).toBe(0);
    expect(world.ctx.dialogs.size).toBe(0);
  });

  it('given a 2xx, then the client’s ACK is sent, and again when the 2xx comes again', () => {
    const { text, dialogId } = invite();
    world.arrive(world.response(text, 100, { tag: '' }));
    world.arrive(world.response(text, 180));
    const ok = world.response(text, 200, { contact: '<sip:there@192.0.2.8:5090>' });
    world.arrive(ok);
    world.arrive(ok);
    expect(world.takeStory()).toEqual([]);
    expect(client.story).toEqual(['180', '200']);
    expect(client.last('180').args[7]).toBe(dialogId);
    expect(ack(dialogId)[0]).toBe('OK');
    world.arrive(ok);
    const sent = world.takeSent();
    expect(sent.map(methodOf)).toEqual(['ACK', 'ACK']);
    expect(sent[0]).toBe(sent[1]);
    expect(sent[0]).toMatch(/^ACK sip:there@192.0.2.8:5090 /);
    expect(headerOf(sent[0] ?? '', 'CSeq')).toBe(headerOf(text, 'CSeq').replace('INVITE', 'ACK'));
  });

  it('given a client that never acknowledges, then ACK and BYE come from us', () => {
    const { text } = invite();
    world.arrive(world.response(text, 200));
    world.clock.advance(32_000);
    expect(world.takeStory()).toEqual(['ACK', 'BYE']);
    expect(client.last('BYE').args[6]).toBe('unsolicited');
  });

  // A drachtio-server dies of the first of these.
  it.each(['<tel:+4930123456>', '<sips:x@192.0.2.8>', '*', 'nonsense', '<sip:>', ''])(
    'given a 2xx with Contact %j, then ACK and BYE go where the INVITE went',
    (contact) => {
      const { text, dialogId } = invite();
      const ok = world.response(text, 200, { contact });
      world.arrive(contact === '' ? ok.replace(/^Contact: \r\n/m, '') : ok);
      expect(client.story).toEqual(['200']);
      expect(ack(dialogId)[0]).toBe('OK');
      expect(client.request('BYE', 'sip:placeholder', [], '', ['', dialogId])[0]).toBe('OK');
      const sent = world.takeSent();
      expect(sent.map((one) => one.split(' SIP/2.0')[0])).toEqual([`ACK ${URI}`, `BYE ${URI}`]);
    },
  );

  it('given two phones answer, then the second is acknowledged and hung up', () => {
    const { text, dialogId } = invite();
    world.arrive(world.response(text, 200, { tag: 'one' }));
    ack(dialogId);
    world.takeSent();
    const second = world.response(text, 200, { tag: 'two' });
    world.arrive(second);
    const sent = world.takeSent();
    expect(sent.map(methodOf)).toEqual(['ACK', 'BYE']);
    expect(sent.map((one) => tagOf(headerOf(one, 'To')))).toEqual(['two', 'two']);
    world.arrive(second);
    expect(world.takeStory()).toEqual(['ACK']);
    expect(client.story).toEqual(['200']);
    expect(world.ctx.dialogs.size).toBe(1);
  });

  it('given a Record-Route, then later requests follow it, loosely or strictly', () => {
    const { text, dialogId } = invite();
    const extra = ['Record-Route: <sip:192.0.2.21;lr>, <sip:192.0.2.22;lr>'];
    world.arrive(world.response(text, 200, { extra }));
    ack(dialogId);
    const [loose] = world.network.sent.splice(0);
    expect(headersOf(loose?.text ?? '', 'Route')).toEqual([
      '<sip:192.0.2.22;lr>',
      '<sip:192.0.2.21;lr>',
    ]);
    expect(loose?.address).toBe('192.0.2.22');
    expect(loose?.text).toMatch(/^ACK sip:peer@192.0.2.9:5060 /);

    const other = invite();
    const strict = ['Record-Route: <sip:192.0.2.23>'];
    world.arrive(world.response(other.text, 200, { extra: strict }));
    ack(other.dialogId);
    const [sent = ''] = world.takeSent();
    expect(sent).toMatch(/^ACK sip:192.0.2.23 /);
    expect(headersOf(sent, 'Route')).toEqual(['<sip:peer@192.0.2.9:5060>']);
  });

  it('given reliable provisionals, then repetitions are hidden and PRACK names its fork', () => {
    const { text, dialogId } = invite(['Supported: 100rel']);
    const reliable = (tag: string, rseq: number): string =>
      world.response(text, 183, { tag, extra: ['Require: 100rel', `RSeq: ${rseq}`] });
    world.arrive(reliable('one', 7));
    world.arrive(reliable('one', 7));
    world.arrive(reliable('two', 9));
    expect(client.story).toEqual(['183', '183']);
    client.request('PRACK', URI, ['RAck: 7 1 INVITE'], '', ['', dialogId]);
    const [prack = ''] = world.takeSent();
    expect(tagOf(headerOf(prack, 'To'))).toBe('one');
    world.arrive(world.response(prack, 200));
    world.arrive(reliable('one', 9));
    world.arrive(reliable('one', 8));
    expect(client.story).toEqual(['183', '183', '200', '183']);
  });
});

describe('a storm of provisional responses', () => {
  it.each([180, 183])(
    'of %i under ever new tags: few are kept, and the answer counts',
    (status) => {
      const { text, dialogId } = invite();
      for (let tag = 1; tag <= 500; tag += 1)
        world.arrive(world.response(text, status, { tag: `storm-${tag}` }));
      expect(world.ctx.dialogs.size).toBe(MAX_FORKS);
      expect(client.story).toHaveLength(MAX_FORKS);
      world.arrive(world.response(text, 200, { tag: 'who-answers' }));
      expect(client.story.at(-1)).toBe('200');
      expect(ack(dialogId)[0]).toBe('OK');
      const [sent = ''] = world.takeSent();
      expect([methodOf(sent), tagOf(headerOf(sent, 'To'))]).toEqual(['ACK', 'who-answers']);
      client.request('BYE', URI, [], '', ['', dialogId]);
      expect(world.takeStory()).toEqual(['BYE']);
    },
  );

  it('with RSeq that leaps, goes back and overflows: none but the next in turn is told', () => {
    const { text, dialogId } = invite(['Supported: 100rel']);
    const reliable = (rseq: string): void =>
      world.arrive(world.response(text, 183, { extra: ['Require: 100rel', `RSeq: ${rseq}`] }));
    for (const rseq of ['5', '4294967295', '99999999999999999999', '4', '5', '-1', '7'])
      reliable(rseq);
    expect(client.story).toEqual(['183', '183']);
    reliable('6');
    expect(client.story).toHaveLength(3);
    world.arrive(world.response(text, 200));
    expect(ack(dialogId)[0]).toBe('OK');
  });
});

describe('CANCEL of a client', () => {
  it('given no answer yet, then it waits for one, and the 487 ends all', () => {
    const { text, txnId } = invite();
    const echo = client.request('CANCEL', URI, ['Reason: SIP;cause=26'], '', [txnId, '']);
    expect(echo[0]).toBe('OK');
    expect(echo[2]).toBe('0');
    expect(world.takeStory()).toEqual([]);
    world.arrive(world.response(text, 180));
    const [cancel = ''] = world.takeSent();
    expect(methodOf(cancel)).toBe('CANCEL');
    expect(headerOf(cancel, 'Via')).toBe(headerOf(text, 'Via'));
    expect(headerOf(cancel, 'Reason')).toBe('SIP;cause=26');
    world.arrive(world.response(cancel, 200));
    world.arrive(world.response(text, 487));
    expect(world.takeStory()).toEqual(['ACK']);
    expect(client.story).toEqual(['180', '487']);
    expect(client.request('CANCEL', URI, [], '', [txnId, ''])[0]).toBe('NOK');
  });

  it('given a 200 that crosses it, then after the ACK we hang up and say so', () => {
    const { text, txnId, dialogId } = invite();
    world.arrive(world.response(text, 180));
    client.request('CANCEL', URI, [], '', [txnId, '']);
    world.arrive(world.response(text, 200));
    ack(dialogId);
    expect(world.takeStory()).toEqual(['CANCEL', 'ACK', 'BYE']);
    expect(client.story).toEqual(['180', '200', 'BYE']);
    expect(world.ctx.dialogs.size).toBe(0);
  });

  it('given nothing ever comes of it, then a local 487 after 64*T1', () => {
    const { text, txnId } = invite();
    world.arrive(world.response(text, 180));
    client.request('CANCEL', URI, [], '', [txnId, '']);
    world.clock.advance(33_000);
    expect(client.story).toEqual(['180', '487']);
    expect(world.ctx.dialogs.size).toBe(0);
  });
});

describe('inside a dialog', () => {
  let dialogId = '';
  beforeEach(() => {
    const call = invite();
    dialogId = call.dialogId;
    world.arrive(world.response(call.text, 200));
    ack(dialogId);
    world.takeSent();
  });

  it('given re-INVITEs one by one, then CSeq rises and each is acknowledged with its own', () => {
    const answer = client.request('INVITE', 'sip:placeholder', [], SDP, ['', dialogId]);
    expect(answer[0]).toBe('OK');
    const second = client.request('INVITE', 'sip:placeholder', [], SDP, ['', dialogId]);
    expect(second[0]).toBe('OK');
    world.clock.advance(20);
    expect(client.story.at(-1)).toBe('491');
    const [reinvite = '', ...rest] = world.takeSent();
    expect(rest).toEqual([]);
    world.arrive(world.response(reinvite, 180));
    world.arrive(world.response(reinvite, 200));
    ack(dialogId);
    const [sent = ''] = world.takeSent();
    expect(headerOf(sent, 'CSeq').split(' ')[0]).toBe(headerOf(reinvite, 'CSeq').split(' ')[0]);
    expect(client.story).toEqual(['200', '491', '180', '200']);
  });

  it('given a challenge to BYE, then the dialog lives on; given 200, it ends', () => {
    const bye = (): string => {
      client.request('BYE', 'sip:placeholder', [], '', ['', dialogId]);
      return world.takeSent()[0] ?? '';
    };
    world.arrive(world.response(bye(), 407));
    expect(world.ctx.dialogs.size).toBe(1);
    world.arrive(world.response(bye(), 200));
    expect(world.ctx.dialogs.size).toBe(0);
    const late = client.request('INFO', 'sip:placeholder', [], '', ['', dialogId]);
    expect(late.join('|')).toMatch(/unable to find dialog/);
  });

  it('given localhost in a header of a request, then it is filled in, too', () => {
    const extra = ['Contact: <sip:me@localhost>', 'P-Asserted-Identity: <sip:me@localhost>'];
    client.request('INFO', 'sip:placeholder', extra, '', ['', dialogId]);
    const [sent = ''] = world.takeSent();
    expect(headerOf(sent, 'Contact')).toBe('<sip:me@192.0.2.1:5071>');
    expect(headerOf(sent, 'P-Asserted-Identity')).toBe('<sip:me@192.0.2.1:5071>');
  });

  it('given a peer behind NAT, then requests go where it was seen', () => {
    const call = invite();
    world.peer.port = 40_000;
    world.arrive(world.response(call.text, 200, { contact: '<sip:x@10.1.2.3:5060>' }));
    ack(call.dialogId);
    expect(world.network.sent[0]).toMatchObject({ address: '192.0.2.9', port: 40_000 });
    expect(world.network.sent[0]?.text).toMatch(/^ACK sip:x@10.1.2.3:5060 /);
  });
});

describe('SUBSCRIBE', () => {
  it('given a NOTIFY before the 200, then both are of one dialog', () => {
    const echo = client.request('SUBSCRIBE', URI, ['Event: presence', 'Expires: 60']);
    const [text = ''] = world.takeSent();
    const dialogId = `${headerOf(text, 'Call-ID')};from-tag=${tagOf(headerOf(text, 'From'))}`;
    const state = ['Event: presence', 'Subscription-State: active;expires=60'];
    world.arrive(
      world.request('NOTIFY', {
        to: headerOf(text, 'From'),
        callId: headerOf(text, 'Call-ID'),
        extra: state,
      }),
    );
    expect(client.last('NOTIFY').args[7]).toBe(dialogId);
    client.respond(client.last('NOTIFY'), 200);
    world.arrive(world.response(text, 200, { extra: ['Expires: 60'] }));
    expect(client.last('200').args[6]).toBe(echo[7]);
    expect(world.ctx.dialogs.size).toBe(1);
    world.takeSent();
    client.request('SUBSCRIBE', 'sip:placeholder', ['Expires: 0'], '', ['', dialogId]);
    const [last = ''] = world.takeSent();
    expect(tagOf(headerOf(last, 'To'))).toBe('peer');
    world.arrive(world.response(last, 481));
    expect(world.ctx.dialogs.size).toBe(0);
  });

  it('given a refusal, then no dialog is left', () => {
    client.request('SUBSCRIBE', URI, ['Event: presence']);
    const [text = ''] = world.takeSent();
    world.arrive(world.response(text, 489));
    expect(world.ctx.dialogs.size).toBe(0);
    expect(client.story).toEqual(['489']);
  });
});

describe('what a client may not do', () => {
  it('given impossible requests, then NOK and nothing is sent', () => {
    const asked = [
      client.request('INVITE', 'tel:+4930', [], SDP),
      client.request('OPTIONS', 'sip:x@192.0.2.1:5071'),
      client.request('MESSAGE', URI, [], 'no type'),
      client.request('INVITE', URI, ['From: <broken'], SDP),
      client.request('BYE', URI),
      client.request('OPTIONS', 'sip:x@192.0.2.9;transport=ws'),
      client.request('INFO', URI, [], '', ['', 'no-such-dialog']),
      client.request('CANCEL', URI, [], '', ['no-such-transaction', '']),
    ];
    expect(asked.map((answer) => answer[0])).toEqual(asked.map(() => 'NOK'));
    expect(world.takeStory()).toEqual([]);
  });

  it('given headers that are ours, then they are ignored', () => {
    const extra = ['Via: SIP/2.0/UDP evil', 'Route: <sip:evil;lr>', 'Content-Length: 99'];
    client.request('OPTIONS', URI, extra);
    const [text = ''] = world.takeSent();
    expect(text).not.toContain('evil');
    expect(headersOf(text, 'Content-Length')).toEqual(['0']);
  });
});
