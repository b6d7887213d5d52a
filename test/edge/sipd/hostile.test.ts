/**
 * Goal: the real process on real sockets survives hostile peers: torture messages, connections that
 * are opened and left, pings nobody reads, Contacts that lead nowhere, and a flood of calls many
 * times over capacity, in which a call in progress goes on. Method: raw agents and a drachtio-srf
 * program; memory as the kernel tells it.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_TCP_PER_PEER } from '../../../src/sipd/limits.ts';
import { residentMb } from '../../support/full-house.ts';
import { until } from '../../support/inbox.ts';
import { establish, inDialog } from '../../support/raw-call.ts';
import {
  headerOf,
  isRequest,
  isStatus,
  RawTcp,
  RawUdp,
  SDP,
  statusOf,
  unique,
} from '../../support/raw-ua.ts';
import { startSipd, type Sipd } from '../../support/sipd.ts';
import { connectSrf, sdp, type SrfApp, type SrfDialog } from '../../support/srf.ts';
import { torture, tortureNames } from '../../support/torture.ts';

const MIB = 1024 * 1024;
/** For what comes behind everything a flood left in queues, on a loaded machine, too. */
const PATIENCE_MS = 60_000;
let sipd: Sipd;
let app: SrfApp;
let udp: RawUdp;
/** Dialogs of the program, by Call-ID. */
const dialogs = new Map<string, SrfDialog>();

beforeAll(async () => {
  sipd = await startSipd();
  app = await connectSrf(sipd, {
    invite: (req, res) => {
      if (req.uri.includes('busy')) {
        res.send(486);
        return;
      }
      // A caller that is gone before the answer is no failure of the test.
      app.createUAS(req, res, { localSdp: sdp('app') }).then(
        (dialog) => {
          dialogs.set(req.get('call-id'), dialog);
          dialog.on('info', (_info, answer: { send(status: number): void }) => answer.send(200));
        },
        () => dialogs.delete(req.get('call-id')),
      );
    },
    options: (_req, res) => res.send(200),
    register: (_req, res) => res.send(403),
    message: (_req, res) => res.send(200),
  });
  udp = await RawUdp.open(sipd.udpPort);
});

afterAll(async () => {
  udp.close();
  app.disconnect();
  await sipd.stop();
});

const memoryMb = (): number => residentMb(sipd.process.pid ?? 0);

/** Alive, without a defect in its log, and serving a whole call. */
async function expectHealthy(): Promise<void> {
  const call = await establish(udp);
  await inDialog(udp, call, 'INFO');
  await inDialog(udp, call, 'BYE');
  expect(sipd.process.exitCode).toBe(null);
  expect(sipd.log()).not.toContain('defect');
}

async function plug(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: sipd.tcpPort, noDelay: true });
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

