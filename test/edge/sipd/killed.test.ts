/**
 * Goal: SIGKILL of the server, of its client, and of both, costs no call. Method: real processes;
 * calls in all roles between two drachtio-srf programs, each at a server of its own, one of which
 * is killed and started again with its store.
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../support/inbox.ts';
import { isStatus, SDP, RawUdp } from '../../support/raw-ua.ts';
import { startSipd, type Sipd } from '../../support/sipd.ts';
import {
  ask,
  connectSrf,
  eventOf,
  finalAndAck,
  finalOf,
  pingOf,
  sdp,
  type Handler,
  type SrfApp,
  type SrfDialog,
  type SrfRequest,
  type SrfResponse,
} from '../../support/srf.ts';

let folder: string;
let ours: Sipd;
let theirs: Sipd;
let app: SrfApp;
let peer: SrfApp;
const handlers: Record<string, Handler> = {};
const open: { disconnect(): void }[] = [];
/** What srf promised and the kill broke. */
const broken: unknown[] = [];

function note(error: unknown): void {
  broken.push(error);
}

const methods = ['invite', 'subscribe', 'notify', 'info', 'bye'];

function routes(side: string): Record<string, Handler> {
  return Object.fromEntries(
    methods.map((method): [string, Handler] => [
      method,
      (req, res) => {
        const handler = handlers[`${side} ${method}`];
        if (handler === undefined) res.send(200);
        else handler(req, res);
      },
    ]),
  );
}

async function join(sipd: Sipd, side: string, tags: string[] = []): Promise<SrfApp> {
  const one = await connectSrf(sipd, routes(side), tags);
  open.push(one);
  return one;
}

/** What it says comes by a pipe of its own. */
async function logs(sipd: Sipd, text: string): Promise<void> {
  await until(
    `sipd to log "${text}"`,
    () => sipd.log(),
    (log) => log.includes(text),
  );
}

function leave(one: SrfApp): void {
  open.splice(open.indexOf(one), 1);
  one.disconnect();
}

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'sipd-'));
  [ours, theirs] = await Promise.all([
    startSipd({ args: ['--store', path.join(folder, 'calls')] }),
    startSipd(),
  ]);
  app = await join(ours, 'our');
  peer = await join(theirs, 'their');
});

