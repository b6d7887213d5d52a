/**
 * Goal: from outside only who proves his name gets in, guessing and flooding end in a ban, and
 * nobody can be banned by others or shut in. Method: the door alone, with answers computed by our
 * own digest client, addresses and time in the test's hands.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { sipUsers } from '../../../src/config/sip-users.ts';
import type { SipConfig } from '../../../src/config/types.ts';
import { Challenges } from '../../../src/sip/challenges.ts';
import { identifyDevice } from '../../../src/sip/device.ts';
import { answerChallenge, parseChallenges } from '../../../src/sip/digest.ts';
import { Door } from '../../../src/sip/door.ts';
import type { Headers, IncomingRequest } from '../../../src/sip/port.ts';
import { SOURCES_MAX } from '../../../src/sip/sources.ts';
import { acdConfig, registrar } from './fakes.ts';
import { FakeSipd, Incoming } from './fake-stack.ts';

const AWAY = '198.18.7.7';
const { users } = sipUsers([{ name: 'road', password: 'a long secret' }], '/', null);
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

let now = 0;
let server: FakeSipd | null = null;
let door: Door;

function open(more: Partial<SipConfig> = {}): void {
  const config = {
    ...acdConfig().sip,
    allow: ['10.0.0.0/8', 'registrars'],
    users,
    limits: { rate: 0, banAfter: 3, banForMs: 60_000 },
    ...more,
  };
  const pbx = { config: registrar(), hosts: new Set(['198.18.0.1']), port: 5060 };
  const registrars = () => [pbx];
  door = new Door({ config, registrars, server: () => server, now: () => now, log: quiet });
}

beforeEach(() => {
  now = 1_000;
  server = new FakeSipd();
  open();
});

let calls = 0;
function invite(sourceHost: string, headers: Headers = {}, more: Partial<IncomingRequest> = {}) {
  calls += 1;
  const From = '<sip:road@elsewhere>;tag=1';
  const call = new Incoming(
    'INVITE',
    { From, 'Call-ID': `c${calls}`, ...headers },
    {
      sourceHost,
      uri: 'sip:queue1@acd',
      ...more,
    },
  );
  const admitted = door.open(call.request);
  return { admitted, answer: call.answers[0] ?? null };
}

const values = (answer: ReturnType<typeof invite>['answer']): readonly string[] => {
  const found = answer?.headers?.['WWW-Authenticate'] ?? [];
  return typeof found === 'string' ? [found] : found;
};

interface Try {
  readonly from?: string;
  readonly password?: string;
  readonly algorithm?: 'MD5' | 'SHA-256';
  readonly count?: number;
  readonly uri?: string;
  readonly user?: string;
  readonly challenge?: string;
}

/** Answers a challenge that was made for that address. */
function answerOf(address: string, how: Try = {}): string {
  const { algorithm = 'SHA-256', count = 1, uri = 'sip:queue1@acd', user = 'road' } = how;
  const asked = how.challenge ?? values(invite(address).answer).join(', ');
  const challenge = parseChallenges(asked).find((one) => one.algorithm === algorithm);
  const credentials = { username: user, password: how.password ?? 'a long secret' };
  return answerChallenge({ challenge: challenge!, credentials, method: 'INVITE', uri, count });
}
const tried = (address: string, how: Try = {}, headers: Headers = {}) =>
  invite(how.from ?? address, { Authorization: answerOf(address, how), ...headers });

