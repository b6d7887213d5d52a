/**
 * Goal: what the server promises about single requests from the network and about broken ones.
 * Method: the core in a world of its own.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { headerOf, statusOf, tagOf } from '../../support/raw-ua.ts';
import { World, type FakeClient } from '../../support/sipd-core.ts';

let world: World;
let client: FakeClient;

beforeEach(() => {
  world = new World();
  client = world.join();
  client.route('invite', 'options', 'notify', 'info', 'subscribe', 'message');
});

describe('requests outside dialogs', () => {
  it('given OPTIONS, then it is answered once and the answer repeated', () => {
    const options = world.request('OPTIONS', { branch: 'z9hG4bKopt' });
    world.arrive(options);
    client.respond(client.last('OPTIONS'), 200);
    world.arrive(options);
    expect(world.takeStory()).toEqual(['200', '200']);
    expect(client.story).toEqual(['OPTIONS']);
    world.clock.advance(32_000);
    expect(world.ctx.serverTxs.size).toBe(0);
  });

  it('given a To tag in the answer, then it is used; non-ASCII bodies keep their length', () => {
    world.arrive(world.request('MESSAGE'));
    const frame = client.last('MESSAGE');
    client.respond(frame, 200, ['To: <sip:x@y>;tag=mine', 'X-Custom: 1'], 'gr\xc3\xbc\xc3\x9fe');
    const [sent = ''] = world.takeSent();
    expect(tagOf(headerOf(sent, 'To'))).toBe('mine');
    expect(headerOf(sent, 'Content-Length')).toBe('7');
    expect(headerOf(sent, 'X-Custom')).toBe('1');
  });

  it('given malformed requests, then 400 where possible, else silence', () => {
    world.arrive(world.request('OPTIONS', { cseqMethod: 'INVITE' }));
    world.arrive(world.request('OPTIONS', { extra: ['Call-ID: twice'] }));
    world.arrive(world.request('OPTIONS', { from: 'nonsense' }));
    world.arrive(`${world.request('OPTIONS').replace('Content-Length: 0', 'Content-Length: 9')}`);
    world.arrive(world.request('OPTIONS').replace('SIP/2.0\r\n', 'SIP/3.0\r\n'));
    expect(world.takeStory()).toEqual(['400', '400', '400', '400', '505']);
    const junk = ['', '\0', 'hello world, how are you\r\n\r\n', 'INVITE\r\n\r\n', '\r\n\r\n'];
    for (const text of junk) {
      world.arrive(text);
    }
    world.arrive('OPTIONS sip:x SIP/2.0\r\nVia: rubbish\r\n\r\n');
    world.arrive('SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n\r\n');
    expect(world.takeStory()).toEqual([]);
    expect(client.story).toEqual([]);
  });

  it('given methods nobody wants, then 405 with Allow, 501, or 503 without any client', () => {
    world.arrive(world.request('PUBLISH', { callId: 'p' }));
    world.arrive(world.request('DANCE', { callId: 'd' }));
    const sent = world.takeSent();
    expect(sent.map(statusOf)).toEqual([405, 501]);
    expect(headerOf(sent[0] ?? '', 'Allow')).toContain('OPTIONS');
    client.leave();
    world.clock.advance(11_000);
    world.arrive(world.request('PUBLISH', { callId: 'p2' }));
    expect(world.takeStory()).toEqual(['503']);
  });

  it('given rport, then the answer says where the request came from', () => {
    const text = world
      .request('OPTIONS')
      .replace('192.0.2.9:5060;branch', '10.0.0.5:5099;rport;branch');
    world.arrive(text);
    const frame = client.last('OPTIONS');
    expect(headerOf(frame.sip, 'Via')).toContain(';rport=5060');
    expect(headerOf(frame.sip, 'Via')).toContain(';received=192.0.2.9');
    client.respond(frame, 200);
    expect(world.network.sent.at(-1)).toMatchObject({ address: '192.0.2.9', port: 5060 });
  });
});
