/**
 * Goal: a talk that is transferred goes on elsewhere, and both hear each other there: in another
 * line of the ACD, and at an address outside, also over a server that is killed meanwhile; and so
 * does a call that an agent makes for himself. Method:
 * simulated phones with real RTP against the whole product; tones name who is heard.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { onDrachtio, runAcd, startAcd, type Acd } from '../support/acd.ts';
import { concat, RATE } from '../support/audio.ts';
import type { Call } from '../support/call.ts';
import { isBack, kill, pidOf, resident } from '../support/full-house.ts';
import { until } from '../support/inbox.ts';
import type { Phone } from '../support/phone.ts';
import { openStage } from '../support/stage.ts';
import { enter, hears, hearsMusic, logIn, phone, prompt, talk } from '../support/stories.ts';

const stage = openStage('transfers');
let acd: Acd;
let desks: readonly Phone[];

beforeAll(async () => {
  acd = await stage.add(
    startAcd(stage, {
      queues: [
        { name: 'sales', welcome: [] },
        { name: 'help', welcome: [] },
      ],
      agents: [
        { id: '2771', queues: ['sales'] },
        { id: '2772', queues: ['help'] },
      ],
      more: { transfers: { allow: ['sip:outside@*'] }, drain: { limit: 30 } },
    }),
  );
  desks = [await resident(stage, 'desk1'), await resident(stage, 'desk2')];
  for (const [index, desk] of desks.entries()) await logIn(acd, desk, `277${index + 1}`);
});

/** The desk's phone rings. */
async function rings(index: number): Promise<Call> {
  const desk = desks[index];
  if (desk === undefined) throw new Error(`no desk ${index}`);
  return desk.incoming();
}

