/**
 * Goal: before a phone rings its queue's veto is asked once, signed, and what it says, or does not
 * say, is the offer's one ruling. Method: the real loop over a journal in memory and a veto in
 * memory; for what is on the wire a real one.
 */
import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { CoreEvent } from '../../../src/core/events.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import type { Loop } from '../../../src/runtime/loop.ts';
import { ask, readAnswer, type Answer } from '../../../src/webhooks/ask.ts';
import type { Delivery } from '../../../src/webhooks/post.ts';
import { ASKED_MAX, Vetoes } from '../../../src/webhooks/vetoes.ts';
import { agent, config, device, queue } from '../core/scenario.ts';
import { arrive, confirm, start } from '../runtime/trial.ts';

const SECRET = 'of the test of vetoes';
const BY = { by: 'test' };
const ALLOWED: Answer = { ruling: 'allow', detail: '' };

interface Question {
  readonly delivery: Delivery;
  readonly answer: (answer: Answer) => void;
}

/** A loop with ready agents, and the questions that were asked, in order. */
class House {
  readonly questions: Question[] = [];
  readonly events: CoreEvent[] = [];
  readonly warned: string[] = [];
  vetoes: Vetoes | null = null;
  readonly loop: Loop;

  constructor(loop: Loop) {
    this.loop = loop;
    loop.react(({ event }) => void this.events.push(event));
  }

  begin(name = 'crm'): this {
    this.vetoes = new Vetoes({
      configs: [{ name, url: 'https://crm.example.com/ring?key=hidden', secret: SECRET }],
      runtime: this.loop,
      log: { info: () => undefined, warn: (_fields, text) => void this.warned.push(text) },
      ask: (delivery) => new Promise((answer) => void this.questions.push({ delivery, answer })),
    });
    return this;
  }

  async call(...ids: string[]): Promise<void> {
    for (const id of ids) {
      await this.loop.submit(arrive(id));
      await this.loop.submit(confirm(id));
    }
  }

