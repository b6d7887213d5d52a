/**
 * Goal: an unmodified drachtio-srf program is a proxy on sipd, in every way srf.proxyRequest knows
 * (RFC 3261 section 16). Method: three servers in a row; the program between passes on.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startSipd } from '../../support/sipd.ts';
import {
  connectSrf,
  eventOf,
  finalOf,
  sdp,
  type SrfDialog,
  type SrfMessage,
  type SrfRequest,
  type SrfResponse,
} from '../../support/srf.ts';
import { SrfRow, type FullSrf } from '../../support/srf-row.ts';

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

describe('a program that passes requests on', () => {
  it('given a target of its own protocol, then the two talk without it afterwards', async () => {
    const results = row.passing(() => [row.called('bob')]);
    const taken = row.taking('bob');
    const out = await caller.createUAC(row.between, { localSdp: sdp('caller') });
    const into = await taken;
    expect(out.remote.sdp).toContain('o=callee');
    expect(await results).toMatchObject({ connected: true, finalStatus: 200 });
    const ended = eventOf(into, 'destroy');
    await out.destroy();
    await ended;
  });

  it.each(['udp', 'tcp'] as const)(
    'given recordRoute and a callee over %s, then everything of the call passes it',
    async (proto) => {
      const results = row.passing(() => [row.called('bob', proto)], { recordRoute: true });
      const taken = row.taking('bob');
      const out = await caller.createUAC(row.between, { localSdp: sdp('caller') });
      const into = await taken;
      expect((await results).connected).toBe(true);
      into.on('info', (_req: SrfRequest, res: SrfResponse) => res.send(200));
      const headers = { 'Content-Type': 'text/plain' };
      const info = await out.request({ method: 'INFO', body: 'x', headers });
      expect(info.status).toBe(200);
      // What comes back has the caller's Via alone: the one between has taken off its own.
      expect(info.get('Via').split(',')).toHaveLength(1);
      into.on('modify', (_req: SrfRequest, res: SrfResponse) => {
        res.send(200, { body: sdp('again', 2) });
      });
      await out.modify(sdp('caller', 2));
      const ended = eventOf(out, 'destroy');
      await into.destroy();
      await ended;
    },
  );

  it('given targets one after the other, then a refusal leads to the next', async () => {
    const results = row.passing(() => [row.called('busy'), row.called('bob')]);
    const taken = row.taking('bob');
    const out = await caller.createUAC(row.between, { localSdp: sdp('caller') });
    await taken;
    const told = (await results).responses.flatMap((one) => one.msgs.map((msg) => msg.status));
    expect(told).toEqual([486, 200]);
    await out.destroy();
  });

  it('given all targets at once, then the first answer wins, the rest stops ringing', async () => {
    // A server of its own: srf knows calls by Call-ID, and those of forks are the same.
    const other = await startSipd();
    let ring = (_req: SrfRequest): void => undefined;
    const ringing = new Promise<SrfRequest>((resolve) => (ring = resolve));
    const slow = await connectSrf(other, {
      invite: (req, res) => {
        res.send(180);
        ring(req);
      },
    });
    const targets = (): string[] => [`sip:slow@127.0.0.1:${other.udpPort}`, row.called('bob')];
    const results = row.passing(targets, { forking: 'simultaneous' });
    const taken = new Promise<SrfDialog>((resolve) => {
      handlers['callee invite'] = (req, res) => {
        // Both ring before one answers.
        void ringing.then(() => {
          void callee.createUAS(req, res, { localSdp: sdp('bob') }).then(resolve);
        });
      };
    });
    const call = caller.createUAC(row.between, { localSdp: sdp('caller') });
    const stopped = eventOf(await ringing, 'cancel');
    const out = await call;
    expect(out.remote.sdp).toContain('o=bob');
    await Promise.all([stopped, taken]);
    expect((await results).finalStatus).toBe(200);
    await out.destroy();
    slow.disconnect();
    await other.stop();
  });

  it('given a redirection to follow, then the call goes where it points', async () => {
    const results = row.passing(() => [row.called('moved')], { followRedirects: true });
    const taken = row.taking('bob');
    const take = handlers['callee invite'];
    handlers['callee invite'] = (req, res) => {
      if (!req.uri.startsWith('sip:moved@')) take?.(req, res);
      else res.send(302, { headers: { Contact: `<${row.called('bob')}>` } });
    };
    const out = await caller.createUAC(row.between, { localSdp: sdp('caller') });
    await taken;
    expect((await results).finalStatus).toBe(200);
    await out.destroy();
  });

  it('given a caller who gives up, then the phone stops and the caller hears 487', async () => {
    const results = row.passing(() => [row.called('bob')]);
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
    await Promise.all([cancelled, refused]);
    expect(await results).toMatchObject({ connected: false, finalStatus: 487 });
  });

  it('given no target that answers in its time, then the next one is asked', async () => {
    const silent = await startSipd();
    const targets = (): string[] => [`sip:a@127.0.0.1:${silent.udpPort}`, row.called('bob')];
    silent.process.kill('SIGSTOP');
    const results = row.passing(targets, { provisionalTimeout: '300ms' });
    const taken = row.taking('bob');
    const out = await caller.createUAC(row.between, { localSdp: sdp('caller') });
    await taken;
    expect((await results).finalStatus).toBe(200);
    await out.destroy();
    silent.process.kill('SIGCONT');
    await silent.stop();
  });

  it('given other methods, a body and headers, then they pass; 404 comes back', async () => {
    const results = row.passing(() => [row.called('bob')], { headers: { 'X-Between': 'yes' } });
    const seen = new Promise<SrfRequest>((resolve) => {
      handlers['callee message'] = (req, res) => {
        resolve(req);
        res.send(404);
      };
    });
    const headers = { 'Content-Type': 'text/plain' };
    const asked = { method: 'MESSAGE', headers, body: 'höi' };
    expect((await finalOf(caller, row.between, asked)).status).toBe(404);
    const came = await seen;
    expect(came.body).toBe('höi');
    expect(came.get('X-Between')).toBe('yes');
    expect((await results).finalStatus).toBe(404);
  });

  it('given a SUBSCRIBE and recordRoute, then its NOTIFYs pass, the last one, too', async () => {
    void row.passing(() => [row.called('bob')], { recordRoute: true });
    const accepted = new Promise<SrfDialog>((resolve) => {
      handlers['callee subscribe'] = (req, res) => {
        void callee.createUAS(req, res, { headers: { Expires: '60' } }).then(resolve);
      };
    });
    const headers = { Event: 'presence', Expires: '60' };
    const out = await caller.createUAC(row.between, { method: 'SUBSCRIBE', headers });
    const into = await accepted;
    for (const state of ['active;expires=60', 'terminated;reason=timeout']) {
      const notified = eventOf<[SrfMessage, SrfResponse]>(out, 'notify');
      const told = into.request({
        method: 'NOTIFY',
        headers: { Event: 'presence', 'Subscription-State': state },
      });
      const [notify, answer] = await notified;
      answer.send(200);
      expect(notify.get('Subscription-State')).toBe(state);
      expect((await told).status).toBe(200);
    }
  });

  it('given a request it has begun to answer, then srf is told that it cannot', async () => {
    const failure = new Promise<unknown>((resolve) => {
      handlers['middle invite'] = (req, res) => {
        res.send(180, {}, () => {
          middle.proxyRequest(req, row.called('bob')).then(resolve, (error: unknown) => {
            resolve(error);
            res.send(486);
          });
        });
      };
    });
    const call = caller.createUAC(row.between, { localSdp: sdp('caller') });
    await expect(call).rejects.toMatchObject({ status: 486 });
    expect(String(await failure)).toContain('Unknown transaction');
  });
});
