/**
 * Issue 2, point 4: the agent idle longest over all his queues is rung; who does not answer, is
 * busy, declines or cannot be reached is followed by the next, while the caller keeps his place and
 * his music; on answer both hear each other; BYE from either side ends both; races come out right.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAcd, type Acd } from '../support/acd.ts';
import { music as wholeMusic } from '../support/stories.ts';
import type { Call } from '../support/call.ts';
import { kill } from '../support/full-house.ts';
import { until } from '../support/inbox.ts';
import type { Phone } from '../support/phone.ts';
import { openStage } from '../support/stage.ts';
import { allWell, enter, logIn, offers, phone, placeInMusic, talk } from '../support/stories.ts';

const stage = openStage('routing');
const ids = ['2771', '2772', '2773'] as const;
/** How the first agent fails, and what the offer is then counted as. */
const ways: [string, string, (call: Call, desk: Phone) => void][] = [
  ['does not answer', 'no-answer', (call) => call.ring()],
  ['is busy', 'busy', (call) => call.busy()],
  ['declines', 'declined', (call) => call.decline()],
  ['cannot be reached', 'unreachable', (call) => call.reject(480, 'Temporarily Unavailable')],
  ['fails', 'failed', (call) => call.reject(500, 'Server Error')],
  ['is not there at all', 'no-answer', (_call, desk) => (desk.wire.deaf = true)],
];
let acd: Acd;

/**
 * The veto of queue `asked`: what it answers in turn (null: nothing at all), then 500; whom it was
 * asked about, and by which ids.
 */
const veto = { answers: [] as (object | null)[], asked: [] as string[], ids: [] as string[] };
let crm: Server;