describe('hostile peers', () => {
  it('given every torture message, by datagram and byte by byte, then it is well', async () => {
    for (const name of tortureNames) udp.send(Buffer.from(torture(name), 'latin1'));
    for (const name of tortureNames) {
      const socket = await plug();
      const bytes = Buffer.from(torture(name), 'latin1');
      for (const [at] of bytes.entries()) {
        socket.write(bytes.subarray(at, at + 1));
        if (at % 40 === 0) await new Promise(setImmediate);
      }
      socket.destroy();
    }
    await expectHealthy();
  });

  it('given two hundred requests in one piece of a stream, then each is answered', async () => {
    const tcp = await RawTcp.open(sipd.tcpPort);
    const texts = Array.from({ length: 200 }, () => tcp.request('OPTIONS'));
    tcp.send(texts.join('\r\n'));
    for (const text of texts) {
      const callId = headerOf(text, 'Call-ID');
      await tcp.next((one) => headerOf(one, 'Call-ID') === callId, 'answer');
    }
    tcp.close();
  });

  it('given half-open connections up to the limit, then calls on others go on', async () => {
    const tcp = await RawTcp.open(sipd.tcpPort);
    const call = await establish(tcp);
    const sockets: Socket[] = [];
    let closed = 0;
    for (let i = 0; i < MAX_TCP_PER_PEER + 50; i += 1) {
      const socket = await plug();
      socket.on('close', () => (closed += 1));
      socket.resume();
      socket.write('INVITE sip:queue@acd SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG');
      sockets.push(socket);
    }
    await until(
      'those too many are closed',
      () => closed,
      (count) => count >= 50,
    );
    await inDialog(tcp, call, 'INFO');
    for (const socket of sockets) socket.destroy();
    await expectHealthy();
    await until(
      'there is room again',
      async () => {
        const late = await plug();
        late.write('\r\n\r\n');
        const [answer] = (await Promise.race([
          once(late, 'data'),
          once(late, 'close'),
        ])) as unknown[];
        late.destroy();
        return String(answer);
      },
      (answer) => answer === '\r\n',
    );
    await inDialog(tcp, call, 'BYE');
    tcp.close();
  });

  it('given pings without end and nobody who reads, then memory stays as it is', async () => {
    const socket = await plug();
    socket.pause();
    const before = memoryMb();
    const pings = Buffer.from('\r\n\r\n'.repeat(16_384));
    for (let sent = 0; sent < 48 * MIB; sent += pings.length) {
      if (socket.destroyed) break;
      if (!socket.write(pings)) {
        await new Promise<void>((resolve) => {
          const settle = (): void => {
            socket.off('drain', settle).off('close', settle);
            resolve();
          };
          socket.on('drain', settle).on('close', settle);
        });
      }
    }
    await expectHealthy();
    expect(memoryMb() - before).toBeLessThan(100);
    socket.destroy();
  });

  it('given Contacts and routes that lead nowhere, then hanging up ends all the same', async () => {
    const places = [
      ...[
        '999.999.999.999',
        '0.0.0.0',
        '255.255.255.255',
        '[::1]',
        '[::ffff:1.2.3.4]',
        '127.0.0.1:1',
      ],
      ...['a.invalid', 'x'.repeat(300), '127.1', '[v1.x]:5', '1.2.3.4.5', '%00', 'xn--', '-'],
    ];
    for (const place of places) {
      for (const transport of ['', ';transport=tcp']) {
        const contact = `<sip:raw@${place}${transport}>`;
        const extra = [`Record-Route: <sip:${place};lr${transport}>`];
        const invite = udp.request('INVITE', { body: SDP, contact, extra });
        const callId = headerOf(invite, 'Call-ID');
        const answer = await udp.ask(
          invite,
          (text) => headerOf(text, 'Call-ID') === callId && !isStatus(100)(text),
          `answer to ${contact}`,
        );
        if (!isStatus(200)(answer)) continue;
        udp.send(udp.inDialog('ACK', invite, answer));
        await until('the program has it', () => dialogs.get(callId), Boolean);
        // Whatever becomes of the BYE: refused at once, or given up later.
        dialogs
          .get(callId)
          ?.destroy()
          .catch((error: unknown) => String(error));
      }
    }
    await expectHealthy();
  });

  it('given a flood of calls for seconds, then the call in progress goes on', async () => {
    const call = await establish(udp);
    const attacker = await RawUdp.open(sipd.udpPort);
    const end = Date.now() + 4_000;
    let sent = 0;
    let asked = 0;
    while (Date.now() < end) {
      for (let i = 0; i < 100; i += 1) {
        const isBusy = i % 2 === 0;
        const uri = isBusy ? 'sip:busy@acd' : `sip:${unique('u')}@acd`;
        attacker.send(attacker.request('INVITE', { uri, body: SDP }));
      }
      sent += 100;
      await new Promise((resolve) => setTimeout(resolve, 5));
      // Each half a second: is the call in progress still served?
      if (Date.now() > end - 4_000 + asked * 500) {
        asked += 1;
        expect(statusOf(await inDialog(udp, call, 'INFO'))).toBe(200);
      }
    }
    attacker.close();
    process.stdout.write(`flood: ${sent} INVITEs, ${asked} INFOs, ${memoryMb().toFixed(0)} MiB\n`);
    expect(asked).toBeGreaterThan(0);
    expect(memoryMb()).toBeLessThan(600);
    await inDialog(udp, call, 'BYE');
  }, 120_000);

  // Issue 3: "everything recovers when it stops". For who was known before, at once, however full
  // the tables are of calls never acknowledged; for a stranger, when these have had their time.
  it('given the flood is over, then known peers and strangers are served again', async () => {
    await expectHealthy();
    const stranger = await RawUdp.open(sipd.udpPort);
    const call = await establish(stranger);
    await inDialog(stranger, call, 'BYE');
    stranger.close();
  }, 120_000);

  it('given all that, then the program can still hang up', async () => {
    const call = await establish(udp);
    const callId = headerOf(call.invite, 'Call-ID');
    const has = (): SrfDialog | undefined => dialogs.get(callId);
    const dialog = await until('the program has it', has, Boolean, PATIENCE_MS);
    const ended = dialog?.destroy();
    const isOurBye = (text: string): boolean =>
      isRequest('BYE')(text) && headerOf(text, 'Call-ID') === callId;
    const bye = await udp.next(isOurBye, 'BYE', PATIENCE_MS);
    udp.send(udp.response(bye, 200));
    await ended;
    await expectHealthy();
  }, 120_000);
});
