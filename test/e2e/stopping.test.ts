/**
 * Issue 3, point 5: a stop lets the calls that are here finish. New calls and logins are refused
 * or sent to a sibling meanwhile, progress is told, a second signal or the limit ends the rest
 * politely. Method: the product with simulated phones, and real signals.
 */
import { describe, expect, it } from 'vitest';
import { spareIsReady, startAcd, type Acd } from '../support/acd.ts';
import type { Call } from '../support/call.ts';
import { allGone, childNamed, childrenOf } from '../support/family.ts';
import { until, within } from '../support/inbox.ts';
import type { Phone } from '../support/phone.ts';
import { header } from '../support/sip-message.ts';
import { openStage } from '../support/stage.ts';
import { enter, hearsMusic, logIn, phone, talk } from '../support/stories.ts';

const stage = openStage('stopping');
const queues = [
  { name: 'queue1', welcome: [], timeout: 60 },
  { name: 'queue2', welcome: [] },
];
const agents = ['2771', '2772'].map((id) => ({ id, queues: ['queue1'] }));

async function start(drain: object, spare = false): Promise<Acd> {
  return stage.addForTest(startAcd(stage, { queues, agents, more: { drain }, spare }));
}

interface House {
  readonly acd: Acd;
  readonly desk: Phone;
  readonly talking: Call;
  readonly agent: Call;
  readonly waiting: Call;
}

/** A pair that talks, and a caller who waits. */
async function house(drain: object, spare = false): Promise<House> {
  const acd = await start(drain, spare);
  const desk = await phone(stage, 'desk');
  await logIn(acd, desk, '2771');
  const talking = await enter(acd, await phone(stage, 'alice'), 'queue1');
  const agent = await desk.incoming();
  agent.answer();
  agent.rtp.sendSilence();
  await talk(talking, agent);
  const waiting = await enter(acd, await phone(stage, 'bob'), 'queue2');
  await hearsMusic(waiting.rtp);
  return { acd, desk, talking, agent, waiting };
}

async function drains(acd: Acd): Promise<void> {
  acd.process.signal('SIGTERM');
  await until(
    'draining',
    async () => acd.health(),
    ({ status }) => status === 'draining',
  );
}

const reasonOf = ({ endedBy }: Call) => (endedBy === null ? '' : header(endedBy, 'Reason'));

const clean = { code: 0, signal: null };

describe('a stop with calls', () => {
  it('lets them finish, refuses new ones, tells how many are left', async () => {
    const { acd, desk, talking, agent, waiting } = await house({ limit: 60 });
    const children = childrenOf(acd.process.pid).map(({ pid }) => pid);
    await drains(acd);
    const { drain } = await acd.health();
    expect(drain).toMatchObject({ calls_left: 2 });
    expect(drain?.ends_in_seconds).toBeGreaterThan(30);
    await acd.process.printed(/draining: 2 calls left/);

    const carol = await phone(stage, 'carol');
    const late = await carol.dial(acd.uri('queue2'));
    expect(await late.status()).toBe(503);
    expect(header(await late.final, 'Retry-After')).toMatch(/^\d+$/);
    expect(await (await carol.dial(acd.uri('*442772'))).status()).toBe(503);

    await talk(talking, agent);
    await hearsMusic(waiting.rtp);
    await waiting.bye();
    // Every five seconds, whatever happens.
    await acd.process.printed(/draining: 1 call left/);
    await talking.bye();
    await agent.ended;
    expect(await acd.process.ended).toEqual(clean);
    expect(desk.history).toHaveLength(2);
    await allGone(children);
  });

  it('lets who waits be connected', async () => {
    const acd = await start({ limit: 60 });
    const [desk, carol] = [await phone(stage, 'desk'), await phone(stage, 'carol')];
    await logIn(acd, desk, '2771');
    const call = await enter(acd, carol, 'queue1');
    const ringing = await desk.incoming();
    await drains(acd);
    ringing.answer();
    ringing.rtp.sendSilence();
    await talk(call, ringing);
    await call.bye();
    expect(await acd.process.ended).toEqual(clean);
  });

  it('sends new calls and logins to a sibling, where one is configured', async () => {
    const redirect = 'sip:127.0.0.1:5999;transport=tcp';
    const { acd, talking, waiting } = await house({ limit: 60, redirect });
    await drains(acd);
    const carol = await phone(stage, 'carol');
    for (const user of ['queue1', '*442772']) {
      const late = await carol.dial(acd.uri(user));
      expect(await late.status()).toBe(302);
      const contact = header(await late.final, 'Contact');
      expect(contact).toBe(`<sip:${user}@127.0.0.1:5999;transport=tcp>`);
    }
    await Promise.all([talking.bye(), waiting.bye()]);
    expect(await acd.process.ended).toEqual(clean);
  });

  it('given a second signal, ends them with BYE and Reason', async () => {
    const { acd, talking, agent, waiting } = await house({ limit: 60 });
    await drains(acd);
    acd.process.signal('SIGTERM');
    await Promise.all([talking.ended, agent.ended, waiting.ended]);
    for (const call of [talking, agent, waiting]) expect(reasonOf(call)).toMatch(/cause=\d+/);
    expect(await acd.process.ended).toEqual(clean);
  });

  it.each([true, false])(
    'given a server that was just killed (its spare is there: %s), ends them all the same',
    async (spare) => {
      const { acd, talking, agent, waiting } = await house({ limit: 0 }, spare);
      if (spare) await spareIsReady(acd);
      process.kill(childNamed(acd, 'main.js serve').pid, 'SIGKILL');
      await acd.process.printed(/server ended \(SIGKILL\)/);
      acd.process.signal('SIGTERM');
      for (const call of [talking, agent, waiting]) {
        expect(await within('BYE', call.ended, 20_000)).toBe('bye received');
        expect(reasonOf(call)).toMatch(/cause=\d+/);
      }
      expect(await acd.process.ended).toEqual(clean);
    },
  );

  it('given its limit, ends them, and phones that ring fall silent', async () => {
    const acd = await start({ limit: 1 });
    const desk = await phone(stage, 'desk');
    await logIn(acd, desk, '2771');
    const call = await enter(acd, await phone(stage, 'alice'), 'queue1');
    const ringing = await desk.incoming();
    ringing.ring();
    acd.process.signal('SIGTERM');
    expect(await ringing.ended).toBe('cancel received');
    await call.ended;
    expect(reasonOf(call)).toMatch(/cause=\d+/);
    expect(await acd.process.ended).toEqual(clean);
    // What was watched is watched no more.
    expect(desk.watched.watchedBy).toEqual([]);
  });

  it('given none, is over at once, whatever the limit', async () => {
    const acd = await start({ limit: 3600 });
    acd.process.signal('SIGINT');
    expect(await acd.process.ended).toEqual(clean);
    expect(acd.process.output()).not.toContain('draining:');
  });
});
