/**
 * Goal: from outside of `sip.allow` a user calls with his password, and nobody else hears a word.
 * Method: plain telephones on the real SIP server, which is told to take nothing from loopback;
 * digests by a computation of the tests' own.
 */
import { expect, it } from 'vitest';
import { sipUsers } from '../../../src/config/sip-users.ts';
import { answerChallenge } from '../../support/digest.ts';
import { openStage } from '../../support/stage.ts';
import { acdConfig, registrar, SDP_OFFER } from '../../unit/sip/fakes.ts';
import { sipServer, startAcd, type Acd } from './acd.ts';
import { header, Phone } from './phone.ts';

const stage = openStage('sip-outside');
const ELSEWHERE = ['192.0.2.7'];
const road = { username: 'road', password: 'a long secret' };

async function open(): Promise<{ acd: Acd; phone: Phone }> {
  const server = await stage.addForTest(sipServer(ELSEWHERE));
  const { users } = sipUsers([{ name: road.username, password: road.password }], '/', null);
  const config = acdConfig({ allow: ELSEWHERE, users });
  const acd = await stage.addForTest(startAcd(server, config));
  return { acd, phone: await stage.addForTest(Phone.open('road', acd.sip)) };
}

it('asks a user for his password, takes either digest, and is silent else', async () => {
  const { acd, phone } = await open();
  const stranger = await stage.addForTest(Phone.open('stranger', acd.sip));
  stranger.start('INVITE', 'queue1', { body: SDP_OFFER });
  stranger.start('OPTIONS', 'queue1');
  const uri = `sip:queue1@127.0.0.1:${acd.sip.port}`;
  const invite = (Authorization = '') => {
    const headers = Authorization === '' ? {} : { Authorization };
    return phone.start('INVITE', 'queue1', { body: SDP_OFFER, headers });
  };
  for (const algorithm of ['SHA-256', 'MD5']) {
    const first = invite();
    const asked = await phone.response(first);
    expect(asked.status).toBe(401);
    phone.ack(first, asked);
    const values = asked.headers
      .filter(([name]) => /^www-authenticate$/i.test(name))
      .map(([, value]) => value);
    expect(values.map((value) => /algorithm=([^,]+)/.exec(value)?.[1])).toEqual(['SHA-256', 'MD5']);
    const challenge = values.find((value) => value.includes(algorithm)) ?? '';
    const again = invite(answerChallenge(challenge, 'INVITE', uri, road));
    const ok = await phone.response(again);
    expect(ok.status).toBe(200);
    phone.ack(again, ok);
    const bye = phone.within(again, ok, 'BYE', 10);
    expect((await phone.response(bye)).status).toBe(200);
    const wrong = { ...road, password: 'guessed' };
    const guess = invite(answerChallenge(challenge, 'INVITE', uri, wrong));
    const refused = await phone.response(guess);
    expect(refused.status).toBe(401);
    expect(header(refused, 'WWW-Authenticate')).not.toContain('stale');
    phone.ack(guess, refused);
  }
  expect(await acd.event('CallEnded', 2)).toMatchObject({ kind: 'CallEnded' });
  // A drachtio-server has no silence.
  if (process.env['ACD_DRACHTIO'] === undefined) expect(stranger.seen).toEqual([]);
});

it('lets nobody else in: a From in which only sipd reads his name is refused', async () => {
  const { acd, phone } = await open();
  for (const From of [
    'a"b <sip:road@x>',
    'a,b <sip:road@x>',
    `"${'x'.repeat(5_000)}" <sip:road@x>`,
  ]) {
    const call = phone.start('INVITE', 'queue1', { body: SDP_OFFER, headers: { From } });
    const refused = await phone.response(call);
    expect(refused.status).toBe(403);
    phone.ack(call, refused);
  }
  expect(acd.loop.state.calls.size).toBe(0);
});

// A drachtio-server does not tell.
it.skipIf(process.env['ACD_DRACHTIO'] !== undefined)(
  'takes a registrar by the word of the SIP server, when it knows none itself',
  async () => {
    const server = await stage.addForTest(sipServer(['registrars']));
    const probe = await startAcd(server, acdConfig());
    await probe.stop();
    const pbx = await stage.addForTest(Phone.open('pbx', probe.sip));
    const entry = registrar({ registrar: `sip:127.0.0.1:${pbx.port}` });
    const allow = ['registrars'];
    const before = await stage.addForTest(
      startAcd(server, acdConfig({ allow, register: [entry] })),
    );
    pbx.answer(await pbx.request('REGISTER'), 200, 'OK', {});
    await expect.poll(() => before.edge.health().registrars[0]?.state).toBe('registered');
    const unregistered = pbx.request('REGISTER').then((request) => {
      pbx.answer(request, 200, 'OK', {});
    });
    await Promise.all([before.stop(), unregistered]);
    const acd = await stage.addForTest(startAcd(server, acdConfig({ allow })));
    const caller = await stage.addForTest(Phone.open('caller', acd.sip));
    const call = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
    const ok = await caller.response(call);
    expect(ok.status).toBe(200);
    caller.ack(call, ok);
    const bye = caller.within(call, ok, 'BYE', 10);
    expect((await caller.response(bye)).status).toBe(200);
  },
);