afterEach(async () => {
  for (const one of open.splice(0)) one.disconnect();
  for (const key of Object.keys(handlers)) Reflect.deleteProperty(handlers, key);
  await Promise.all([ours.stop(), theirs.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

/** The server dies and comes back, its client connects again by itself. */
async function kill(): Promise<void> {
  // Not `once`: failed attempts are part of it.
  const back = new Promise((resolve) => {
    app.once('connect', resolve);
  });
  ours = await ours.restart();
  await back;
  await pingOf(app);
}

function at(sipd: Sipd, proto: 'udp' | 'tcp'): string {
  const port = proto === 'udp' ? sipd.udpPort : sipd.tcpPort;
  return `sip:queue@127.0.0.1:${port};transport=${proto}`;
}

interface Call {
  caller: SrfDialog;
  callee: SrfDialog;
}

async function call(from: SrfApp, to: SrfApp, side: string, uri: string): Promise<Call> {
  const taken = new Promise<SrfDialog>((resolve, reject) => {
    handlers[`${side} invite`] = (req, res) => {
      to.createUAS(req, res, { localSdp: sdp('callee') }).then(resolve, reject);
    };
  });
  const caller = await from.createUAC(uri, { localSdp: sdp('caller') });
  const callee = await taken;
  // The ACK is out, and in.
  while ((await dialogs(app)).some((one) => one.state === 'awaiting-ack')) await pingOf(app);
  return { caller, callee };
}

/** As the SIP edge speaks in a dialog: by its id alone. */
async function inDialog(method: string, id: string, more: object = {}): Promise<SrfResponse> {
  return await finalOf(app, 'sip:placeholder', { method, stackDialogId: id, ...more });
}

interface Told {
  dialogId: string;
  state?: string;
  role?: string;
  ended?: { at: number; why: string };
}

async function dialogs(one: SrfApp): Promise<Told[]> {
  const [verdict, json = ''] = await ask(one, 'dialogs');
  expect(verdict).toBe('OK');
  return JSON.parse(json) as Told[];
}

function received(what: string): Promise<SrfRequest> {
  return new Promise((resolve) => {
    handlers[what] = (req, res) => {
      res.send(200);
      resolve(req);
    };
  });
}

describe.each(['udp', 'tcp'] as const)('a server killed with calls over %s', (proto) => {
  it('given calls both ways, then both sides speak in them and hang up', async () => {
    const into = await call(peer, app, 'our', at(ours, proto));
    const out = await call(app, peer, 'their', at(theirs, proto));
    await kill();
    const told = await dialogs(app);
    expect(told).toMatchObject([{ state: 'confirmed' }, { state: 'confirmed' }]);
    expect(told.map((one) => one.role).sort()).toEqual(['uac', 'uas']);

    for (const theirLeg of [into.caller, out.callee]) {
      expect((await inDialog('INFO', theirLeg.id)).status).toBe(200);
      expect((await theirLeg.request({ method: 'INFO' })).status).toBe(200);
      expect(await theirLeg.modify(sdp('again', 2))).toContain('v=0');
    }
    const reinvite = { method: 'INVITE', stackDialogId: out.callee.id, body: sdp('ours', 3) };
    const [response, ack] = await finalAndAck(app, 'sip:placeholder', reinvite);
    expect(response.status).toBe(200);
    ack();

    const gone = eventOf(into.callee, 'destroy');
    await into.caller.destroy();
    await gone;
    const hungUp = eventOf(out.callee, 'destroy');
    expect((await inDialog('BYE', out.callee.id)).status).toBe(200);
    await hungUp;
    // For whoever follows a client that had no time to note it.
    expect(await dialogs(app)).toMatchObject([{ dialogId: into.callee.id, ended: { why: 'BYE' } }]);
  });

  it('given a subscription, then NOTIFY arrives in it and it can be renewed', async () => {
    handlers['their subscribe'] = (_req, res) => {
      res.send(200, { headers: { Expires: '3600' } });
    };
    const first = await finalOf(app, at(theirs, proto), {
      method: 'SUBSCRIBE',
      headers: { Event: 'dialog', Expires: '3600' },
    });
    expect(first.status).toBe(200);
    const { dialogId: id } = (await dialogs(app))[0] ?? { dialogId: '' };
    await kill();
    const notified = received('our notify');
    const notify = await finalOf(peer, 'sip:placeholder', {
      method: 'NOTIFY',
      stackDialogId: id,
      headers: { Event: 'dialog', 'Subscription-State': 'active;expires=3000' },
    });
    expect(notify.status).toBe(200);
    expect((await notified).stackDialogId).toBe(id);
    const headers = { Event: 'dialog', Expires: '600' };
    expect((await inDialog('SUBSCRIBE', id, { headers })).status).toBe(200);
  });

  it('given a phone that rings, then it can be cancelled by its dialog', async () => {
    const rung = new Promise<SrfRequest>((resolve) => {
      handlers['their invite'] = (req, res) => {
        res.send(180);
        resolve(req);
      };
    });
    const lost = app.createUAC(at(theirs, proto), { localSdp: sdp('caller') });
    lost.catch(note);
    const ringing = await rung;
    // The 180 must have been seen before the server dies.
    while ((await dialogs(app))[0]?.state !== 'early') await pingOf(app);
    await kill();
    const [told] = await dialogs(app);
    expect(told).toMatchObject({ state: 'early', role: 'uac' });
    const cancelled = once(ringing, 'cancel');
    expect(await ask(app, `cancel|${told?.dialogId}`)).toEqual(['OK', 'cancelled']);
    await cancelled;
  });
});

describe('a server killed at a bad moment', () => {
  it('given a 200 whose ACK is missing, then it comes again, and the ACK ends that', async () => {
    const phone = await RawUdp.open(ours.udpPort);
    const hangUp = (): void => {
      phone.close();
    };
    open.push({ disconnect: hangUp });
    handlers['our invite'] = (req, res) => {
      app.createUAS(req, res, { localSdp: sdp('app') }).catch(note);
    };
    const invite = phone.request('INVITE', { body: SDP });
    phone.send(invite);
    const ok = await phone.next(isStatus(200, 'INVITE'), '200');
    await kill();
    phone.inbox.length = 0;
    expect(await phone.next(isStatus(200, 'INVITE'), '200 again')).toBe(ok);
    phone.send(phone.inDialog('ACK', invite, ok));
    while ((await dialogs(app))[0]?.state !== 'confirmed') await pingOf(app);
    phone.send(phone.inDialog('INFO', invite, ok, { cseq: 2 }));
    await phone.next(isStatus(200, 'INFO'), '200 to INFO');
  });

  it('given server and client killed, then what the peer says meanwhile is not lost', async () => {
    const { caller } = await call(peer, app, 'our', at(ours, 'udp'));
    const second = await call(peer, app, 'our', at(ours, 'udp'));
    leave(app);
    ours = await ours.restart();
    const gone = caller.destroy();
    const info = second.caller.request({ method: 'INFO' });
    const bye = received('our bye');
    const noticed = received('our info');
    const watcher = await join(ours, 'watcher', ['other']);
    while (!(await dialogs(watcher)).some((one) => one.ended !== undefined)) await pingOf(watcher);
    app = await join(ours, 'our');
    expect((await bye).stackDialogId).toBe(caller.id);
    await gone;
    expect((await noticed).stackDialogId).toBe(second.caller.id);
    expect((await info).status).toBe(200);
    expect((await inDialog('INFO', second.callee.id)).status).toBe(200);
    const told = await dialogs(app);
    expect(told.find((one) => one.dialogId === caller.id)?.ended?.why).toBe('BYE');
    expect(told.find((one) => one.dialogId === second.caller.id)?.state).toBe('confirmed');
  });

  it('given a client that dies with an INVITE unanswered, then the next answers it', async () => {
    leave(app);
    const first = await join(ours, 'our', ['acd', 'takeover']);
    const unanswered = new Promise<void>((resolve) => {
      handlers['our invite'] = (_req, res) => {
        res.send(180);
        resolve();
      };
    });
    const made = peer.createUAC(at(ours, 'udp'), { localSdp: sdp('caller') });
    await unanswered;
    await pingOf(first);
    leave(first);
    const given = new Promise<[SrfRequest, SrfResponse]>((resolve) => {
      handlers['our invite'] = (req, res) => {
        resolve([req, res]);
      };
    });
    app = await join(ours, 'our', ['acd', 'takeover']);
    const taken = app.createUAS(...(await given), { localSdp: sdp('next') });
    const dialog = await made;
    expect(dialog.remote.sdp).toContain('o=next');
    const heard = eventOf(await taken, 'destroy');
    await dialog.destroy();
    await heard;
  });
});

describe('a store', () => {
  it('given other ports, then its calls are ended from there, and that is told', async () => {
    const { caller, callee } = await call(peer, app, 'our', at(ours, 'udp'));
    handlers['their subscribe'] = (_req, res) => {
      res.send(200, { headers: { Expires: '3600' } });
    };
    const headers = { Event: 'dialog', Expires: '3600' };
    const subscribed = await finalOf(app, at(theirs, 'udp'), { method: 'SUBSCRIBE', headers });
    expect(subscribed.status).toBe(200);
    const former = ours.udpPort;
    leave(app);
    await ours.stop();
    const hungUp = eventOf(caller, 'destroy');
    ours = await startSipd({ args: ['--store', path.join(folder, 'calls')] });
    expect(ours.udpPort).not.toBe(former);
    await hungUp;
    app = await join(ours, 'our');
    const told = await dialogs(app);
    expect(told).toHaveLength(2);
    for (const one of told) expect(one.ended?.why).toBe('our address changed');
    expect(told.map((one) => one.dialogId)).toContain(callee.id);
    await logs(
      ours,
      `store: 2 calls and subscriptions were taken at udp:127.0.0.1:${former}, where we do not`,
    );
  });

  it('given a newer one, or one damaged, then it is set aside and the server starts', async () => {
    const { caller } = await call(peer, app, 'our', at(ours, 'udp'));
    const file = path.join(folder, 'calls');
    leave(app);
    await ours.stop();
    const good = readFileSync(file, 'latin1');
    writeFileSync(file, `${good}00000000 3 d|x{}\n`, 'latin1');
    ours = await ours.restart();
    app = await join(ours, 'our');
    await logs(ours, '1 damaged lines left out; a copy is ');
    expect((await dialogs(app)).map((one) => one.dialogId)).toEqual([caller.id]);
    leave(app);
    await ours.stop();
    writeFileSync(file, good.replace('sipd-store 1', 'sipd-store 2'), 'latin1');
    ours = await ours.restart();
    app = await join(ours, 'our');
    await logs(ours, 'started empty');
    expect(await dialogs(app)).toEqual([]);
    expect(readFileSync(`${file}.damaged`, 'latin1')).toContain('sipd-store 2');
  });

  it('given a place where it cannot be, then the server serves without', async () => {
    const file = path.join(folder, 'calls');
    writeFileSync(path.join(folder, 'file'), '');
    const other = await startSipd({ args: ['--store', path.join(folder, 'file', 'calls')] });
    const one = await join(other, 'other');
    await logs(other, 'cannot be written');
    expect(await dialogs(one)).toEqual([]);
    leave(one);
    await other.stop();
    expect(readFileSync(file, 'latin1')).toContain('sipd-store 1');
  });
});
