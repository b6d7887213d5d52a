/**
 * Goal: an unmodified drachtio-srf program makes, takes, changes and ends calls through sipd, and
 * uses the other methods. Method: two programs on two servers talk to each other.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startSipd, type Sipd } from '../../support/sipd.ts';
import {
  connectSrf,
  eventOf,
  finalOf,
  sdp,
  type Handler,
  type SrfApp,
  type SrfDialog,
  type SrfMessage,
  type SrfRequest,
  type SrfResponse,
} from '../../support/srf.ts';

let left: Sipd;
let right: Sipd;
let caller: SrfApp;
let callee: SrfApp;
const handlers: Record<string, Handler> = {};

const methods = ['invite', 'register', 'options', 'subscribe', 'notify', 'message', 'publish'];

beforeAll(async () => {
  [left, right] = await Promise.all([startSipd(), startSipd()]);
  const routed = Object.fromEntries(
    methods.map((method): [string, Handler] => [
      method,
      (req, res) => {
        handlers[method]?.(req, res);
      },
    ]),
  );
  caller = await connectSrf(left, {
    notify: (req, res) => {
      handlers['caller-notify']?.(req, res);
    },
  });
  callee = await connectSrf(right, routed);
});

afterAll(async () => {
  caller.disconnect();
  callee.disconnect();
  await Promise.all([left.stop(), right.stop()]);
});

beforeEach(() => {
  for (const key of Object.keys(handlers)) handlers[key] = (_req, res) => res.send(500);
});

function target(proto: 'udp' | 'tcp' = 'udp'): string {
  const port = proto === 'udp' ? right.udpPort : right.tcpPort;
  return `sip:queue@127.0.0.1:${port};transport=${proto}`;
}

function answering(answer: object = { localSdp: sdp('callee') }): Promise<SrfDialog> {
  return new Promise((resolve, reject) => {
    handlers['invite'] = (req, res) => {
      callee.createUAS(req, res, answer).then(resolve, reject);
    };
  });
}

describe.each(['udp', 'tcp'] as const)('calls over %s', (proto) => {
  it('given an answer, when the caller hangs up, then both dialogs end', async () => {
    const taken = answering();
    const out = await caller.createUAC(target(proto), {
      localSdp: sdp('caller'),
      callingNumber: 'alice',
    });
    const into = await taken;
    expect(out.remote.sdp).toContain('o=callee');
    expect(into.remote.sdp).toContain('o=caller');
    expect(into.id).toBe(out.id);
    const ended = eventOf(into, 'destroy');
    await out.destroy();
    await ended;
    await expect(out.destroy()).rejects.toThrow(/unable to find dialog/);
  });

  it('given a call, when the callee hangs up, then the caller learns it', async () => {
    const taken = answering();
    const out = await caller.createUAC(target(proto), { localSdp: sdp('caller') });
    const into = await taken;
    const ended = eventOf(out, 'destroy');
    await into.destroy();
    await ended;
  });

  it('given a rejection with headers, then the caller gets status and headers', async () => {
    handlers['invite'] = (_req, res) => res.send(486, { headers: { 'X-Why': 'lunch' } });
    const failure = caller.createUAC(target(proto), { localSdp: sdp('caller') });
    await expect(failure).rejects.toMatchObject({ status: 486 });
  });

  it('given ringing, when the caller cancels, then both sides see the end', async () => {
    const cancelled = new Promise<SrfMessage>((resolve) => {
      handlers['invite'] = (req, res) => {
        req.on('cancel', resolve);
        res.send(180);
      };
    });
    let request: SrfRequest | undefined;
    const failure = caller.createUAC(
      target(proto),
      { localSdp: sdp('caller') },
      {
        cbRequest: (_error: unknown, sent: SrfRequest) => {
          request = sent;
        },
        cbProvisional: () => request?.cancel(),
      },
    );
    await expect(failure).rejects.toMatchObject({ status: 487 });
    await cancelled;
  });

  it('given a call, when it is changed from either side, then SDP travels both ways', async () => {
    const taken = answering();
    const out = await caller.createUAC(target(proto), { localSdp: sdp('caller') });
    const into = await taken;
    into.on('modify', (_req: SrfRequest, res: SrfResponse) => {
      res.send(200, { body: sdp('callee', 2) });
    });
    expect(await out.modify(sdp('caller', 2))).toContain('o=callee 1 2');
    expect(into.remote.sdp).toContain('o=caller 1 2');
    expect(await out.modify(sdp('caller', 3))).toContain('o=callee 1 2');
    out.on('modify', (_req: SrfRequest, res: SrfResponse) => {
      res.send(200, { body: sdp('caller', 4) });
    });
    expect(await into.modify(sdp('callee', 4))).toContain('o=caller 1 4');
    await out.destroy();
  });

  it('given a call, when INFO, MESSAGE, UPDATE and OPTIONS go, then each is answered', async () => {
    const taken = answering();
    const out = await caller.createUAC(target(proto), { localSdp: sdp('caller') });
    const into = await taken;
    for (const method of ['INFO', 'MESSAGE', 'OPTIONS', 'UPDATE', 'REFER']) {
      const seen = new Promise<string>((resolve) => {
        into.once(method.toLowerCase(), (req: SrfRequest, res: SrfResponse) => {
          res.send(method === 'REFER' ? 202 : 200);
          resolve(req.body);
        });
      });
      const headers = { 'Content-Type': 'application/dtmf-relay' };
      const body = method === 'INFO' ? 'Signal=5\r\nDuration=160\r\n' : '';
      const response = await out.request({ method, headers: body === '' ? {} : headers, body });
      expect(response.status).toBe(method === 'REFER' ? 202 : 200);
      // srf's own parser says undefined for no body.
      if (body !== '') expect(await seen).toBe(body);
    }
    await out.destroy();
  });
});

describe('other methods', () => {
  it('given a challenge, when REGISTER has credentials, then the second try works', async () => {
    const seen: string[] = [];
    handlers['register'] = (req, res) => {
      seen.push(req.get('CSeq'));
      if (!req.has('Authorization')) {
        const challenge = 'Digest realm="acd", nonce="abc", qop="auth", algorithm=MD5';
        res.send(401, { headers: { 'WWW-Authenticate': challenge } });
      } else {
        res.send(200, { headers: { Contact: req.get('Contact'), Expires: '60' } });
      }
    };
    const final = await finalOf(caller, `sip:127.0.0.1:${right.udpPort}`, {
      method: 'REGISTER',
      headers: { From: '<sip:acd@pbx>', To: '<sip:acd@pbx>', Contact: '<sip:acd@localhost>' },
      auth: { username: 'acd', password: 'secret' },
    });
    expect(final.status).toBe(200);
    expect(final.get('Contact')).toBe(`<sip:acd@127.0.0.1:${left.udpPort}>`);
    const [first = 0, second = 0] = seen.map((cseq) => Number(cseq.split(' ')[0]));
    expect(second).toBe(first + 1);
  });

  it('given a SUBSCRIBE, then NOTIFYs flow in its dialog until terminated', async () => {
    const taken = new Promise<SrfDialog>((resolve, reject) => {
      handlers['subscribe'] = (req, res) => {
        const headers = { Expires: '60' };
        callee.createUAS(req, res, { headers }).then(resolve, reject);
      };
    });
    const out = await caller.createUAC(target(), {
      method: 'SUBSCRIBE',
      headers: { Event: 'presence', Expires: '60' },
    });
    const into = await taken;
    const notified = new Promise<SrfRequest>((resolve) => {
      out.once('notify', (req: SrfRequest, res: SrfResponse) => {
        res.send(200);
        resolve(req);
      });
    });
    const headers = {
      Event: 'presence',
      'Subscription-State': 'active;expires=60',
      'Content-Type': 'application/pidf+xml',
    };
    const sent = await into.request({ method: 'NOTIFY', headers, body: '<presence>ü</presence>' });
    expect(sent.status).toBe(200);
    const notify = await notified;
    expect(notify.body).toBe('<presence>ü</presence>');
    const last = await into.request({
      method: 'NOTIFY',
      headers: { ...headers, 'Subscription-State': 'terminated;reason=timeout' },
      body: '<presence/>',
    });
    expect(last.status).toBe(200);
    await expect(out.request({ method: 'SUBSCRIBE' })).rejects.toThrow(/unable to find dialog/);
  });

  it('given OPTIONS, MESSAGE and PUBLISH, then they reach whoever routed them', async () => {
    for (const method of ['OPTIONS', 'MESSAGE', 'PUBLISH']) {
      handlers[method.toLowerCase()] = (_req, res) => res.send(200);
      expect((await finalOf(caller, target(), { method })).status).toBe(200);
    }
  });

  it('given a method nobody routed, then the caller gets 405 with Allow', async () => {
    const refusal = await finalOf(caller, target(), { method: 'REFER' });
    expect(refusal.status).toBe(405);
    expect(refusal.get('Allow')).toContain('INVITE');
  });

  it('given a reliable 183, when it is acknowledged, then the call goes on', async () => {
    const pracked = new Promise<string>((resolve) => {
      handlers['invite'] = (_req, res) => {
        const opts = { headers: { Require: '100rel' }, body: sdp('callee') };
        res.send(
          183,
          opts,
          () => undefined,
          (prack) => {
            resolve(prack.get('RAck'));
          },
        );
      };
    });
    const provisional: SrfResponse[] = [];
    let request: SrfRequest | undefined;
    const failure = caller.createUAC(
      target(),
      { localSdp: sdp('caller'), headers: { Supported: '100rel' } },
      {
        cbRequest: (_error: unknown, sent: SrfRequest) => {
          request = sent;
        },
        cbProvisional: (res: SrfResponse) => provisional.push(res),
      },
    );
    const refused = expect(failure).rejects.toMatchObject({ status: 487 });
    const rack = await pracked;
    expect(provisional[0]?.get('RSeq')).toBe(rack.split(' ')[0]);
    request?.cancel();
    await refused;
  });

  it('given an impossible Request-URI, then the program is told and nothing breaks', async () => {
    const tel = caller.request('tel:+4930123456', { method: 'OPTIONS' });
    await expect(tel).rejects.toThrow(/unsupported/i);
    const self = caller.request(`sip:127.0.0.1:${left.udpPort}`, { method: 'OPTIONS' });
    await expect(self).rejects.toThrow(/myself/);
    const answer = (uri: string) => finalOf(caller, uri, { method: 'OPTIONS' });
    expect((await answer('sips:a@127.0.0.1')).status).toBe(416);
    expect((await answer('sip:a@no-such-host.invalid')).status).toBe(503);
  });
});

describe('a back-to-back agent', () => {
  it('given srf joins two calls, then SDP and the end travel through', async () => {
    const middle = await startSipd();
    let listening = (): void => undefined;
    const joined = new Promise<void>((resolve) => {
      listening = resolve;
    });
    const joiner = await connectSrf(middle, {
      invite: (req, res) => {
        const b2b = joiner as unknown as {
          createB2BUA(
            req: SrfRequest,
            res: SrfResponse,
            uri: string,
            opts: object,
          ): Promise<{ uas: SrfDialog; uac: SrfDialog }>;
        };
        b2b.createB2BUA(req, res, target(), { localSdpB: req.body }).then(
          ({ uas, uac }) => {
            uas.on('destroy', () => void uac.destroy());
            uac.on('destroy', () => void uas.destroy());
            listening();
          },
          () => undefined,
        );
      },
    });
    const taken = answering();
    const out = await caller.createUAC(`sip:x@127.0.0.1:${middle.udpPort}`, {
      localSdp: sdp('caller'),
    });
    const into = await taken;
    expect(into.remote.sdp).toContain('o=caller');
    expect(out.remote.sdp).toContain('o=callee');
    const ended = eventOf(into, 'destroy');
    // A BYE in the same breath as the ACK would find no listener yet.
    await joined;
    await out.destroy();
    await ended;
    joiner.disconnect();
    await middle.stop();
  });
});
