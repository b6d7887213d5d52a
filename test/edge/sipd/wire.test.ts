/**
 * Goal: the real process on real sockets: hostile input, byte-wise TCP, IPv6, lost messages, ports
 * in use, wrong secrets, and clients that die. Method: raw agents, and drachtio-srf programs.
 */
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bodyOf,
  headerOf,
  isRequest,
  isStatus,
  RawTcp,
  RawUdp,
  SDP,
} from '../../support/raw-ua.ts';
import { launchSipd, SECRET, startSipd, type Sipd } from '../../support/sipd.ts';
import {
  connectSrf,
  eventOf,
  sdp,
  type SrfApp,
  type SrfDialog,
  type SrfRequest,
} from '../../support/srf.ts';

/** Calls that failed on the program's side, which some tests bring about. */
const troubles: unknown[] = [];

function note(error: unknown): void {
  troubles.push(error);
}

let sipd: Sipd;
let app: SrfApp;
let udp: RawUdp;
let tcp: RawTcp;

const answerAll = {
  invite: (req: SrfRequest, res: Parameters<SrfApp['createUAS']>[1]): void => {
    app.createUAS(req, res, { localSdp: sdp('app') }).catch(note);
  },
  options: (_req: SrfRequest, res: Parameters<SrfApp['createUAS']>[1]): void => res.send(200),
};

beforeAll(async () => {
  sipd = await startSipd();
  app = await connectSrf(sipd, {
    invite: (req, res) => {
      answerAll.invite(req, res);
    },
    options: (req, res) => {
      answerAll.options(req, res);
    },
  });
  udp = await RawUdp.open(sipd.udpPort);
  tcp = await RawTcp.open(sipd.tcpPort);
});

afterAll(async () => {
  udp.close();
  tcp.close();
  app.disconnect();
  await sipd.stop();
});

