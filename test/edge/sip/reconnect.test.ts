/**
 * Goal: what a lost connection to the SIP server costs. Method: a proxy between the edge and the
 * real SIP server that the test can cut; plain telephones outside.
 */
import { once } from 'node:events';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { connectStack } from '../../../src/sip/drachtio.ts';
import { freePort } from '../../support/ports.ts';
import { openStage } from '../../support/stage.ts';
import { acdConfig, quiet, SDP_OFFER } from '../../unit/sip/fakes.ts';
import { sipServer, startAcd } from './acd.ts';
import type { Acd, SipServer } from './acd.ts';
import { header, Phone } from './phone.ts';

const stage = openStage('sip-reconnect');
const isOwnServer = process.env['ACD_DRACHTIO'] === undefined;
let server: SipServer | null = null;
let acd: Acd;
let cut: () => void;
let mute: () => void;
let deafen: () => void;
let caller: Phone;
let agent: Phone;

/**
 * Forwards bytes both ways; `cut` drops every connection there is; after `mute`, what the ACD says
 * in those goes nowhere; after `deafen`, what it is told.
 */
async function openProxy(target: SipServer) {
  const pairs = new Set<net.Socket>();
  const links: (readonly [net.Socket, net.Socket])[] = [];
  const proxy = net.createServer((near) => {
    const far = net.connect(target.port, target.host);
    for (const socket of [near, far]) {
      pairs.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => pairs.delete(socket));
    }
    near.pipe(far);
    far.pipe(near);
    links.push([near, far]);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  return {
    port,
    cut: () => {
      for (const socket of pairs) socket.destroy();
    },
    mute: () => {
      for (const [near, far] of links) near.unpipe(far).resume();
    },
    deafen: () => {
      for (const [near, far] of links) far.unpipe(near).resume();
    },
    stop: async () => {
      for (const socket of pairs) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

beforeEach(async () => {
  server ??= await stage.add(sipServer());
  const proxy = await stage.addForTest(openProxy(server));
  ({ cut, mute, deafen } = proxy);
  acd = await stage.addForTest(startAcd({ ...server, port: proxy.port }, acdConfig()));
  caller = await stage.addForTest(Phone.open('caller', acd.sip));
  agent = await stage.addForTest(Phone.open('agent', acd.sip));
  const device = { uri: agent.uri, registrar: null };
  await acd.loop.submit({ kind: 'LogInAgent', by: 'test', agentId: '2771', device });
  const idle = { state: 'idle', source: 'test' } as const;
  await acd.loop.submit({ kind: 'ReportDevice', by: 'test', deviceUri: agent.uri, ...idle });
});

async function reconnected(): Promise<void> {
  await expect.poll(() => acd.edge.health().up).toBe(false);
  await expect.poll(() => acd.edge.health().up, { timeout: 8_000 }).toBe(true);
}

/** The SIP server has read all that the caller sent before: this it answers by itself. */
async function settled(): Promise<void> {
  const cancel = caller.start('CANCEL', 'nothing');
  expect((await caller.response(cancel)).status).toBe(481);
}

async function enter() {
  const invite = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
  const ok = await caller.response(invite);
  caller.ack(invite, ok);
  await acd.event('CallConfirmed');
  return { invite, ok };
}

describe('after the connection was lost', () => {
  // drachtio-server gives dialogs of a lost client to nobody.
  it.runIf(isOwnServer)('a caller who waits is still there, and may hang up', async () => {
    const { invite, ok } = await enter();
    cut();
    await reconnected();
    expect(acd.edge.health().callers).toBe(1);
    const bye = caller.within(invite, ok, 'BYE', 2);
    expect((await caller.response(bye)).status).toBe(200);
    expect(await acd.event('CallEnded')).toMatchObject({ endedBy: 'caller' });
  });

  it.runIf(isOwnServer)('a phone that rings rings on, and its answer counts', async () => {
    await enter();
    const ringing = await agent.request('INVITE');
    agent.answer(ringing, 180, 'Ringing');
    await acd.event('OfferRang');
    cut();
    await expect.poll(() => acd.edge.health().up).toBe(false);
    agent.answer(ringing, 200, 'OK', { body: SDP_OFFER });
    await agent.request('ACK');
    expect(await acd.event('CallConnected')).toMatchObject({ agentId: '2771' });
    expect(acd.events.some(({ event }) => event.kind === 'OfferFailed')).toBe(false);
  });

  it.runIf(isOwnServer)('a caller whose ACK was lost with it is in line', async () => {
    const invite = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
    const ok = await caller.response(invite);
    // The ACD answers this after it was told that its 200 has left.
    await caller.response(caller.within(invite, ok, 'OPTIONS', 2));
    deafen();
    caller.ack(invite, ok);
    await settled();
    expect(acd.events.some(({ event }) => event.kind === 'CallConfirmed')).toBe(false);
    cut();
    await acd.event('CallConfirmed');
    const bye = caller.within(invite, ok, 'BYE', 3);
    expect((await caller.response(bye)).status).toBe(200);
    expect(await acd.event('CallEnded')).toMatchObject({ endedBy: 'caller' });
  });

  it.runIf(isOwnServer)('a caller who was answered without our knowing is in line', async () => {
    let goOn: () => void = () => undefined;
    const wait = new Promise<void>((resolve) => (goOn = resolve));
    acd.media.result('accept', async () => wait.then(() => ({ ok: true, sdp: SDP_OFFER })));
    const invite = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
    await acd.media.wait('accept');
    deafen();
    goOn();
    const ok = await caller.response(invite);
    caller.ack(invite, ok);
    await settled();
    cut();
    await acd.event('CallConfirmed');
    const bye = caller.within(invite, ok, 'BYE', 2);
    expect((await caller.response(bye)).status).toBe(200);
    expect(await acd.event('CallEnded')).toMatchObject({ endedBy: 'caller' });
  });

  it.runIf(isOwnServer)(
    'a phone that has answered gets the ACK that was lost with it',
    async () => {
      await enter();
      const ringing = await agent.request('INVITE');
      agent.answer(ringing, 180, 'Ringing');
      await acd.event('OfferRang');
      mute();
      agent.answer(ringing, 200, 'OK', { body: SDP_OFFER });
      await acd.event('CallConnected');
      cut();
      await agent.request('ACK');
      expect(acd.events.some(({ event }) => event.kind === 'CallEnded')).toBe(false);
    },
  );

  it.runIf(!isOwnServer)('a phone that rang is cancelled, its caller stays', async () => {
    await enter();
    const ringing = await agent.request('INVITE');
    agent.answer(ringing, 180, 'Ringing');
    await acd.event('OfferRang');
    cut();
    expect(await acd.event('OfferFailed')).toMatchObject({ failure: 'unreachable' });
    const cancel = await agent.request('CANCEL');
    expect(header(cancel, 'Call-ID')).toBe(header(ringing, 'Call-ID'));
    agent.answer(cancel, 200, 'OK');
    agent.answer(ringing, 487, 'Request Terminated');
    expect(acd.loop.state.calls.size).toBe(1);
  });

  it('new calls come in', async () => {
    cut();
    await reconnected();
    await enter();
  });
});

describe('a SIP server that cannot be used', () => {
  it('because nobody listens there is told, once, with what to do', async () => {
    const port = await freePort();
    const warnings: string[] = [];
    const log = { ...quiet, warn: (_: object, text: string) => warnings.push(text) };
    const options = { host: '127.0.0.1', port, secret: 'x', log, firstDeadlineMs: 900 };
    const connected = await connectStack(options);
    expect(connected).toMatchObject({ ok: false });
    expect((connected as { detail: string }).detail).toContain(`127.0.0.1:${port}`);
    expect((connected as { detail: string }).detail).toContain('sip.drachtio');
    expect(warnings).toHaveLength(1);
  });

  it('because the secret is wrong is told', async () => {
    const { host, port } = server!;
    const connected = await connectStack({ host, port, secret: 'wrong', log: quiet });
    expect(connected).toMatchObject({ ok: false });
    expect((connected as { detail: string }).detail).toContain('secret');
  });
});