describe('from outside', () => {
  it('is asked for a password, by the stronger algorithm first', () => {
    const { admitted, answer } = invite(AWAY);
    expect(admitted).toBeNull();
    expect(answer?.status).toBe(401);
    expect(values(answer).map((value) => /algorithm=([\w-]+)/.exec(value)?.[1])).toEqual([
      'SHA-256',
      'MD5',
    ]);
    expect(values(answer).every((value) => value.includes('qop="auth"'))).toBe(true);
  });

  it.each(['SHA-256', 'MD5'] as const)('gets in with the right one by %s', (algorithm) => {
    const { admitted, answer } = tried(AWAY, { algorithm });
    expect(answer).toBeNull();
    expect(admitted).toMatchObject({ user: 'road' });
  });

  it('is believed his name alone: nobody else’s identity, phone or priority', () => {
    open({ priorityHeader: 'X-Priority' });
    const { admitted } = tried(
      AWAY,
      {},
      {
        'P-Asserted-Identity': '<sip:boss@pbx>',
        'X-Priority': '99',
        Contact: '<sip:101@10.0.0.5>',
        Subject: 'hello',
      },
    );
    const seen = ['P-Asserted-Identity', 'x-priority', 'Subject'].map((name) =>
      admitted?.header(name),
    );
    expect(seen).toEqual(['', '', 'hello']);
    const pbx = {
      config: registrar({ domain: 'elsewhere' }),
      hosts: new Set<string>(),
      port: 5060,
    };
    expect(identifyDevice(admitted!, [pbx], 'auto')).toMatchObject({
      uri: 'sip:road@10.0.0.5',
      registrar: null,
      contact: { nextHop: `sip:${AWAY}:6000` },
    });
  });

  it.each([
    ['a wrong password', { password: 'another one' }, 401],
    ['an unknown user', { user: 'nobody' }, 401],
    ['an answer for another destination', { uri: 'sip:*442771@acd' }, 401],
    ['an answer to a challenge of another address', { from: '198.18.9.9' }, 401],
  ] as const)('gets in by no %s', (_what, how, status) => {
    const { admitted, answer } = tried(AWAY, how);
    expect([admitted, answer?.status]).toEqual([null, status]);
  });

  it('under another name than that of the password is not let in', () => {
    open({
      users: sipUsers(
        [
          { name: 'road', password: 'a long secret' },
          { name: 'boss', password: 'another secret' },
        ],
        '/',
        null,
      ).users,
    });
    const { admitted } = tried(AWAY, {}, { From: '<sip:boss@elsewhere>;tag=2' });
    expect(admitted).toBeNull();
  });

  it('cannot use an answer twice, and with an old one is asked anew without a fault', () => {
    const challenge = values(invite(AWAY).answer).join(', ');
    const Authorization = answerOf(AWAY, { challenge });
    expect(invite(AWAY, { Authorization }).admitted).not.toBeNull();
    const again = invite(AWAY, { Authorization });
    expect(again.admitted).toBeNull();
    expect(values(again.answer)[0]).toContain('stale=true');
    const next = answerOf(AWAY, { challenge, count: 2 });
    expect(invite(AWAY, { Authorization: next }).admitted).not.toBeNull();
    now += 301_000;
    const late = invite(AWAY, { Authorization: answerOf(AWAY, { challenge, count: 3 }) });
    expect(values(late.answer)[0]).toContain('stale=true');
    expect(door.sources.list()).toEqual([]);
  });

  it('cannot use it twice either after many others', () => {
    const asking = new Challenges(users, () => now, 10);
    const use = () => {
      const challenge = asking.ask(AWAY, false).join(', ');
      const authorization = answerOf(AWAY, { challenge });
      return { method: 'INVITE', uri: 'sip:queue1@acd', authorization, address: AWAY };
    };
    const first = use();
    expect(asking.verify(first)).toEqual({ kind: 'right', user: 'road' });
    for (let index = 0; index < 10; index += 1) {
      now += 1;
      expect(asking.verify(use()).kind).toBe('right');
    }
    expect(asking.verify(first)).toEqual({ kind: 'stale' });
  });

  it.each([
    ['Digest'],
    ['Digest realm="acd"'],
    ['Basic cm9hZA=='],
    [', , ='],
    ['\0'.repeat(9_000)],
  ])('is asked again where it says %j, and nothing is held against it', (Authorization) => {
    for (let index = 0; index < 5; index += 1)
      expect(invite(AWAY, { Authorization }).answer?.status).toBe(401);
    expect(door.sources.list()).toEqual([]);
  });
});

