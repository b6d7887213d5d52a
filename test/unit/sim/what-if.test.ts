/**
 * Goal: a recorded day run again is the day that was, and another configuration makes the
 * difference that it must. Method: a simulated day is the recording; recordings of a few events
 * by hand for what exactly is taken from them.
 */
import { describe, expect, it } from 'vitest';
import type { CoreEvent, StoredEvent } from '../../../src/core/events.ts';
import type { CoreConfig } from '../../../src/core/types.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import type { FileRead } from '../../../src/journal/reader.ts';
import { houseConfig } from '../../../src/sim/config.ts';
import { settle } from '../../../src/sim/options.ts';
import { Recording } from '../../../src/sim/recording.ts';
import { Replayed } from '../../../src/sim/replayed.ts';
import { simulate } from '../../../src/sim/simulate.ts';
import { whatIf, type WhatIf } from '../../../src/sim/what-if.ts';
import { writeWhatIf, writeWhatIfJson } from '../../../src/sim/what-if-report.ts';

const ALWAYS = { from: 0, to: Infinity };
const OPTIONS = settle({
  seed: 4,
  hours: 0.6,
  agents: 12,
  queues: 2,
  memberships: 1,
  callsPerHour: 500,
  handle: 60,
  patience: 60,
  faults: false,
});

function configOf(change: (config: CoreConfig) => CoreConfig = (config) => config): CoreConfig {
  const house = houseConfig(OPTIONS);
  if (!house.ok) throw new Error(house.fault);
  return change(house.config);
}

const journal = new MemoryJournal();
let recorded: Promise<unknown> | null = null;

/** The recorded day, once for all tests. */
async function answerTo(config: CoreConfig, window = ALWAYS): Promise<WhatIf> {
  recorded ??= simulate(OPTIONS, journal);
  await recorded;
  const read = (hear: (stored: StoredEvent) => void): FileRead => {
    const page = journal.read(1, Infinity);
    if (!page.ok) return page;
    for (const stored of page.events) hear(stored);
    return { ok: true, snapshot: null };
  };
  const answer = await whatIf({ window, config, thresholdMs: 20_000, seed: 1, read });
  if (!answer.ok) throw new Error(answer.fault);
  return answer.found;
}

describe('a recorded day', () => {
  it('run again as it was is nearly what it was', async () => {
    const { recorded: was, replayed, other } = await answerTo(configOf());
    expect(was.figures.offered).toBeGreaterThan(240);
    expect(replayed.figures.offered).toBe(was.figures.offered);
    expect(Math.abs(replayed.figures.answered - was.figures.answered)).toBeLessThan(20);
    expect(replayed.figures.serviceLevel).toBeCloseTo(was.figures.serviceLevel, 1);
    // The same rules: not nearly, but exactly the same.
    expect(other).toEqual(replayed);
  });

  it('with a longer wrap-up serves fewer, and says by how much', async () => {
    const slow = configOf((config) => ({
      ...config,
      queues: config.queues.map((queue) => ({ ...queue, wrapupMs: 60_000 })),
    }));
    const found = await answerTo(slow);
    const [before, after] = [found.replayed.figures, found.other.figures];
    expect(after.serviceLevel).toBeLessThan(before.serviceLevel - 0.1);
    expect(after.waitMs).toBeGreaterThan(before.waitMs);
    expect(writeWhatIf(found, 'slow.yaml')).toMatch(/service level +\S+ % +\S+ % +\S+ % +-/);
    const told = JSON.parse(writeWhatIfJson(found)) as { difference: Record<string, number> };
    expect(told.difference['serviceLevel']).toBeCloseTo(after.serviceLevel - before.serviceLevel);
    expect(told.difference['waitMs']).toBeCloseTo(after.waitMs - before.waitMs);
  });

  it('in a house without one queue and one agent says so', async () => {
    const found = await answerTo(
      configOf((config) => ({
        ...config,
        queues: config.queues.slice(1),
        agents: config.agents.slice(1).map((agent) => ({ ...agent, queues: ['queue2'] })),
      })),
    );
    expect(found.notes).toEqual([
      'agents not in the other configuration: 100000',
      'queues not in the other configuration: queue1',
    ]);
    expect(found.other.figures.refused).toBe(found.recorded.queues.get('queue1')?.offered);
  });

  it('counts a caller who goes on in each queue, with his wait there', async () => {
    const timely = configOf((config) => ({
      ...config,
      queues: config.queues.map((queue, index) => ({
        ...queue,
        ...(index === 0
          ? { maxWaitMs: 1, failover: { TIMEOUT: [{ to: 'queue', queue: 'queue2' }] } }
          : {}),
      })),
    }));
    const { other } = await answerTo(timely);
    const [first, second] = ['queue1', 'queue2'].map((name) => other.queues.get(name));
    const { offered, answered } = other.figures;
    expect(first?.failed).toBeGreaterThan(10);
    expect((first?.offered ?? 0) + (second?.offered ?? 0)).toBe(offered + (first?.failed ?? 0));
    expect((first?.answered ?? 0) + (second?.answered ?? 0)).toBe(answered);
    expect(second).not.toHaveProperty('occupancy');
  });

  it('is cut to the time asked for; who had logged in before is there', async () => {
    const { from } = await answerTo(configOf());
    const half = from + 900_000;
    const found = await answerTo(configOf(), { from: half, to: Infinity });
    expect(found.from).toBeGreaterThanOrEqual(half);
    const { offered, answered } = found.replayed.figures;
    expect(offered).toBe(found.recorded.figures.offered);
    expect(answered / offered).toBeGreaterThan(0.7);
  });
});

