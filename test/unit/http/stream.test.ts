/**
 * Goal: who follows the events gets each once, in order, also after a broken connection; filters
 * let through what concerns them; a slow reader is told and let go. Method: a real loop on a
 * journal in memory, a real server on a free port, readers over TCP or invented ones.
 */
import { EventEmitter } from 'node:events';
import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createView } from '../../../src/http/live-view.ts';
import { typed, type Http } from '../../../src/http/reply.ts';
import { addEvents } from '../../../src/http/routes/events.ts';
import { BUFFER_MAX, Stream } from '../../../src/http/stream.ts';
import { Subjects, type Filter } from '../../../src/http/subjects.ts';
import { withAgents } from '../core/scenario.ts';
import type { CoreEvent } from '../../../src/core/events.ts';
import { initialState, type Call, type Offer } from '../../../src/core/state.ts';
import type { Transfer } from '../../../src/core/transfer-call.ts';
import { serializerCompiler, validatorCompiler } from '@fastify/type-provider-zod';
import fastify from 'fastify';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import { createMetrics } from '../../../src/observe/metrics.ts';
import { makeClock } from '../../../src/shared/clock.ts';
import { Feed, RESUME_MAX } from '../../../src/runtime/feed.ts';
import { openLoop, type Loop } from '../../../src/runtime/loop.ts';

const queue = (name: string) => ({
  name,
  strategy: 'most-idle' as const,
  timeoutMs: 15_000,
  retryMs: 5_000,
  wrapupMs: 10_000,
  maxlen: 0,
  weight: 0,
  periodicAnnounceMs: 0,
});

let ending: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
  ending = [];
});

async function open() {
  let ids = 0;
  const journal = new MemoryJournal();
  const clock = makeClock(
    () => 1_000_000,
    () => 1_000_000,
  );
  const opened = await openLoop({
    journal,
    clock,
    newId: () => `id${(ids += 1)}`,
    log: () => undefined,
    onFatal: (error) => {
      throw error;
    },
  });
  if (!opened.ok) throw new Error(opened.detail);
  const { loop } = opened;
  await loop.submit({
    kind: 'ApplyConfig',
    by: 'config',
    config: {
      queues: [queue('queue1'), queue('queue2')],
      agents: [{ id: '2771', name: 'Ann', queues: ['queue1'] }],
      secondLogin: 'refuse',
      maxCalls: 10_000,
    },
  });
  const view = createView({
    runtime: loop,
    metrics: createMetrics(() => {
      throw new Error('not asked here');
    }),
    health: () => {
      throw new Error('not asked here');
    },
  });
  return { journal, loop, view };
}

/** A server process over the house; another one may follow over the same journal. */
async function serve({ journal, loop, view }: Awaited<ReturnType<typeof open>>) {
  const feed = new Feed(journal, loop.health().lastSeq);
  const subjects = new Subjects(() => loop.state);
  const stream = new Stream({
    ...{ feed, subjects },
    now: () => loop.now(),
    atRest: (then) => loop.atRest(then),
  });
  loop.react((stored) => {
    subjects.hear(stored.event);
    feed.hear(stored);
    stream.hear(stored);
  });
  const http: Http = typed(fastify({ forceCloseConnections: true }));
  http.setValidatorCompiler(validatorCompiler);
  http.setSerializerCompiler(serializerCompiler);
  addEvents(http, view, stream, () => true);
  await http.listen({ host: '127.0.0.1', port: 0 });
  ending.push(async () => {
    stream.close();
    await http.close();
  });
  const address = http.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { feed, stream, port };
}

interface Heard {
  readonly id: number;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** A reader over TCP: `next(n)` settles when n more events were read; beats are not counted. */
async function follow(port: number, query = '', headers: Record<string, string> = {}) {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path: `/events${query}`, headers }, resolve);
    sent.on('error', reject);
    sent.end();
  });
  answer.on('error', () => undefined);
  const chunks = answer.setEncoding('utf8')[Symbol.asyncIterator]() as AsyncIterator<string>;
  let text = '';
  const next = async (count: number, isBeatWanted = false): Promise<Heard[]> => {
    const heard: Heard[] = [];
    while (heard.length < count) {
      const end = text.indexOf('\n\n');
      if (end === -1) {
        const chunk = await chunks.next();
        if (chunk.done === true) throw new Error('the stream has ended');
        text += chunk.value;
        continue;
      }
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? '';
      const data = JSON.parse(field('data')) as Record<string, unknown>;
      const event = field('event');
      if (isBeatWanted || event !== 'heartbeat')
        heard.push({ id: Number(field('id')), event, data });
      text = text.slice(end + 2);
    }
    return heard;
  };
  return { next, leave: () => answer.destroy() };
}

