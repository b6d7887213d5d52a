/**
 * Goal: programs that come by TLS (`srf.connect({tls})`) and programs that wait to be connected to
 * (`srf.listen`) are served as those that come in the clear. Method: unmodified drachtio-srf, raw
 * peers, and a certificate made for this.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Server } from 'node:net';
import path from 'node:path';
import Srf from 'drachtio-srf';
import { afterEach, describe, expect, it } from 'vitest';
import { MAX_CLIENTS } from '../../../src/sipd/limits.ts';
import { headerOf, isRequest, isStatus, RawUdp, SDP } from '../../support/raw-ua.ts';
import { launchSipd, SECRET, startSipd, type Sipd } from '../../support/sipd.ts';
import {
  connectSrf,
  eventOf,
  pingOf,
  sdp,
  type SrfApp,
  type SrfDialog,
} from '../../support/srf.ts';

const tls = path.resolve(import.meta.dirname, '../../fixtures/tls');
const [CERT, KEY] = [path.join(tls, 'loopback.pem'), path.join(tls, 'loopback.key')];
const certificate = { cert: readFileSync(CERT), key: readFileSync(KEY) };

interface Program extends SrfApp {
  connect(opts: object): void;
  listen(opts: object): Server;
  endSession(holder: object): void;
}

const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function sipdWith(...args: string[]): Promise<Sipd> {
  const sipd = await startSipd({ args });
  closing.push(async () => await sipd.stop());
  return sipd;
}

async function caller(sipd: Sipd): Promise<RawUdp> {
  const udp = await RawUdp.open(sipd.udpPort);
  closing.push(() => {
    udp.close();
  });
  return udp;
}

/** A program that answers calls; each dialog it has is told by a `call` event. */
function program(): Program {
  const app = new Srf() as unknown as Program;
  app.on('error', () => undefined);
  app.use('invite', (req, res) => {
    app.createUAS(req, res, { localSdp: sdp('app') }).then(
      (dialog) => {
        dialog.on('destroy', () => {
          app.endSession(req);
          app.emit('over');
        });
        app.emit('call', dialog);
      },
      () => undefined,
    );
  });
  return app;
}