  kinds(kind: CoreEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  asked(index = 0): Question {
    const found = this.questions[index];
    if (found === undefined) throw new Error('nobody was asked');
    return found;
  }
}

async function open(agents = 1): Promise<House> {
  const { loop } = await start(new MemoryJournal());
  const ids = Array.from({ length: agents }, (_, n) => `${n + 1}`);
  const veto = { name: 'crm', timeoutMs: 60_000, silence: 'refuse' } as const;
  const made = config(
    [queue('sales', { veto })],
    ids.map((id) => agent(id, 'sales')),
  );
  await loop.submit({ kind: 'ApplyConfig', config: made, ...BY });
  for (const agentId of ids) {
    await loop.submit({ kind: 'LogInAgent', agentId, device: device(agentId), ...BY });
    const { uri: deviceUri } = device(agentId);
    const idle = { deviceUri, state: 'idle', source: 'presence' } as const;
    await loop.submit({ kind: 'ReportDevice', ...idle, ...BY });
  }
  return new House(loop);
}

describe('an offer that asks', () => {
  it('is asked about, signed by its own id, and rings when it is allowed', async () => {
    const house = (await open()).begin();
    await house.call('a');
    const { delivery, answer } = house.asked();
    const { headers, body } = delivery;
    const text = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const mac = createHmac('sha256', SECRET).update(text).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
    expect(headers['webhook-id']).toBe('a.o1');
    expect(JSON.parse(body)).toMatchObject({
      type: 'acd.veto',
      data: { offer: 'a.o1', call: 'a', queue: 'sales', agent: '1', refused_before: 0 },
    });
    answer(ALLOWED);
    await expect.poll(() => house.kinds('OfferCleared')).toBe(1);
    expect(house.vetoes?.shown()).toMatchObject([
      { name: 'crm', url: 'https://crm.example.com/ring', state: 'up', asked: 1, allowed: 1 },
    ]);
  });

  it('fails when it is refused, with what was said', async () => {
    const house = (await open()).begin();
    await house.call('a');
    house.asked().answer({ ruling: 'refuse', detail: 'not his customer' });
    await expect
      .poll(() => house.events.at(-1))
      .toMatchObject({
        ...{ kind: 'OfferFailed', failure: 'vetoed', detail: 'not his customer' },
      });
  });

  it('given silence, is ruled at once, and it is told once', async () => {
    const house = (await open(2)).begin();
    await house.call('a');
    house.asked(0).answer({ ruling: 'silence', detail: 'ECONNREFUSED' });
    await expect.poll(() => house.questions.length).toBe(2);
    house.asked(1).answer({ ruling: 'silence', detail: 'ECONNREFUSED' });
    await expect.poll(() => house.kinds('OfferFailed')).toBe(2);
    expect(house.warned).toEqual(['veto does not answer']);
    expect(house.vetoes?.shown()).toMatchObject([{ state: 'silent', detail: 'ECONNREFUSED' }]);
  });

  it('is counted as the journal has it, also where the deadline was first', async () => {
    const house = (await open()).begin();
    await house.call('a');
    const late = { offerId: 'a.o1', ruling: 'silence', detail: 'no answer in time' } as const;
    await house.loop.submit({ kind: 'RuleOffer', ...late, ...BY });
    house.asked().answer(ALLOWED);
    await house.loop.submit({ kind: 'NoteStart', version: '1', ...BY });
    expect(house.vetoes?.shown()).toMatchObject([{ asked: 1, allowed: 0, refused: 0, silent: 1 }]);
  });

  it('given its caller hangs up, is cut off, and nothing is said of it', async () => {
    const house = (await open()).begin();
    await house.call('a');
    await house.loop.submit({ kind: 'EndCall', callId: 'a', cause: 'bye', ...BY });
    expect(house.asked().delivery.signal.aborted).toBe(true);
    house.asked().answer(ALLOWED);
    await house.loop.submit({ kind: 'NoteStart', version: '1', ...BY });
    expect(house.kinds('OfferCleared')).toBe(0);
  });

  it('given its veto is not there any more, rings', async () => {
    const house = (await open()).begin('another');
    await house.call('a');
    await expect.poll(() => house.kinds('OfferCleared')).toBe(1);
  });

  it('given the process before died without the answer, is asked about again', async () => {
    const house = await open();
    await house.call('a');
    house.begin();
    expect(house.asked().delivery.headers['webhook-id']).toBe('a.o1');
    house.asked().answer(ALLOWED);
    await expect.poll(() => house.kinds('OfferCleared')).toBe(1);
  });

  it('given as many as may be are under way, waits for its turn', async () => {
    const house = (await open(ASKED_MAX + 1)).begin();
    await house.call(...Array.from({ length: ASKED_MAX + 1 }, (_, n) => `c${n}`));
    expect(house.questions).toHaveLength(ASKED_MAX);
    house.asked().answer(ALLOWED);
    await expect.poll(() => house.questions.length).toBe(ASKED_MAX + 1);
  });

  it('given we stop, says nothing more', async () => {
    const house = (await open()).begin();
    await house.call('a');
    house.vetoes?.stop();
    house.asked().answer(ALLOWED);
    await house.loop.submit({ kind: 'NoteStart', version: '1', ...BY });
    expect(house.kinds('OfferCleared')).toBe(0);
  });
});

describe('an answer', () => {
  it.each([
    ['{"verdict":"allow"}', 'allow', ''],
    ['{"verdict":"refuse","reason":"busy\\nin CRM"}', 'refuse', 'busy in CRM'],
    [`{"verdict":"refuse","reason":"${'x'.repeat(300)}"}`, 'refuse', 'x'.repeat(200)],
  ])('%s is a ruling', (body, ruling, detail) => {
    expect(readAnswer(body)).toEqual({ ruling, detail });
  });

  it.each(['', 'ok', 'null', '[]', '{"verdict":"maybe"}', '{"verdict":true}', '"allow"'])(
    '%j is silence',
    (body) => expect(readAnswer(body).ruling).toBe('silence'),
  );
});

describe('on the wire', () => {
  let server: Server | null = null;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function served(status: number, body: string): Promise<Delivery> {
    server = createServer((_request, reply) => {
      reply.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/' } : {});
      reply.end(body);
    });
    const listening = server;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}/`;
    const { signal } = new AbortController();
    return { url, headers: {}, body: '{}', timeoutMs: 5_000, signal };
  }

  it.each([
    [200, '{"verdict":"allow"}', 'allow', ''],
    [200, '{"verdict":"refuse"}', 'refuse', ''],
    [500, '{"verdict":"allow"}', 'silence', 'answered 500'],
    [302, '{"verdict":"allow"}', 'silence', 'answered 302'],
    [200, ' '.repeat(5_000), 'silence', 'answered more than 4096 bytes'],
  ])('%i %j', async (status, body, ruling, detail) => {
    expect(await ask(await served(status, body))).toEqual({ ruling, detail });
  });

  it('nobody there, and no answer in time, are silence', async () => {
    const there = await served(200, '');
    const gone = { ...there, url: 'http://127.0.0.1:1/' };
    expect(await ask(gone)).toMatchObject({ ruling: 'silence' });
    const { url } = there;
    server?.removeAllListeners('request');
    const late = { ...there, url, timeoutMs: 50 };
    expect(await ask(late)).toEqual({ ruling: 'silence', detail: 'no answer within 0.05 s' });
  });
});