const AT = { by: 'test' };
const device = { uri: 'sip:1@pbx', registrar: null };
const offer = { callId: 'a', queue: 'q', agentId: '1', device, deadline: 9_000 };
const DAY: readonly CoreEvent[] = [
  { kind: 'AgentLoggedIn', at: 100, agentId: '1', device, ...AT },
  report(110, 'idle'),
  entered('a', 1_000),
  { kind: 'CallConfirmed', at: 1_200, callId: 'a', ...AT },
  { kind: 'AgentOffered', at: 1_200, offerId: 'o1', ...offer, ...AT },
  report(1_250, 'ringing'),
  { kind: 'OfferRang', at: 1_300, offerId: 'o1', ...AT },
  { kind: 'OfferAnswered', at: 4_200, offerId: 'o1', ...offer, ...AT },
  { kind: 'CallConnected', at: 4_230, offerId: 'o1', ...offer, waitedMs: 3_230, ...AT },
  ended('a', 9_230, { agentId: '1', offerId: 'o1', waitedMs: 3_230, talkedMs: 5_000 }),
  report(9_300, 'inuse'),
  entered('b', 10_000),
  ended('b', 16_000, { status: 'ABANDONED', waitedMs: 6_000 }),
];

function queueOf(name: string) {
  const times = { timeoutMs: 15_000, retryMs: 5_000, wrapupMs: 0, periodicAnnounceMs: 0 };
  return { name, strategy: 'most-idle', ...times, maxlen: 0, weight: 0 } as const;
}

function report(at: number, state: 'idle' | 'ringing' | 'inuse'): CoreEvent {
  const deviceUri = device.uri;
  return { kind: 'DeviceReported', at, agentId: '1', deviceUri, state, source: '', ...AT };
}

function entered(callId: string, at: number): CoreEvent {
  const leg = { sipCallId: callId, from: 'f@x', fromName: 'F', to: 'q@acd' };
  return { kind: 'CallEntered', at, callId, queue: 'q', ...leg, entry: at, position: 1, ...AT };
}

function ended(callId: string, at: number, end: object): CoreEvent {
  return {
    kind: 'CallEnded',
    at,
    callId,
    queue: 'q',
    status: 'COMPLETED',
    endedBy: 'agent',
    agentId: null,
    offerId: null,
    waitedMs: 0,
    talkedMs: 0,
    position: 1,
    ...AT,
    ...end,
  };
}

function record(events: readonly CoreEvent[], window = ALWAYS): Recording {
  const recording = new Recording(window);
  for (const event of events) recording.hear(event);
  return recording;
}