/** It waits for connections; where. */
async function waiting(app: Program, opts: object = {}): Promise<number> {
  const server = app.listen({ host: '127.0.0.1', port: 0, secret: SECRET, ...opts });
  closing.push(() => server.close());
  if (!server.listening) await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A call answered and hung up by its caller. */
async function callThrough(udp: RawUdp, app: Program): Promise<void> {
  const [begun, over] = [eventOf<[SrfDialog]>(app, 'call'), once(app, 'over')];
  const invite = udp.request('INVITE', { body: SDP });
  const ok = await udp.ask(invite, isStatus(200, 'INVITE'), '200');
  udp.send(udp.inDialog('ACK', invite, ok));
  const [dialog] = await begun;
  expect(dialog.sip.callId).toBe(headerOf(invite, 'Call-ID'));
  const bye = udp.inDialog('BYE', invite, ok, { cseq: 2 });
  await udp.ask(bye, isStatus(200, 'BYE'), '200 to BYE');
  await over;
}

it('given strangers in all places, a program that shows the secret finds one', async () => {
  const sipd = await sipdWith();
  const early = await connectSrf(sipd);
  for (let count = 0; count < MAX_CLIENTS; count += 1) {
    const stranger = connect({ host: '127.0.0.1', port: sipd.adminPort });
    stranger.on('error', () => undefined);
    closing.push(() => {
      stranger.destroy();
    });
    await once(stranger, 'connect');
  }
  const late = await connectSrf(sipd);
  await Promise.all([pingOf(early), pingOf(late)]);
  for (const app of [early, late]) app.disconnect();
});

describe('by TLS', () => {
  it('given srf.connect with tls, then calls are served as in the clear', async () => {
    const args = ['--admin-tls', '127.0.0.1:0', '--tls-cert', CERT, '--tls-key', KEY];
    const sipd = await sipdWith(...args);
    const port = Number(sipd.adminTls.split(':').pop());
    const app = program();
    app.connect({ host: '127.0.0.1', port, secret: SECRET, tls: { ca: certificate.cert } });
    closing.push(() => {
      app.disconnect();
    });
    await once(app, 'connect');
    await pingOf(app);
    await callThrough(await caller(sipd), app);
  });

  it('given a certificate that is none, or alone, then one line says so', async () => {
    const tries = [
      ['--admin-tls', '127.0.0.1:0', '--tls-cert', KEY, '--tls-key', KEY],
      ['--admin-tls', '127.0.0.1:0', '--tls-cert', CERT],
      ['--admin-tls', '127.0.0.1:0', '--tls-cert', '/nowhere.pem', '--tls-key', KEY],
      ['--outbound', 'INVITE=127.0.0.1:9021'],
    ];
    for (const args of tries) {
      const { child, first } = await launchSipd(args, SECRET);
      expect(first.error).toMatch(/--(tls-cert|outbound)/);
      if (child.exitCode === null) await once(child, 'exit');
    }
  });
});

describe('programs that wait', () => {
  it('given srf.listen, then each call brings a connection of its own', async () => {
    const app = program();
    const port = await waiting(app);
    const sipd = await sipdWith('--outbound', `INVITE=tcp://127.0.0.1:${port}`);
    const udp = await caller(sipd);
    await callThrough(udp, app);
    await callThrough(udp, app);
    expect(sipd.log().match(/authenticated/g)).toHaveLength(2);
  });

  it('given srf.listen with tls, then its certificate is checked', async () => {
    const app = program();
    const port = await waiting(app, { tls: certificate });
    const rule = ['--outbound', `*=tls://127.0.0.1:${port}`];
    await callThrough(await caller(await sipdWith(...rule, '--tls-ca', CERT)), app);
    const distrusting = await caller(await sipdWith(...rule));
    const invite = distrusting.request('INVITE', { body: SDP });
    await distrusting.ask(invite, isStatus(480, 'INVITE'), '480');
  });

  it('given nobody there, or a wrong secret, then 480; other methods go on', async () => {
    const app = program();
    const port = await waiting(app, { secret: 'wrong' });
    const sipd = await sipdWith(
      ...['--outbound', `INVITE=tcp://127.0.0.1:${port}`],
      ...['--outbound', 'MESSAGE=tcp://127.0.0.1:1'],
    );
    const udp = await caller(sipd);
    await udp.ask(udp.request('INVITE', { body: SDP }), isStatus(480, 'INVITE'), '480');
    await udp.ask(udp.request('MESSAGE', {}), isStatus(480, 'MESSAGE'), '480');
    await udp.ask(udp.request('OPTIONS', {}), isStatus(503, 'OPTIONS'), '503');
  });

  it('given a web service, then what it says is done', async () => {
    const app = program();
    const port = await waiting(app);
    const answers: object[] = [];
    const asked: URLSearchParams[] = [];
    const service = createServer((question, answer) => {
      asked.push(new URL(question.url ?? '', 'http://x').searchParams);
      answer.end(JSON.stringify(answers.shift() ?? 'nothing'));
    }).listen(0, '127.0.0.1');
    closing.push(() => service.close());
    await once(service, 'listening');
    const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/route?a=b`;
    const sipd = await sipdWith('--outbound', `INVITE=${url}`);
    const udp = await caller(sipd);
    answers.push({ action: 'route', data: { uri: `127.0.0.1:${port}` } });
    await callThrough(udp, app);
    expect(Object.fromEntries(asked[0] ?? [])).toMatchObject({
      ...{ a: 'b', method: 'INVITE', uriUser: 'queue', domain: 'acd', fromUser: 'raw' },
      ...{ protocol: 'udp', source_address: '127.0.0.1', contentType: 'application/sdp' },
    });
    const told = async (answer: object, status: number): Promise<string> => {
      answers.push(answer);
      const invite = udp.request('INVITE', { body: SDP });
      return await udp.ask(invite, isStatus(status, 'INVITE'), String(status));
    };
    const rejected = await told({ action: 'reject', data: { status: 603, reason: 'No' } }, 603);
    expect(rejected).toMatch(/^SIP\/2.0 603 No\r\n/);
    const moved = await told({ action: 'redirect', data: { contact: ['<sip:a@b>'] } }, 302);
    expect(headerOf(moved, 'Contact')).toBe('<sip:a@b>');
    await told({ action: 'route', data: { tag: 'nobody' } }, 480);
    await told({ action: 'dance', data: {} }, 500);
    const peer = await RawUdp.open(sipd.udpPort);
    closing.push(() => {
      peer.close();
    });
    const passed = told(
      { action: 'proxy', data: { destination: `sip:x@127.0.0.1:${peer.port}` } },
      486,
    );
    peer.send(peer.response(await peer.next(isRequest('INVITE'), 'INVITE'), 486));
    await passed;
  });

  it('given the program hangs up, then its BYE goes to the caller', async () => {
    const app = program();
    const sipd = await sipdWith('--outbound', `INVITE=tcp://127.0.0.1:${await waiting(app)}`);
    const udp = await caller(sipd);
    const begun = eventOf<[SrfDialog]>(app, 'call');
    const invite = udp.request('INVITE', { body: SDP });
    const ok = await udp.ask(invite, isStatus(200, 'INVITE'), '200');
    udp.send(udp.inDialog('ACK', invite, ok));
    const [dialog] = await begun;
    const ended = dialog.destroy();
    udp.send(udp.response(await udp.next(isRequest('BYE'), 'BYE'), 200));
    await ended;
  });
});
