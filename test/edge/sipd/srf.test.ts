/**
 * Goal: any unmodified drachtio-srf program works on sipd: srf's public API, as far as
 * calls.test.ts (calls, changes, subscriptions) and proxy.test.ts leave it open.
 * Method: three servers in a row with a program on each.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  eventOf,
  sdp,
  type SrfDialog,
  type SrfMessage,
  type SrfRequest,
  type SrfResponse,
} from '../../support/srf.ts';
import { SrfRow, type FullSrf } from '../../support/srf-row.ts';

function challenge(res: SrfResponse): void {
  const value = 'Digest realm="acd", nonce="abc", qop="auth", algorithm=MD5';
  res.send(401, { headers: { 'WWW-Authenticate': value } });
}

/** Does the request answer that challenge with this password (RFC 2617 section 3.2.2)? */
function isAuthorised(req: SrfMessage, method: string, password: string): boolean {
  const given = new Map(
    [...(req.get('Authorization') ?? '').matchAll(/(\w+)="?([^",]*)"?/g)].map((one) => [
      one[1] ?? '',
      one[2] ?? '',
    ]),
  );
  const md5 = (...parts: string[]): string =>
    createHash('md5').update(parts.join(':')).digest('hex');
  const field = (name: string): string => given.get(name) ?? '';
  const ha1 = md5(field('username'), 'acd', password);
  const ha2 = md5(method, field('uri'));
  const wanted = md5(ha1, 'abc', field('nc'), field('cnonce'), 'auth', ha2);
  return field('response') === wanted;
}

let row: SrfRow;
let caller: FullSrf;
let callee: FullSrf;
let middle: FullSrf;
let handlers: SrfRow['handlers'];

beforeAll(async () => {
  row = await SrfRow.open();
  ({ caller, callee, middle, handlers } = row);
});

afterAll(async () => {
  expect(await row.close()).not.toContain('defect');
});

beforeEach(() => {
  row.forget();
});

describe('a program that calls', () => {
  it('given challenges to INVITE, INFO and BYE, then credentials answer them', async () => {
    handlers['callee invite'] = (req, res) => {
      if (!isAuthorised(req, 'INVITE', 'secret')) {
        challenge(res);
        return;
      }
      void callee.createUAS(req, res, { localSdp: sdp('callee') }).then((dialog) => {
        dialog.on('info', (info: SrfRequest, answer: SrfResponse) => {
          if (isAuthorised(info, 'INFO', 'secret')) answer.send(200);
          else challenge(answer);
        });
      });
    };
    const auth = { username: 'alice', password: 'secret' };
    const out = await caller.createUAC(row.called('bob'), { localSdp: sdp('caller'), auth });
    expect((await out.request({ method: 'INFO', auth })).status).toBe(200);
    await out.destroy();
    const wrong = { username: 'alice', password: 'guess' };
    const call = caller.createUAC(row.called('bob'), { localSdp: sdp('caller'), auth: wrong });
    await expect(call).rejects.toMatchObject({ status: 401 });
  });

  it('given an outbound proxy, then the Request-URI stays as it was', async () => {
    const asked = new Promise<string>((resolve) => {
      handlers['callee invite'] = (req, res) => {
        resolve(req.uri);
        res.send(480);
      };
    });
    const call = caller.createUAC('sip:bob@example.com', {
      localSdp: sdp('caller'),
      proxy: row.called('out'),
    });
    await expect(call).rejects.toMatchObject({ status: 480 });
    expect(await asked).toBe('sip:bob@example.com');
  });

  it('given no SDP in the INVITE, then the answer goes with the ACK', async () => {
    const taken = new Promise<SrfDialog>((resolve) => {
      handlers['callee invite'] = (req, res) => {
        expect(req.body).toBe('');
        void callee.createUAS(req, res, { localSdp: sdp('callee') }).then(resolve);
      };
    });
    const { sdp: offer, ack } = (await caller.createUAC(row.called('bob'), {
      localSdp: '',
      noAck: true,
    })) as unknown as { sdp: string; ack: (answer: string) => Promise<SrfDialog> };
    expect(offer).toContain('o=callee');
    const into = await taken;
    const acked = eventOf(into, 'ack');
    const out = await ack(sdp('late'));
    await acked;
    expect(into.remote.sdp).toContain('o=late');
    await out.destroy();
  });

  it('given hold and unhold, then the other side is told and both go on', async () => {
    const taken = row.taking('bob');
    const out = await caller.createUAC(row.called('bob'), { localSdp: sdp('caller') });
    const into = await taken;
    await out.modify('hold');
    expect(into.remote.sdp).toContain('a=inactive');
    await out.modify('unhold');
    expect(into.remote.sdp).toContain('a=sendrecv');
    const held = eventOf(into, 'hold');
    await out.modify(sdp('caller').replace('sendrecv', 'sendonly'));
    await held;
    await into.destroy();
  });

  it('given a REFER in the call, then it is answered and its NOTIFY comes back', async () => {
    const taken = row.taking('bob');
    const out = await caller.createUAC(row.called('bob'), { localSdp: sdp('caller') });
    const into = await taken;
    into.on('refer', (req: SrfRequest, res: SrfResponse) => {
      expect(req.get('Refer-To')).toContain('carol');
      res.send(202);
      const headers = { Event: 'refer', 'Subscription-State': 'terminated;reason=noresource' };
      const body = 'SIP/2.0 200 OK\r\n';
      const typed = { ...headers, 'Content-Type': 'message/sipfrag' };
      void into.request({ method: 'NOTIFY', headers: typed, body });
    });
    const notified = new Promise<string>((resolve) => {
      out.on('notify', (req: SrfMessage, res: SrfResponse) => {
        res.send(200);
        resolve(req.body);
      });
    });
    const headers = { 'Refer-To': '<sip:carol@example.com>' };
    expect((await out.request({ method: 'REFER', headers })).status).toBe(202);
    expect(await notified).toContain('200 OK');
    // A terminated NOTIFY ends the transfer's subscription, not the call.
    into.on('info', (_req: SrfRequest, res: SrfResponse) => res.send(200));
    expect((await out.request({ method: 'INFO' })).status).toBe(200);
    expect(caller.findDialogById(out.id)).toBe(out);
    await out.destroy();
  });
});