describe('on the wire', () => {
  it('given a call over UDP whose 200 got lost, then it comes again until the ACK', async () => {
    const invite = udp.request('INVITE', { body: SDP });
    udp.send(invite);
    await udp.next(isStatus(100), '100');
    const ok = await udp.next(isStatus(200, 'INVITE'), '200');
    const again = await udp.next(isStatus(200, 'INVITE'), 'second 200');
    expect(again).toBe(ok);
    expect(headerOf(ok, 'Contact')).toBe(`<sip:127.0.0.1:${sipd.udpPort}>`);
    udp.send(udp.inDialog('ACK', invite, ok));
    udp.send(udp.inDialog('BYE', invite, ok, { cseq: 2 }));
    await udp.next(isStatus(200, 'BYE'), '200 to BYE');
  });

  it('given TCP byte by byte and pipelined, then every message is served', async () => {
    const first = tcp.request('OPTIONS');
    for (const byte of first) {
      tcp.send(byte);
      if (Math.random() < 0.1) await new Promise(setImmediate);
    }
    await tcp.next(isStatus(200, 'OPTIONS'));
    const two = [tcp.request('OPTIONS'), tcp.request('OPTIONS')];
    tcp.send(two.join(''));
    await tcp.next(isStatus(200, 'OPTIONS'));
    await tcp.next(isStatus(200, 'OPTIONS'));
    tcp.send('\r\n\r\n');
    await once(tcp.socket, 'pong');
    expect(tcp.pongs).toBe(1);
  });

  it('given a TCP call, then requests come back on the same connection', async () => {
    const held = new Promise<SrfDialog>((resolve, reject) => {
      answerAll.invite = (req, res) => {
        app.createUAS(req, res, { localSdp: sdp('app') }).then(resolve, reject);
      };
    });
    const invite = tcp.request('INVITE', { body: SDP });
    tcp.send(invite);
    const ok = await tcp.next(isStatus(200, 'INVITE'));
    expect(headerOf(ok, 'Contact')).toContain(`:${sipd.tcpPort};transport=tcp`);
    tcp.send(tcp.inDialog('ACK', invite, ok));
    const dialog = await held;
    const ended = dialog.destroy();
    const bye = await tcp.next(isRequest('BYE'));
    tcp.send(tcp.response(bye, 200));
    await ended;
  });

  it('given garbage of all kinds, then the next call is served', async () => {
    const junk = [
      '',
      '\r\n',
      'x'.repeat(3000),
      'INVITE sip:x SIP/2.0\r\n\r\n',
      'INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1\r\nCSeq: 99999999999 INVITE\r\n\r\n',
      udp.request('INVITE', { contact: '<tel:+4930123>' }),
      udp.request('INVITE', { from: '"unclosed <sip:x>;tag=1' }),
      udp.request('OPTIONS', { extra: Array.from({ length: 300 }, (_, i) => `X-${i}: y`) }),
      'SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKnone\r\nFrom: <sip:a>\r\n' +
        'To: <sip:b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n',
      Buffer.from([0, 255, 254, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]).toString('latin1'),
    ];
    for (const text of junk) udp.send(text);
    await udp.next(isStatus(400), '400');
    udp.send(udp.request('OPTIONS'));
    await udp.next(isStatus(200, 'OPTIONS'));
    const flooder = await RawTcp.open(sipd.tcpPort);
    flooder.send('x'.repeat(100_000));
    await once(flooder.socket, 'close');
    expect(sipd.process.exitCode).toBeNull();
    expect(sipd.log()).not.toContain('defect');
  });

  it('given a body in another alphabet, then it arrives byte for byte', async () => {
    const seen = new Promise<SrfRequest>((resolve) => {
      answerAll.options = (req, res) => {
        res.send(200, { body: `${req.body}!`, headers: { 'Content-Type': 'text/plain' } });
        resolve(req);
      };
    });
    udp.send(udp.request('OPTIONS', { body: 'Grüße, 世界 🌍' }));
    const answer = await udp.next(isStatus(200, 'OPTIONS'));
    expect((await seen).body).toBe('Grüße, 世界 🌍');
    expect(bodyOf(answer)).toBe('Grüße, 世界 🌍!');
    expect(Number(headerOf(answer, 'Content-Length'))).toBe(Buffer.byteLength(bodyOf(answer)));
  });
});

describe('clients on the wire', () => {
  async function talk(port: number, frames: string[]): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port });
    let said = '';
    socket.on('data', (data) => {
      said += data.toString();
    });
    for (const frame of frames) socket.write(`${Buffer.byteLength(frame)}#${frame}`);
    await once(socket, 'close');
    return said;
  }

  it('given no or a wrong secret, then nothing is done and the door closes', async () => {
    const wrong = await talk(sipd.adminPort, ['1|authenticate|wrong|', '2|ping']);
    expect(wrong).toContain('1|NO|incorrect secret');
    expect(wrong).not.toContain('pong');
    const request = 'OPTIONS sip:x@127.0.0.1:9 SIP/2.0\r\n\r\n';
    const bold = await talk(sipd.adminPort, [`1|sip||\r\n${request}`]);
    expect(bold).toContain('1|NO|');
  });

  it('given words nobody knows or a response without id, then NO and the door closes', async () => {
    const open = `0|authenticate|${SECRET}|`;
    expect(await talk(sipd.adminPort, [open, '1|dance'])).toContain('1|NO|Unknown message type');
    const response = '1|sip||\r\nSIP/2.0 200 OK\r\n\r\n';
    expect(await talk(sipd.adminPort, [open, response])).toContain('transaction id missing');
  });

  it('given the program dies in a call, then the next gets what happened since', async () => {
    const own = await startSipd();
    const caller = await RawUdp.open(own.udpPort);
    const first = await connectSrf(own, {
      invite: (req, res) => {
        first.createUAS(req, res, { localSdp: sdp('app') }).catch(note);
      },
    });
    const invite = caller.request('INVITE', { body: SDP });
    caller.send(invite);
    const ok = await caller.next(isStatus(200, 'INVITE'));
    caller.send(caller.inDialog('ACK', invite, ok));
    const gone = eventOf(first, 'close');
    first.disconnect();
    await gone;
    caller.send(caller.inDialog('INFO', invite, ok, { cseq: 2, body: SDP }));
    caller.send(caller.inDialog('BYE', invite, ok, { cseq: 3 }));
    const waiting = caller.request('INVITE', { body: SDP });
    caller.send(waiting);
    await caller.next((text) => isStatus(100)(text) && text.includes(headerOf(waiting, 'Call-ID')));
    const story: string[] = [];
    const second = await connectSrf(own, {
      info: (req, res) => {
        story.push(`INFO ${req.stackDialogId === undefined ? '' : 'in dialog'}`);
        res.send(200);
      },
      bye: (_req, res) => {
        story.push('BYE');
        res.send(200);
      },
      invite: (_req, res) => {
        story.push('INVITE');
        res.send(486);
      },
    });
    await caller.next(isStatus(200, 'INFO'));
    await caller.next(isStatus(200, 'BYE'));
    await caller.next(isStatus(486, 'INVITE'));
    expect(story).toEqual(['INFO in dialog', 'BYE', 'INVITE']);
    second.disconnect();
    caller.close();
    await own.stop();
  });
});