describe('a recording', () => {
  it('holds what people did, not what was made of it', () => {
    const { calls, doings, fates } = record(DAY);
    expect(calls).toMatchObject([
      { callId: 'a', at: 1_000, confirmMs: 200, waitedMs: 3_230, talkMs: 5_000, hangsUp: 'agent' },
      { callId: 'b', at: 10_000, confirmMs: null, talkMs: null, hasAbandoned: true },
    ]);
    expect(fates.get('1')).toEqual([
      { kind: 'answers', ringsMs: 100, afterMs: 3_000, bridgeMs: 30 },
    ]);
    // That it rang was our doing; that it was in use afterwards was not.
    expect(
      doings.map(({ at, doing }) => [at, 'state' in doing ? doing.state : doing.kind]),
    ).toEqual([
      [100, 'login'],
      [110, 'idle'],
      [9_300, 'inuse'],
    ]);
  });

  it('takes callers as they came: to the queue they asked for, with what they brought', () => {
    const queues = [
      { ...queueOf('q'), priority: 2 },
      { ...queueOf('desk'), direct: true as const },
    ];
    const config = { queues, agents: [], secondLogin: 'refuse', maxCalls: 9 } as const;
    const limits = { min: null, max: 3, raise: null };
    const skills = { is: 'level', skill: 'english', least: 1, most: 100 } as const;
    const came = (id: string, more: object): CoreEvent => ({ ...entered(id, 500), ...more });
    const asked = { maxWaitMs: 9_000, limits, skills };
    const { calls } = record([
      { kind: 'ConfigApplied', at: 1, config, ...AT },
      came('ruled', { priority: 2 }),
      came('own', { priority: 7, ...asked }),
      came('placed', { priority: 2, order: 0.5, position: 1 }),
      came('led', { queue: 'r', left: [{ queue: 'q', status: 'FULL' }], priority: 5 }),
      came('his', { queue: 'desk', to: '2771@acd:5071', only: '2771' }),
    ]);
    expect(calls.map(({ callId, queue, brings }) => [callId, queue, brings])).toEqual([
      ['ruled', 'q', {}],
      ['own', 'q', { priority: 7, ...asked }],
      ['placed', 'q', { position: 1 }],
      ['led', 'q', {}],
      ['his', 'desk', { agentId: '2771' }],
    ]);
    expect(new Replayed(record(DAY.slice(0, 3)), 1).nextVisit()).toMatchObject({ brings: {} });
  });

  it('leaves out pauses that we ordered: whoever misses nothing is not paused', () => {
    const his = { agentId: '1', by: 'agent:1', kind: 'AgentPaused' } as const;
    const auto: CoreEvent = { ...his, at: 9_100, reason: 'auto: no-answer', auto: true };
    const { doings } = record([...DAY, auto, { ...his, at: 17_000, reason: 'lunch' }]);
    const paused = doings.filter(({ doing }) => doing.kind === 'pause');
    expect(paused.map(({ doing }) => 'reason' in doing && doing.reason)).toEqual(['lunch']);
  });

  it('that begins later begins with the single queues he has left or pauses in', () => {
    const his = { agentId: '1', by: 'agent:1' };
    const more = [
      { kind: 'QueueLeft', at: 9_100, queue: 'r', ...his },
      { kind: 'AgentPaused', at: 9_110, reason: 'lunch', queue: 's', ...his },
      { kind: 'AgentResumed', at: 9_400, queue: 's', ...his },
    ] as CoreEvent[];
    const day = [...DAY, ...more].sort((a, b) => a.at - b.at);
    const { doings } = record(day, { from: 9_250, to: Infinity });
    const single = doings.map(({ doing }) => doing).filter((doing) => 'queue' in doing);
    expect(single).toEqual([
      { kind: 'leave', queue: 'r' },
      { kind: 'pause', reason: 'lunch', queue: 's' },
      { kind: 'resume', queue: 's' },
    ]);
  });

  it.each([0, 9_600])('has a phone in use while its agent makes a call, from %i on', (from) => {
    const his = { callId: 'd', agentId: '1', by: 'agent:1' };
    const own = [
      { kind: 'OutboundBegan', at: 9_400, device, uri: 'sip:2@x', ...his },
      report(9_500, 'ringing'),
      { kind: 'OutboundEnded', at: 9_700, talkedMs: 0, ...his },
      report(9_750, 'idle'),
    ] as CoreEvent[];
    const day = [...DAY.slice(0, 2), ...own, entered('b', 10_000)];
    const { doings } = record(day, { from, to: Infinity });
    const shown = doings.flatMap(({ doing }) => ('state' in doing ? [doing.state] : []));
    const before = from === 0 ? ['idle', 'inuse'] : ['inuse'];
    expect(shown).toEqual([...before, 'ringing', 'idle']);
  });

  it('that begins later begins with who is there', () => {
    const { calls, doings } = record(DAY, { from: 9_250, to: Infinity });
    expect(calls.map(({ callId }) => callId)).toEqual(['b']);
    expect(doings.map(({ at, doing }) => [at, doing.kind])).toEqual([
      [9_300, 'login'],
      [9_300, 'report'],
      [9_300, 'report'],
    ]);
  });

  it('lets the impatient be as patient as they were, the others at least as patient', () => {
    const visits = new Replayed(record(DAY), 1);
    const [a, b] = [visits.nextVisit(), visits.nextVisit()];
    expect(b?.patienceMs).toBe(6_000);
    expect(a?.patienceMs).toBeGreaterThan(3_230);
    // He who never talked talks like the others.
    expect(b?.talkMs).toBe(5_000);
    expect(visits.nextVisit()).toBeNull();
    // An agent makes of offers what he made of his own, others what everybody made of theirs.
    expect(visits.fate('2')).toEqual(visits.fate('1'));
  });
});