describe('who is banned', () => {
  it('is who guesses passwords: no answer any more, until its time is over', () => {
    const answers = [1, 2, 3].map(() => tried(AWAY, { password: 'wrong one' }).answer?.status);
    expect(answers).toEqual([401, 401, 403]);
    expect(server?.banned).toContainEqual([AWAY, 60_000]);
    expect(door.sources.list()).toEqual([{ source: AWAY, why: 'passwords', endsInMs: 60_000 }]);
    expect(invite(AWAY)).toEqual({ admitted: null, answer: null });
    expect(invite('198.18.7.8').answer?.status).toBe(401);
    now += 60_001;
    expect(door.sources.list()).toEqual([]);
    expect(tried(AWAY).admitted).not.toBeNull();
  });

  it('is the whole /64 of an IPv6 address, lifted by any of it', () => {
    for (const last of [1, 2, 3]) tried(`2a00:1:2:3::${last}`, { password: 'wrong one' });
    expect(invite('2a00:1:2:3::9')).toEqual({ admitted: null, answer: null });
    expect(door.sources.list()).toMatchObject([{ source: '2a00:1:2:3::/64' }]);
    expect(door.sources.lift('2a00:1:2:3::9')).toBe(true);
    expect(server?.banned.at(-1)).toEqual(['2a00:1:2:3::3', 0]);
    expect(door.sources.lift('2a00:1:2:3::/64')).toBe(false);
  });

  it('is told to the SIP server without the brackets in which it came', () => {
    for (const last of [1, 2, 3]) tried(`[2a00:1:2:3::${last}]`, { password: 'wrong one' });
    door.tell();
    expect(door.sources.lift('[2a00:1:2:3::9]')).toBe(true);
    expect(server?.banned).toEqual([
      ['2a00:1:2:3::3', 60_000],
      ['*', 0],
      ['2a00:1:2:3::3', 60_000],
      ['2a00:1:2:3::3', 0],
    ]);
  });

  it('is nobody whom another one tries to have banned by his address', () => {
    const elsewhere = values(invite('198.18.9.9').answer).join(', ');
    for (let index = 0; index < 9; index += 1)
      tried(AWAY, { password: 'wrong one', challenge: elsewhere });
    expect(door.sources.list()).toEqual([]);
  });

  it('is who floods, after it was refused for a while', () => {
    open({ allow: ['any'], limits: { rate: 5, banAfter: 3, banForMs: 60_000 } });
    const first = Array.from({ length: 10 }, () => invite(AWAY).admitted !== null);
    expect(first.every(Boolean)).toBe(true);
    const refused = invite(AWAY);
    expect(refused.answer).toMatchObject({ status: 503, headers: { 'Retry-After': '10' } });
    now += 1_000;
    expect(invite(AWAY).admitted).not.toBeNull();
    for (let index = 0; index < 60; index += 1) invite(AWAY);
    expect(door.sources.list()).toMatchObject([{ source: AWAY, why: 'flood' }]);
    expect(invite(AWAY)).toEqual({ admitted: null, answer: null });
  });

  it('is nobody in a network of sip.allow, though it floods: that can be forged', () => {
    open({
      allow: ['any', '10.0.0.0/8', 'private'],
      limits: { rate: 5, banAfter: 1, banForMs: 60_000 },
    });
    for (const pbx of ['10.1.1.1', '192.168.1.1']) {
      const answers = Array.from({ length: 99 }, () => invite(pbx).answer?.status ?? 0);
      expect(answers.slice(0, 10).every((status) => status === 0)).toBe(true);
      expect(answers.slice(10).every((status) => status === 503)).toBe(true);
      door.sources.failed(pbx);
    }
    expect(door.sources.list()).toEqual([]);
    for (let index = 0; index < 99; index += 1) invite('11.1.1.1');
    expect(door.sources.list()).toMatchObject([{ source: '11.1.1.1', why: 'flood' }]);
  });

  it('is no registrar that the SIP server alone knows; nor is it refused', () => {
    open({ limits: { rate: 1, banAfter: 1, banForMs: 60_000 } });
    for (let index = 0; index < 99; index += 1)
      expect(invite(AWAY, {}, { isOfRegistrar: true }).admitted).not.toBeNull();
  });

  it.each([['127.0.0.1'], ['::1'], ['198.18.0.1']])('is never %s', (address) => {
    const allow = ['127.0.0.0/8', '::1', 'registrars'];
    open({ allow, limits: { rate: 1, banAfter: 1, banForMs: 60_000 } });
    for (let index = 0; index < 50; index += 1) invite(address, { From: '<sip:x@y>' });
    expect(door.sources.list()).toEqual([]);
    expect(invite(address, { From: '<sip:x@y>' }).admitted).not.toBeNull();
  });

  it('stays known to a SIP server that came back, and only that', () => {
    for (let index = 0; index < 3; index += 1) tried(AWAY, { password: 'wrong one' });
    now += 20_000;
    server!.banned.length = 0;
    door.tell();
    expect(server).toMatchObject({
      users: ['road'],
      banned: [
        ['*', 0],
        [AWAY, 40_000],
      ],
    });
  });

  it('is counted, with what the SIP server left unanswered', async () => {
    open({
      allow: ['10.0.0.0/8'],
      users,
      limits: { rate: 5, banAfter: 1, banForMs: 60_000 },
    });
    tried(AWAY, { password: 'wrong one' });
    invite(AWAY);
    invite(AWAY);
    invite('198.18.5.5', { From: '<sip:nobody@elsewhere>;tag=1' });
    for (let index = 0; index < 11; index += 1) invite('10.1.1.1');
    server!.left = 9;
    const counts = await door.counts();
    expect(Object.fromEntries(counts.refused)).toEqual({
      ...{ banned: 2, rate: 1, forbidden: 1, password: 1, silenced: 9 },
    });
    expect(Object.fromEntries(counts.banned)).toEqual({ passwords: 1, flood: 0 });
    expect(Object.fromEntries(counts.bans)).toEqual({ passwords: 1, flood: 0 });
    // It hangs: what it said last stands.
    server!.silences = () => new Promise(() => undefined);
    expect((await door.counts()).refused.get('silenced')).toBe(9);
    now += 60_001;
    server = null;
    const later = await door.counts();
    expect(Object.fromEntries(later.bans)).toEqual({ passwords: 0, flood: 0 });
    expect(later.refused.get('silenced')).toBe(9);
  });

  it('are not more than may be remembered', () => {
    open({ allow: ['any'], limits: { rate: 1, banAfter: 1, banForMs: 60_000 } });
    for (let index = 0; index < SOURCES_MAX + 5; index += 1) {
      const address = `11.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
      door.sources.failed(address);
    }
    expect(door.sources.list()).toHaveLength(SOURCES_MAX);
  });
});

describe('on a drachtio-server, which lets in everybody', () => {
  it.each([
    ['INVITE', 'stranger', 403],
    ['INVITE', 'road', 401],
    ['OPTIONS', 'road', 403],
  ])('%s of %s from outside gets %i', (method, user, status) => {
    server = null;
    const call = new Incoming(method, { From: `<sip:${user}@x>` }, { sourceHost: AWAY });
    expect(door.open(call.request)).toBeNull();
    expect(call.answers[0]?.status).toBe(status);
    const near = new Incoming(method, { From: `<sip:${user}@x>` }, { sourceHost: '10.1.1.1' });
    expect(door.open(near.request)).toBe(near.request);
  });
});

describe('with sipd, which has let it in', () => {
  it.each([
    ['a quote within a name', 'a"b <sip:road@x>;tag=1'],
    ['a comma within a name', 'a,b <sip:road@x>;tag=1'],
    ['a name beyond what we read', `"${'x'.repeat(5_000)}" <sip:road@x>;tag=1`],
    ['a user who was removed meanwhile', '<sip:removed@x>;tag=1'],
    ['no user', '<sip:101@pbx>'],
  ])('is refused where its From has %s', (_what, From) => {
    const { admitted, answer } = invite(AWAY, { From });
    expect([admitted, answer?.status]).toEqual([null, 403]);
  });

  it('is taken where it says that it is a registrar: it knows all their addresses', () => {
    const headers = { From: '<sip:101@pbx>' };
    expect(invite(AWAY, headers, { isOfRegistrar: true }).admitted).not.toBeNull();
    open({ allow: ['10.0.0.0/8'] });
    expect(invite(AWAY, headers, { isOfRegistrar: true }).answer?.status).toBe(403);
  });

  it('is taken within a dialog, whoever owned it', () => {
    const bye = new Incoming(
      'BYE',
      { From: '<sip:101@pbx>;tag=1', To: '<sip:queue1@acd>;tag=2' },
      { sourceHost: AWAY, dialogId: 'c1;from-tag=1' },
    );
    expect(door.open(bye.request)).toBe(bye.request);
    expect(invite(AWAY, { From: '<sip:101@pbx>' }, { dialogId: 'x' }).answer?.status).toBe(403);
  });
});