describe('the process', () => {
  it('given IPv6, then calls go both ways', async () => {
    const listen = ['udp:[::1]:0', 'tcp:[::1]:0'];
    const [a, b] = await Promise.all([startSipd({ listen }), startSipd({ listen })]);
    const callee: SrfApp = await connectSrf(b, {
      invite: (req, res) => {
        callee.createUAS(req, res, { localSdp: sdp('six') }).catch(note);
      },
    });
    const caller = await connectSrf(a);
    for (const uri of [`sip:x@[::1]:${b.udpPort}`, `sip:x@[::1]:${b.tcpPort};transport=tcp`]) {
      const dialog = await caller.createUAC(uri, { localSdp: sdp('caller') });
      expect(dialog.remote.sdp).toContain('o=six');
      expect(dialog.remote.uri).toContain('[::1]');
      await dialog.destroy();
    }
    caller.disconnect();
    callee.disconnect();
    await Promise.all([a.stop(), b.stop()]);
  });

  it('given a port in use, no secret or nonsense, then one line says so and it ends', async () => {
    const tries: [string[], string][] = [
      [['--listen', `udp:127.0.0.1:${sipd.udpPort}`, '--admin', '127.0.0.1:0'], SECRET],
      [['--listen', 'udp:127.0.0.1:0', '--admin', `127.0.0.1:${sipd.adminPort}`], SECRET],
      [['--listen', 'udp:127.0.0.1:0', '--admin', '127.0.0.1:0'], ''],
      [['--listen', 'udp:somewhere:5060'], SECRET],
      [['--colour', 'blue'], SECRET],
    ];
    for (const [args, secret] of tries) {
      const { child, first } = await launchSipd(args, secret);
      expect(first.ready).toBe(false);
      expect(first.error).not.toBe('');
      if (child.exitCode === null) await once(child, 'exit');
      expect(child.exitCode).toBe(1);
    }
  });

  it('given --stop-with-parent, then it ends when its standard input does', async () => {
    const own = await startSipd({ args: ['--stop-with-parent'] });
    own.process.stdin?.end();
    const [code] = (await once(own.process, 'exit')) as [number];
    expect(code).toBe(0);
  });

  it('given a transport nobody listens on, then the program is told at once', async () => {
    const only = await startSipd({ listen: ['udp:127.0.0.1:0'] });
    const lone = await connectSrf(only);
    const asked = lone.request('sip:x@127.0.0.1:9;transport=tcp', { method: 'OPTIONS' });
    await expect(asked).rejects.toThrow(/not available/);
    lone.disconnect();
    await only.stop();
    const refused = app.createUAC(`sip:x@127.0.0.1:9;transport=tcp`, { localSdp: SDP });
    await expect(refused).rejects.toMatchObject({ status: 503 });
  });
});