async function arrives(loop: Loop, id: string, name = 'queue1'): Promise<void> {
  const outcome = await loop.submit({
    kind: 'ArriveCall',
    by: 'sip',
    callId: id,
    queue: name,
    sipCallId: `${id}@10.0.0.1`,
    from: 'gateway@10.0.0.1',
    fromName: '',
    to: `${name}@10.0.0.2:5071`,
  });
  if (!outcome.ok) throw new Error(outcome.refusal);
}

describe('following', () => {
  it('given a new reader, gets a snapshot, then each event by its number', async () => {
    const house = await open();
    const { port } = await serve(house);
    await arrives(house.loop, 'c1');
    const seq = house.loop.health().lastSeq;
    const reader = await follow(port);
    const [first] = await reader.next(1);
    expect(first).toMatchObject({ event: 'snapshot', id: seq, data: { seq, why: 'first' } });
    expect(first?.data.queues).toMatchObject([{ name: 'queue1', waiting: 1 }, { waiting: 0 }]);
    await house.loop.submit({ kind: 'ConfirmCall', by: 'sip', callId: 'c1' });
    await arrives(house.loop, 'c2');
    const heard = await reader.next(2);
    expect(heard.map(({ id, event }) => [id, event])).toEqual([
      [seq + 1, 'CallConfirmed'],
      [seq + 2, 'CallEntered'],
    ]);
    expect(heard[1]?.data).toMatchObject({ seq: seq + 2, callId: 'c2', by: 'sip' });
  });

  it('given everything so far is told, says so', async () => {
    const house = await open();
    const { port } = await serve(house);
    for (const id of ['c1', 'c2']) await arrives(house.loop, id);
    const reader = await follow(port, '?after=1&queue=queue2');
    const [beat] = await reader.next(1, true);
    expect(beat).toMatchObject({ id: house.loop.health().lastSeq, event: 'heartbeat' });
    reader.leave();
  });

  it('given a broken connection, goes on without loss or repetition', async () => {
    const house = await open();
    const { port } = await serve(house);
    const reader = await follow(port);
    await reader.next(1);
    await arrives(house.loop, 'c0');
    const [last] = await reader.next(1);
    reader.leave();
    for (let n = 1; n <= 30; n += 1) await arrives(house.loop, `c${n}`);
    const again = await follow(port, '', { 'last-event-id': String(last?.id) });
    const more = Array.from({ length: 30 }, (_, n) => arrives(house.loop, `d${n}`));
    const heard = await again.next(60);
    await Promise.all(more);
    const from = (last?.id ?? 0) + 1;
    expect(heard.map(({ id }) => id)).toEqual(Array.from({ length: 60 }, (_, n) => from + n));
  });

  it('given another server process, goes on from the journal', async () => {
    const house = await open();
    for (let n = 0; n < 1_200; n += 1) await arrives(house.loop, `c${n}`);
    const { port } = await serve(house);
    const reader = await follow(port, '?after=2');
    const heard = await reader.next(1_000);
    expect(heard.map(({ id }) => id)).toEqual(Array.from({ length: 1_000 }, (_, n) => 3 + n));
  });

  it.each([
    ['a number never given', '999999', 'unknown-number'],
    ['a number pruned away', '0', 'too-old'],
  ])('given %s, gets a new snapshot that says so', async (_name, after, why) => {
    const house = await open();
    house.journal.firstSeq = () => 2;
    const { port } = await serve(house);
    const reader = await follow(port, `?after=${after}`);
    expect((await reader.next(1))[0]).toMatchObject({ event: 'snapshot', data: { why } });
  });

  it('given too many missed, the feed says so', async () => {
    const feed = new Feed(new MemoryJournal(), RESUME_MAX + 1);
    expect(await feed.read(0)).toEqual({ kind: 'gone', why: 'too-old' });
  });

  it('given who may see no more, leaves out what cannot be told to be his', () => {
    const subjects = new Subjects(initialState);
    const event: CoreEvent = { at: 1, by: 'sip', kind: 'CallConfirmed', callId: 'long-gone' };
    const filter = { queues: ['queue1'], agents: [] };
    expect(subjects.passes(event, filter)).toBe(true);
    expect(subjects.passes(event, { ...filter, isStrict: true })).toBe(false);
  });

  it('given a call that is over when a server has taken over, tells it to its queue alone', () => {
    const state = initialState();
    const calls = new Map([['c', { id: 'c', queue: 'queue1' } as Call]]);
    const offers = new Map([['o', { id: 'o', callId: 'c', agentId: '1' } as Offer]]);
    const subjects = new Subjects(() => ({ ...state, calls, offers }));
    calls.clear();
    offers.clear();
    const whose = { at: 1, by: 'sip', offerId: 'o' } as const;
    const of = { callId: 'c', agentId: '1', reason: 'caller-left' } as const;
    const events: CoreEvent[] = [
      { kind: 'OfferRang', ...whose },
      { kind: 'OfferWithdrawn', ...whose, ...of },
    ];
    const passed = (queue: string) =>
      events.filter((one) => subjects.passes(one, { queues: [queue], agents: [], isStrict: true }));
    expect(passed('queue1')).toEqual(events);
    expect(passed('queue2')).toEqual([]);
  });

  it('given many who come at once, draws one picture for those who see the same', async () => {
    const house = await open();
    const resting: ((seq: number) => void)[] = [];
    const stream = new Stream({
      ...{ feed: new Feed(new MemoryJournal(), 7), subjects: new Subjects(initialState) },
      ...{ now: () => 0, atRest: (then) => void resting.push(then) },
    });
    ending.push(async () => stream.close());
    let looks = 0;
    const queues = () => {
      looks += 1;
      const until = performance.now() + 20;
      while (performance.now() < until);
      return house.view.queues();
    };
    const come = (filter: Filter): string[] => {
      const heard: string[] = [];
      const out = Object.assign(new EventEmitter(), {
        ...{ writeHead: () => undefined, end: () => undefined, writableLength: 0 },
        ...{ writableNeedDrain: false, write: (text: string) => heard.push(text) > 0 },
      }) as unknown as ServerResponse;
      void stream.follow(out, { ...house.view, queues }, filter, null);
      return heard;
    };
    const all = { queues: [], agents: [] };
    const heard = [come(all), come({ queues: ['queue2'], agents: [] }), come(all)];
    resting.shift()?.(7);
    expect(looks).toBe(1);
    expect(heard.map(([first = '']) => first.slice(0, 5))).toEqual(['id: 7', '', 'id: 7']);
    expect(resting).toEqual([]);
    await expect.poll(() => resting.length).toBe(1);
    resting.shift()?.(7);
    expect(looks).toBe(2);
    expect(heard[1]?.[0]).toContain('"queue2"');
    expect(heard[1]?.[0]).not.toContain('"queue1"');
  });

  it('given a transfer that a server before began, tells it to its queue alone', () => {
    const state = initialState();
    const transfers = new Map(state.transfers);
    const begun: Partial<Transfer> = { callId: 'c', queue: 'queue1' };
    transfers.set('c', begun as Transfer);
    const adopted = new Subjects(() => ({ ...state, transfers }));
    const heard = new Subjects(initialState);
    const whose = { from: 'ann@pbx', fromName: '', sipCallId: 'c@pbx', uri: 'sip:1@pbx' };
    heard.hear({ at: 1, by: 'sip', kind: 'TransferBegan', callId: 'c', queue: 'queue1', ...whose });
    const events: CoreEvent[] = [
      { at: 2, by: 'sip', kind: 'TransferDialled', callId: 'c', attempt: 1 },
      { at: 3, by: 'sip', kind: 'TransferAnswered', callId: 'c' },
      { at: 4, by: 'sip', kind: 'TransferEnded', callId: 'c', outcome: 'completed', talkedMs: 1 },
    ];
    const passed = (subjects: Subjects, queue: string, isStrict: boolean) =>
      events.filter((one) => subjects.passes(one, { queues: [queue], agents: [], isStrict }));
    // At its end the state knows it no more.
    transfers.clear();
    for (const subjects of [adopted, heard]) {
      expect(passed(subjects, 'queue1', true)).toEqual(events);
      expect(passed(subjects, 'queue2', false)).toEqual([]);
    }
  });

  it('given an agent’s own call, tells it to his queues, also when it is over', () => {
    const { state } = withAgents('1');
    const subjects = new Subjects(() => state);
    const whose = { at: 1, by: 'sip', callId: 'o', agentId: '1' } as const;
    const end = { outcome: 'busy', endedBy: 'callee', talkedMs: 0 } as const;
    const events: CoreEvent[] = [
      { kind: 'OutboundRang', ...whose },
      { kind: 'OutboundEnded', ...whose, ...end },
    ];
    for (const event of events) {
      const passes = (queue: string, agentId = '1') =>
        subjects.passes(event, { queues: [queue], agents: [agentId], isStrict: true });
      expect([passes('sales'), passes('help'), passes('sales', '2')]).toEqual([true, false, false]);
    }
  });

  it('given a queue that has drained, tells it to those of that queue alone', () => {
    const subjects = new Subjects(initialState);
    const event: CoreEvent = { at: 1, by: 'core', kind: 'QueueDrained', queue: 'queue2' };
    const passes = (queue: string, agents: string[] = []) =>
      subjects.passes(event, { queues: [queue], agents });
    expect([passes('queue2'), passes('queue1'), passes('queue2', ['2771'])]).toEqual([
      ...[true, false, false],
    ]);
  });

  it('given a token of some queues, names no others where the configuration changes', async () => {
    const house = await open();
    const { stream, feed } = await serve(house);
    const { config } = house.loop.state;
    const more = { id: '2772', name: '', queues: ['queue2'] };
    const applied = { ...config, agents: [...config.agents, more] };
    const heard: string[] = [];
    const reader = Object.assign(new EventEmitter(), {
      ...{ writeHead: () => undefined, end: () => undefined, writableLength: 0 },
      ...{ writableNeedDrain: false, write: (text: string) => heard.push(text) > 0 },
    });
    const filter = { queues: ['queue1'], agents: [], isStrict: true };
    await stream.follow(reader as unknown as ServerResponse, house.view, filter, feed.lastSeq);
    await house.loop.submit({ kind: 'ApplyConfig', by: 'test', config: applied });
    stream.flush();
    await expect.poll(() => heard.join('')).toContain('event: ConfigApplied');
    expect(heard.join('')).toContain('"queues":["queue1"],"agents":["2771"]');
    expect(heard.join('')).not.toContain('queue2');
  });

  it('given a filter, gets what concerns the queue or the agent', async () => {
    const house = await open();
    const { port } = await serve(house);
    const ofQueue = await follow(port, '?queue=queue2');
    const ofAgent = await follow(port, '?agent=2771');
    const [shown] = await ofQueue.next(1);
    expect(shown?.data).toMatchObject({ queues: [{ name: 'queue2' }], agents: [] });
    await ofAgent.next(1);
    await arrives(house.loop, 'c1', 'queue1');
    await arrives(house.loop, 'c2', 'queue2');
    await house.loop.submit({ kind: 'ConfirmCall', by: 'sip', callId: 'c1' });
    await house.loop.submit({ kind: 'ConfirmCall', by: 'sip', callId: 'c2' });
    const device = { uri: 'sip:100@10.0.0.9', registrar: null };
    await house.loop.submit({ kind: 'LogInAgent', by: 'sip', agentId: '2771', device });
    const heard = await ofQueue.next(2);
    expect(heard.map(({ event, data }) => [event, data.callId])).toEqual([
      ['CallEntered', 'c2'],
      ['CallConfirmed', 'c2'],
    ]);
    expect((await ofAgent.next(1))[0]).toMatchObject({ event: 'AgentLoggedIn' });
  });

  it('given a reader that does not read, tells it and lets it go', async () => {
    const house = await open();
    const { stream } = await serve(house);
    const written: string[] = [];
    const slow = Object.assign(new EventEmitter(), {
      writableLength: 0,
      writableNeedDrain: false,
      writeHead: () => undefined,
      write: (text: string) => written.push(text),
      end: (text: string) => written.push(text),
      destroy: () => undefined,
    });
    await stream.follow(slow as unknown as ServerResponse, house.view, NONE, null);
    slow.writableLength = BUFFER_MAX + 1;
    await arrives(house.loop, 'c1');
    stream.flush();
    slow.emit('close');
    expect(stream.readers).toBe(0);
    expect(written.at(-1)).toContain('event: overflow');
    expect(written.at(-1)).toContain('too-slow');
  });

  it('given one who follows as often as he may, has a place for others', async () => {
    const house = await open();
    const { stream, feed, port } = await serve(house);
    const comes = (asker: string): void => {
      const out = Object.assign(new EventEmitter(), {
        ...{ writeHead: () => undefined, end: () => undefined, write: () => true },
        ...{ writableLength: 0, writableNeedDrain: false },
      });
      const { lastSeq } = feed;
      void stream.follow(out as unknown as ServerResponse, house.view, NONE, lastSeq, { asker });
    };
    const fill = (asker: string): number => {
      const before = stream.readers;
      while (stream.hasPlace(asker)) comes(asker);
      return stream.readers - before;
    };
    const held = ['at 127.0.0.1', 'of wall', 'of desk', 'of crm'].map(fill);
    expect(held[0]).toBe(600);
    expect(held.every((count) => count > 0)).toBe(true);
    expect(stream.hasPlace('of panel')).toBe(true);
    const answer = await fetch(`http://127.0.0.1:${port}/events`);
    expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'too-many-readers' }]);
  });

  it.each(['abc', '-1'])('given Last-Event-ID %s, is a bad request', async (value) => {
    const { stream } = await serve(await open());
    expect(stream.readers).toBe(0);
    const http: Http = typed(fastify());
    http.setValidatorCompiler(validatorCompiler);
    http.setSerializerCompiler(serializerCompiler);
    addEvents(http, (await open()).view, stream, () => true);
    const answer = await http.inject({ url: '/events', headers: { 'last-event-id': value } });
    expect(answer.json()).toMatchObject({ code: 'bad-request' });
  });
});

const NONE = { queues: [], agents: [] };