describe('a program between two calls', () => {
  function joining(opts: object): Promise<{ uas: SrfDialog; uac: SrfDialog }> {
    return new Promise((resolve, reject) => {
      handlers['middle invite'] = (req, res) => {
        middle
          .createB2BUA(req, res, row.called('bob'), { localSdpB: req.body, ...opts })
          .then(resolve, reject);
      };
    });
  }

  it('given a refusal, then it goes through; kept back, the program decides', async () => {
    handlers['callee invite'] = (_req, res) => res.send(486, { headers: { 'X-Why': 'lunch' } });
    const first = joining({ proxyResponseHeaders: ['X-Why'] });
    const failed = expect(first).rejects.toMatchObject({ status: 486 });
    const call = caller.createUAC(row.between, { localSdp: sdp('caller') });
    await expect(call).rejects.toMatchObject({ status: 486 });
    await failed;
    handlers['middle invite'] = (req, res) => {
      middle
        .createB2BUA(req, res, row.called('bob'), { localSdpB: req.body, passFailure: false })
        .catch(() => res.send(503));
    };
    const again = caller.createUAC(row.between, { localSdp: sdp('caller') });
    await expect(again).rejects.toMatchObject({ status: 503 });
  });

  it('given a caller who gives up, then the second leg is cancelled', async () => {
    const joined = joining({});
    const failed = expect(joined).rejects.toMatchObject({ status: 487 });
    const ringing = new Promise<SrfRequest>((resolve) => {
      handlers['callee invite'] = (req, res) => {
        res.send(180);
        resolve(req);
      };
    });
    let invite: SrfRequest | undefined;
    const call = caller.createUAC(
      row.between,
      { localSdp: sdp('caller') },
      { cbRequest: (_error: unknown, sent: SrfRequest) => (invite = sent) },
    );
    const refused = expect(call).rejects.toMatchObject({ status: 487 });
    const cancelled = eventOf(await ringing, 'cancel');
    invite?.cancel();
    await Promise.all([cancelled, refused, failed]);
  });
});