async function transfer({ callId }: Call, to: string): Promise<number> {
  const response = await fetch(`${acd.rest}/calls/${encodeURIComponent(callId)}/transfer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ to }),
  });
  return response.status;
}

/** A caller who talks with 2771. */
async function talking(): Promise<{ caller: Call; agent: Call }> {
  const caller = await enter(acd, await phone(stage, 'caller'), 'sales');
  const agent = await rings(0);
  agent.answer();
  await talk(caller, agent);
  return { caller, agent };
}

it('into another line: music, then the next agent is heard; nobody calls us', async () => {
  const { caller, agent } = await talking();
  expect(await transfer(caller, 'queue:help')).toBe(204);
  expect(await agent.ended).toBe('bye received');
  await acd.agentIs('2771', 'idle');
  caller.rtp.sendSilence();
  const next = await rings(1);
  await hearsMusic(caller.rtp);
  expect(await acd.callsAre('help', 1)).toMatchObject([{ id: caller.callId, state: 'offered' }]);
  next.answer();
  await talk(caller, next, [600, 1200]);
  expect(caller.reoffers).toEqual([]);
  await caller.bye();
  expect(await next.ended).toBe('bye received');
  await acd.isEmpty();
});

it.skipIf(onDrachtio)(
  'outside, bridged: a killed server does not part them; BYE does',
  async () => {
    const { caller, agent } = await talking();
    caller.refuses.add('REFER');
    const outside = await resident(stage, 'outside');
    expect(await transfer(caller, outside.contact.replace(/;.*/, ''))).toBe(204);
    expect(await agent.ended).toBe('bye received');
    const there = await outside.incoming();
    there.answer();
    await talk(caller, there, [500, 900]);
    const shown = async () => {
      const response = await fetch(`${acd.rest}/calls`, { headers: { connection: 'close' } });
      return ((await response.json()) as { calls: { state: string; talked_seconds: number }[] })
        .calls;
    };
    await until('the transfer to be shown', shown, ([one]) => one?.state === 'transferred');
    const former = kill(acd, 'server');
    await isBack(acd, 'server', former);
    await talk(caller, there, [700, 1100]);
    expect(await shown()).toMatchObject([{ state: 'transferred', queue: 'sales' }]);
    await there.bye();
    expect(await caller.ended).toBe('bye received');
    await acd.isEmpty();
    await until('nothing to be shown', shown, ({ length }) => length === 0);
  },
);

it.skipIf(onDrachtio)(
  'outside, by his own side: a swapped server follows on, and calls nobody itself',
  async () => {
    const { caller, agent } = await talking();
    const outside = await resident(stage, 'outside');
    expect(await transfer(caller, outside.contact.replace(/;.*/, ''))).toBe(204);
    expect(await agent.ended).toBe('bye received');
    await caller.requested('REFER');
    const working = await caller.notify('SIP/2.0 100 Trying', 'active');
    expect(working.start).toContain('200');
    const swap = await stage.addForTest(runAcd(acd.folder, ['restart', '--config', acd.file]));
    expect((await swap.ended).code).toBe(0);
    // For longer than a server that knows of no promise would wait for his word.
    caller.rtp.sendSilence();
    await caller.rtp.hearAtLeast(36_000);
    expect(caller.end).toBeNull();
    expect((await caller.notify('SIP/2.0 200 OK', 'terminated')).start).toContain('200');
    expect(await caller.ended).toBe('bye received');
    expect(outside.wire.trace.join('\n')).not.toContain('INVITE');
    await acd.isEmpty();
  },
);

describe('click-to-dial', () => {
  /** Desk 1 takes the call that its agent has asked for; gives it, and the call's id. */
  async function dialled(outside: Phone): Promise<{ own: Call; id: string }> {
    const response = await fetch(`${acd.rest}/calls`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify({ agent: '2771', to: outside.contact.replace(/;.*/, '') }),
    });
    expect(response.status).toBe(201);
    const { call: id } = (await response.json()) as { call: string };
    const own = await rings(0);
    await acd.agentIs('2771', 'ringing');
    own.ring();
    own.answer();
    return { own, id };
  }

  const stateOf = async (id: string): Promise<string> => {
    const response = await fetch(`${acd.rest}/calls/${id}`, { headers: { connection: 'close' } });
    return ((await response.json()) as { state?: string }).state ?? 'gone';
  };
  const callIs = (id: string, state: string) =>
    until(
      `the call to be ${state}`,
      () => stateOf(id),
      (now) => now === state,
    );

  it('rings him, then the number; both hear each other, also over a killed server', async () => {
    const outside = await resident(stage, 'outside');
    const { own, id } = await dialled(outside);
    const there = await outside.incoming();
    there.ring();
    await callIs(id, 'dialling');
    await own.rtp.hearTone(425);
    there.answer();
    await talk(own, there, [500, 900]);
    await callIs(id, 'assigned');
    if (!onDrachtio) {
      const former = kill(acd, 'server');
      await isBack(acd, 'server', former);
      await talk(own, there, [700, 1100]);
      expect(await stateOf(id)).toBe('assigned');
    }
    await there.bye();
    expect(await own.ended).toBe('bye received');
    await callIs(id, 'gone');
    await acd.agentIs('2771', 'idle');
  });

  it.skipIf(onDrachtio).each([
    ['a kill', () => void kill(acd, 'server')],
    ['acd restart', () => void runAcd(acd.folder, ['restart', '--config', acd.file])],
  ])('goes on over %s while the number rings, which rings once', async (_what, strike) => {
    const outside = await resident(stage, 'outside');
    const { own, id } = await dialled(outside);
    const there = await outside.incoming();
    there.ring();
    await callIs(id, 'dialling');
    const former = pidOf(acd, 'server') ?? NaN;
    strike();
    await isBack(acd, 'server', former);
    expect(await stateOf(id)).toBe('dialling');
    there.answer();
    await talk(own, there, [600, 1000]);
    expect(outside.history).toHaveLength(1);
    await callIs(id, 'assigned');
    await own.bye();
    expect(await there.ended).toBe('bye received');
    await acd.agentIs('2771', 'idle');
  });

  it('to a number that is busy gives him the busy tone until he hangs up', async () => {
    const outside = await resident(stage, 'outside');
    outside.onCall = (call) => call.reject(486, 'Busy Here');
    const { own, id } = await dialled(outside);
    const tone = prompt('busy-tone');
    // The ring tone is longer, and so is the silence behind it.
    await hears(own.rtp, concat(tone, new Int16Array(RATE / 2), tone));
    expect([own.end, await stateOf(id)]).toEqual([null, 'dialling']);
    await own.bye();
    await callIs(id, 'gone');
    await acd.agentIs('2771', 'idle');
  });

  it('is waited for by a stop, and ended politely by the second word', async () => {
    const outside = await resident(stage, 'outside');
    const { own, id } = await dialled(outside);
    const there = await outside.incoming();
    there.answer();
    await talk(own, there, [500, 900]);
    await callIs(id, 'assigned');
    process.kill(acd.process.pid, 'SIGTERM');
    await acd.process.printed(/draining: 1 call left/);
    expect([own.end, there.end]).toEqual([null, null]);
    process.kill(acd.process.pid, 'SIGTERM');
    expect(await own.ended).toBe('bye received');
    expect(await there.ended).toBe('bye received');
  });
});