async function openVeto(): Promise<string> {
  crm = createServer((request, reply) => {
    let body = '';
    request.on('data', (part) => (body += String(part)));
    request.on('end', () => {
      veto.asked.push((JSON.parse(body) as { data: { agent: string } }).data.agent);
      veto.ids.push(String(request.headers['webhook-id']));
      const answer = veto.answers.shift();
      if (answer !== null)
        reply.writeHead(answer === undefined ? 500 : 200).end(JSON.stringify(answer ?? {}));
    });
  });
  await new Promise<void>((resolve) => crm.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(crm.address() as AddressInfo).port}/ring`;
}

afterAll(() => {
  crm.closeAllConnections();
  crm.close();
});

beforeAll(async () => {
  const queue = { welcome: [], timeout: 3, retry: 0.5 };
  // Each way to fail has a queue of its own, whose agents rest long after a failure.
  const failing = ways.map((_, index) => ({ ...queue, name: `way${index}`, retry: 60 }));
  acd = await stage.add(
    startAcd(stage, {
      queues: [
        ...[{ ...queue, name: 'queue1' }, { ...queue, name: 'queue2' }, ...failing],
        { ...queue, name: 'asked', veto: 'crm', retry: 60 },
      ],
      more: {
        vetoes: [
          { name: 'crm', url: await openVeto(), secret: 'of the test of vetoes', timeout: 10 },
        ],
      },
      agents: [
        { id: '2771', queues: ['queue1', 'queue2'] },
        { id: '2772', queues: ['queue1'] },
        { id: '2773', queues: ['queue1'] },
        { id: '3001', queues: ['asked'] },
        { id: '3002', queues: ['asked'] },
        ...ways.flatMap((_, index) => [
          { id: `10${index}`, queues: [`way${index}`] },
          { id: `20${index}`, queues: [`way${index}`] },
        ]),
      ],
    }),
  );
});

stage.check(async () => {
  for (const id of ids) await fetch(`${acd.rest}/agents/${id}/logout`, { method: 'POST' });
  await allWell(acd);
});

/** Phones of the first `count` agents, logged in one after the other: the first idles longest. */
async function desks(count: number): Promise<Phone[]> {
  const made: Phone[] = [];
  for (const id of ids.slice(0, count)) {
    const desk = await phone(stage, `desk${id}`);
    await logIn(acd, desk, id);
    made.push(desk);
  }
  return made;
}

/** Which of the desks rings next; the call is taken. */
async function nextRinging(all: readonly Phone[]): Promise<{ desk: number; call: Call }> {
  const waiting = all.map(async (desk, index) => ({ desk: index, call: await desk.incoming() }));
  for (const one of waiting) one.catch((trouble: unknown) => trouble);
  return Promise.race(waiting);
}

describe('the most idle agent', () => {
  it('is rung, and goes to the end of the line after his call', async () => {
    const all = await desks(3);
    const order: number[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      const caller = await phone(stage, `caller${turn}`);
      const call = await enter(acd, caller, 'queue1');
      const ringing = all.map(async (desk) =>
        desk.dialled(1 + order.filter((index) => all[index] === desk).length, 5_000),
      );
      for (const one of ringing) one.catch((trouble: unknown) => trouble);
      const rung = await Promise.race(ringing);
      order.push(all.findIndex((desk) => desk.history.includes(rung)));
      rung.ring();
      rung.answer();
      await acd.agentIs(ids[order[turn] ?? 0] ?? '', 'busy');
      await call.bye();
      await rung.ended;
      await acd.agentIs(ids[order[turn] ?? 0] ?? '', 'idle');
    }
    expect(order).toEqual([0, 1, 2, 0]);
  });

  it('is counted over all his queues, not this one', async () => {
    const all = await desks(2);
    const [first, second] = all as [Phone, Phone];
    const elsewhere = await enter(acd, await phone(stage, 'other'), 'queue2');
    const taken = await first.incoming();
    taken.answer();
    await acd.agentIs('2771', 'busy');
    await elsewhere.bye();
    await acd.agentIs('2771', 'idle');
    const call = await enter(acd, await phone(stage, 'caller'), 'queue1');
    (await second.incoming()).answer();
    await acd.agentIs('2772', 'busy');
    expect(first.ringing.pending).toEqual([]);
    await call.bye();
  });
});

describe('the next most idle agent is rung, while the caller keeps place and music,', () => {
  const cases = ways.map(([name, outcome], index) => ({ name, outcome, index }));

  it.each(cases)('when the first $name ($outcome)', async ({ outcome, index }) => {
    const act = ways[index]?.[2] ?? (() => undefined);
    const queue = `way${index}`;
    const [first, second] = [await phone(stage, 'first'), await phone(stage, 'second')];
    await logIn(acd, first, `10${index}`);
    await logIn(acd, second, `20${index}`);
    const before = await offers(acd, outcome);
    const call = await enter(acd, await phone(stage, 'caller'), queue);
    const missed = await first.incoming();
    act(missed, first);
    const rung = await second.incoming();
    const behind = await enter(acd, await phone(stage, 'behind'), queue);
    const shown = await acd.calls(queue);
    expect(shown.map(({ id, position }) => [id, position])).toEqual([
      [call.callId, 1],
      [behind.callId, 2],
    ]);
    expect(await offers(acd, outcome)).toBe(before + 1);

    await call.rtp.hearAtLeast(8_000, 0);
    const last = call.rtp.mark() - 4_000;
    rung.answer();
    await talk(call, rung);
    // The music of the caller ran through all this without a gap.
    const length = wholeMusic().length;
    const ran = placeInMusic(call.rtp, last) - placeInMusic(call.rtp, 800);
    const drift = Math.abs(((ran + length) % length) - (last - 800));
    expect(drift, 'samples of music lost').toBeLessThan(480);
    if (outcome === 'no-answer' && !first.wire.deaf) expect(missed.end).toBe('cancel received');
    await behind.bye();
    await rung.bye();
    expect(await call.ended).toBe('bye received');
  });
});

describe('caller and agent', () => {
  it.each([
    ['PCMU', 'PCMU'],
    ['PCMA', 'PCMU'],
    ['PCMU', 'PCMA'],
  ])('hear each other with no re-INVITE to the caller (%s to %s)', async (one, other) => {
    const [desk] = (await desks(1)) as [Phone];
    const call = await enter(acd, await phone(stage, 'caller'), 'queue1', { codecs: [one] });
    const { call: rung } = await nextRinging([desk]);
    call.rtp.sendTone(440);
    rung.rtp.sendTone(1000);
    rung.answer([other]);
    const heard = await Promise.all([rung.rtp.hearTone(440), call.rtp.hearTone(1000)]);
    const [agentHears, callerHears] = heard.map((at) => at - rung.answeredAt);
    console.info(`${one}/${other}: agent hears after ${agentHears} ms, caller ${callerHears} ms`);
    expect((await acd.calls('queue1'))[0]).toMatchObject({ state: 'assigned', agent: '2771' });
    expect(call.reoffers).toEqual([]);
    await call.bye();
    expect(await rung.ended).toBe('bye received');
  });

  it('are both ended by the agent’s BYE', async () => {
    const [desk] = (await desks(1)) as [Phone];
    const call = await enter(acd, await phone(stage, 'caller'), 'queue1');
    const rung = await desk.incoming();
    rung.answer();
    await talk(call, rung);
    await rung.bye();
    expect(await call.ended).toBe('bye received');
    await acd.agentIs('2771', 'idle');
  });
});

describe('races', () => {
  it('a caller who hangs up as the agent answers leaves nobody connected', async () => {
    const [desk] = (await desks(1)) as [Phone];
    for (let round = 0; round < 10; round += 1) {
      const call = await enter(acd, await phone(stage, `caller${round}`), 'queue1');
      const rung = await desk.incoming();
      rung.ring();
      const order = round % 2 === 0;
      if (order) rung.answer();
      const gone = call.bye();
      if (!order) rung.answer();
      await gone;
      expect(['bye received', 'cancel received']).toContain(await rung.ended);
      await acd.callsAre('queue1', 0);
      await acd.agentIs('2771', 'idle');
    }
  });

  it('an answer that crosses our CANCEL is ended, and the next agent has the call', async () => {
    const [first, second] = (await desks(2)) as [Phone, Phone];
    const call = await enter(acd, await phone(stage, 'caller'), 'queue1');
    const late = await first.incoming();
    late.ring();
    // This phone answers at the very moment the CANCEL reaches it: the 200 is sent first.
    const cancelled = late.receiveCancel.bind(late);
    late.receiveCancel = (incoming) => {
      late.answer();
      cancelled(incoming);
    };
    const rung = await second.incoming();
    rung.answer();
    expect(await late.ended).toBe('bye received');
    await talk(call, rung);
    expect((await acd.calls('queue1'))[0]).toMatchObject({ state: 'assigned', agent: '2772' });
    await call.bye();
  });

  it('two agents freed and two callers arriving in one moment make two pairs', async () => {
    const all = (await desks(2)) as [Phone, Phone];
    const busy = [];
    for (const desk of all) {
      const call = await enter(acd, await phone(stage, 'earlier'), 'queue1');
      const rung = await desk.incoming();
      rung.answer();
      await rung.acked;
      busy.push({ call, rung });
    }
    await acd.agentIs('2771', 'busy');
    await acd.agentIs('2772', 'busy');
    const callers = [await phone(stage, 'one'), await phone(stage, 'two')];
    const [one, two] = await Promise.all([
      ...callers.map(async (caller) => enter(acd, caller, 'queue1')),
      ...busy.map(async ({ rung }) => rung.bye()),
    ]);
    const rung = await Promise.all(all.map(async (desk) => desk.incoming()));
    for (const call of rung) call.answer();
    const pairs = await acd.callsAre('queue1', 2);
    expect(new Set(pairs.map((call) => call.agent)).size).toBe(2);
    for (const call of [one, two] as Call[]) {
      await Promise.all(rung.map(async (each) => each.acked));
      await call.bye();
    }
    expect(await Promise.all(rung.map(async (each) => each.ended))).toEqual([
      'bye received',
      'bye received',
    ]);
  });
});

describe('a veto', () => {
  it('that refuses keeps the phone silent, that allows or says nothing lets it ring', async () => {
    const [first, second] = [await phone(stage, 'first'), await phone(stage, 'second')];
    await logIn(acd, first, '3001');
    await logIn(acd, second, '3002');
    veto.answers.push({ verdict: 'refuse', reason: 'not his customer' }, { verdict: 'allow' });
    const call = await enter(acd, await phone(stage, 'caller'), 'asked');
    const rung = await second.incoming();
    rung.answer();
    await talk(call, rung);
    expect(veto.asked).toEqual(['3001', '3002']);
    // All that it ever heard of is its own login.
    expect(first.history).toHaveLength(1);
    // The first is free for the next caller; this time the veto fails, which is no refusal.
    const next = await enter(acd, await phone(stage, 'next'), 'asked');
    (await first.incoming()).answer();
    await acd.agentIs('3001', 'busy');
    const { vetoes } = (await (await fetch(`${acd.rest}/vetoes`)).json()) as { vetoes: object[] };
    expect(vetoes).toMatchObject([
      { name: 'crm', state: 'silent', allowed: 1, refused: 1, silent: 1 },
    ]);
    await Promise.all([call.bye(), next.bye()]);
    for (const id of ['3001', '3002']) {
      await fetch(`${acd.rest}/agents/${id}/logout`, { method: 'POST' });
    }
  });

  it('asked by a server that is killed is asked again by the next, and then it rings', async () => {
    const desk = await phone(stage, 'desk');
    await logIn(acd, desk, '3001');
    const before = veto.ids.length;
    veto.answers.push(null, { verdict: 'allow' });
    const call = await enter(acd, await phone(stage, 'caller'), 'asked');
    await until(
      'asked',
      async () => veto.ids.length,
      (count) => count > before,
    );
    kill(acd, 'server');
    const rung = await desk.incoming(15_000);
    rung.answer();
    await talk(call, rung);
    const [first, second] = veto.ids.slice(before);
    expect([veto.ids.length - before, second]).toEqual([2, first]);
    await call.bye();
    await fetch(`${acd.rest}/agents/3001/logout`, { method: 'POST' });
  });
});
