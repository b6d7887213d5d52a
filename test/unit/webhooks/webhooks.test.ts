/**
 * Goal: a receiver of events gets what concerns it, in order, signed, each until it is taken,
 * whatever happens between. Method: a feed over a journal in memory, timers in the test's hands,
 * a receiver in memory; for what is on the wire a real one.
 */
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WebhookConfig } from '../../../src/config/types.ts';
import type { CoreEvent } from '../../../src/core/events.ts';
import { initialState } from '../../../src/core/state.ts';
import { Subjects } from '../../../src/http/subjects.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import { Feed, RESUME_MAX } from '../../../src/runtime/feed.ts';
import { post, type Delivered, type Delivery } from '../../../src/webhooks/post.ts';
import { signed } from '../../../src/webhooks/signature.ts';
import { Webhooks } from '../../../src/webhooks/webhooks.ts';

const SECRET = 'a secret of some length';
const config: WebhookConfig = {
  ...{ url: 'https://crm.example.com/acd?key=hidden', secret: SECRET, timeoutMs: 5_000 },
  ...{ events: [], queues: [], agents: [] },
};

interface Told {
  readonly type: string;
  readonly data: { readonly events: readonly { readonly seq: number; readonly kind: string }[] };
}

const told = ({ body }: Delivery): Told => JSON.parse(body) as Told;
const seqs = (one: Delivery): number[] => told(one).data.events.map(({ seq }) => seq);

/** A journal that grows, and the receivers on it; `answers` are what the receiver says in turn. */
class House {
  readonly journal = new MemoryJournal();
  readonly got: Delivery[] = [];
  readonly answers: Delivered[] = [];
  readonly warned: string[] = [];
  readonly subjects = new Subjects(initialState);
  feed = new Feed(this.journal, 0);
  hooks: Webhooks | null = null;

  begin(more: Partial<WebhookConfig> = {}, file: string | null = null): void {
    this.feed = new Feed(this.journal, this.journal.lastSeq());
    this.hooks = new Webhooks({
      ...{ configs: [{ ...config, ...more }], feed: this.feed, file },
      subjects: this.subjects,
      log: { info: () => undefined, warn: (_fields, text) => void this.warned.push(text) },
      post: (delivery) => {
        this.got.push(delivery);
        return Promise.resolve(this.answers.shift() ?? { kind: 'taken' });
      },
    });
  }

  async happens(...events: readonly CoreEvent[]): Promise<void> {
    const before = this.journal.lastSeq();
    this.journal.append(before, events);
    events.forEach((event, index) => {
      const stored = { seq: before + index + 1, event };
      this.subjects.hear(event);
      this.feed.hear(stored);
      this.hooks?.hear();
    });
  }
}

const base = { at: 1_000, by: 'sip' } as const;
const confirmed = (callId: string): CoreEvent => ({ ...base, kind: 'CallConfirmed', callId });
const many = (count: number): CoreEvent[] =>
  Array.from({ length: count }, (_, n) => confirmed(`c${n}`));
const refused: Delivered = { kind: 'failed', detail: 'answered 500', afterMs: null };

let house: House;
beforeEach(() => {
  vi.useFakeTimers();
  house = new House();
});
afterEach(async () => {
  await house.hooks?.stop();
  vi.useRealTimers();
});

describe('a receiver', () => {
  it('gets what happens from its first start on, together and signed', async () => {
    await house.happens(confirmed('before'));
    house.begin();
    await house.happens(confirmed('c1'), confirmed('c2'));
    await vi.advanceTimersByTimeAsync(100);
    expect(house.got.map(seqs)).toEqual([[2, 3]]);
    const [{ headers, body }] = house.got as [Delivery];
    const text = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const mac = createHmac('sha256', SECRET).update(text).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
  });

  it('given it fails, gets the same again, in order, and nothing is lost', async () => {
    house.begin();
    house.answers.push(refused, refused);
    await house.happens(confirmed('c1'));
    await vi.advanceTimersByTimeAsync(100);
    expect(house.hooks?.shown()).toMatchObject([{ state: 'retrying', detail: 'answered 500' }]);
    await house.happens(confirmed('c2'));
    await vi.advanceTimersByTimeAsync(3_200);
    expect(house.got.map(seqs)).toEqual([[1], [1], [1], [2]]);
    const ids = house.got.slice(0, 3).map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(1);
    expect(house.hooks?.shown()).toMatchObject([{ state: 'up', detail: '', seq: 2, failures: 2 }]);
    expect(house.warned).toHaveLength(1);
  });

  it('given it asks to be left alone, is left alone so long', async () => {
    house.begin();
    house.answers.push({ kind: 'failed', detail: 'answered 503', afterMs: 60_000 });
    await house.happens(confirmed('c1'));
    await vi.advanceTimersByTimeAsync(59_000);
    expect(house.got).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(house.got).toHaveLength(2);
  });

  it('given 410, gets nothing any more', async () => {
    house.begin();
    house.answers.push({ kind: 'unwanted' });
    await house.happens(confirmed('c1'));
    await vi.advanceTimersByTimeAsync(100);
    await house.happens(confirmed('c2'));
    await vi.advanceTimersByTimeAsync(600_000);
    expect(house.got).toHaveLength(1);
    expect(house.hooks?.shown()).toMatchObject([{ state: 'refused' }]);
  });

  it('gets a thousand events in batches, each once', async () => {
    house.begin();
    await house.happens(...many(1_000));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(house.got).toHaveLength(10);
    expect(house.got.flatMap(seqs)).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 1));
  });

  it('gets only the kinds it asks for', async () => {
    house.begin({ events: ['AgentResumed'] });
    await house.happens(
      ...[confirmed('c1'), { ...base, kind: 'AgentResumed', agentId: '1' } as const],
      confirmed('c2'),
    );
    await vi.advanceTimersByTimeAsync(100);
    expect(house.got.map(seqs)).toEqual([[2]]);
    expect(house.hooks?.shown()).toMatchObject([{ seq: 3 }]);
  });

  it('given it was away for too long, is told of the gap, then of what comes', async () => {
    house.begin();
    house.answers.push(refused);
    await house.happens(confirmed('first'));
    await vi.advanceTimersByTimeAsync(100);
    await house.happens(...many(RESUME_MAX + 10));
    // The first is in the hands of the attempt under way; what follows is too much.
    await vi.advanceTimersByTimeAsync(2_000);
    const [, again, gap] = house.got as [Delivery, Delivery, Delivery];
    expect(seqs(again)).toEqual([1]);
    expect(JSON.parse(gap.body)).toMatchObject({
      type: 'acd.gap',
      data: { why: 'too-old', after: 1, next: RESUME_MAX + 11 },
    });
    await house.happens(confirmed('last'));
    await vi.advanceTimersByTimeAsync(100);
    expect(seqs(house.got.at(-1) as Delivery)).toEqual([RESUME_MAX + 12]);
  });

  it('is shown without what may be secret in its address', () => {
    house.begin();
    expect(house.hooks?.shown()).toMatchObject([{ url: 'https://crm.example.com/acd' }]);
  });
});

describe('over a restart', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'acd-hooks-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('goes on where it was; what failed comes again', async () => {
    const file = path.join(folder, 'places.json');
    house.begin({}, file);
    await house.happens(confirmed('c1'));
    await vi.advanceTimersByTimeAsync(100);
    house.answers.push(refused);
    await house.happens(confirmed('c2'));
    await vi.advanceTimersByTimeAsync(100);
    await house.hooks?.stop();
    house.got.length = 0;
    house.journal.append(2, [confirmed('c3')]);
    house.begin({}, file);
    await vi.advanceTimersByTimeAsync(100);
    expect(house.got.map(seqs)).toEqual([[2, 3]]);
  });

  it('given it is killed before anything was taken, goes on from its first start', async () => {
    const file = path.join(folder, 'places.json');
    house.begin({}, file);
    house.answers.push(refused);
    await house.happens(confirmed('c1'), confirmed('c2'));
    await vi.advanceTimersByTimeAsync(500);
    const killed = house.hooks;
    house.got.length = 0;
    house.begin({}, file);
    await vi.advanceTimersByTimeAsync(100);
    expect(house.got.map(seqs)).toEqual([[1, 2]]);
    await killed?.stop();
  });

  it('given its places are no JSON, begins anew and says so', async () => {
    const file = path.join(folder, 'places.json');
    writeFileSync(file, '{"cut');
    await house.happens(confirmed('c1'));
    house.begin({}, file);
    await house.happens(confirmed('c2'));
    await vi.advanceTimersByTimeAsync(1_200);
    expect(house.got.map(seqs)).toEqual([[2]]);
    expect(house.warned).toEqual(['how far webhooks were is lost; they begin anew']);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ [config.url]: 2 });
  });
});

describe('a signature', () => {
  it('is that of the specification’s own example', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const body = '{"test": 2432232314}';
    const headers = signed(secret, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, body);
    expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });
});

describe('one POST', () => {
  const send = async (path: string, timeoutMs = 5_000) => {
    vi.useRealTimers();
    const server = createServer((request, reply) => {
      if (request.url === '/slow') return;
      const status = Number(request.url?.slice(1));
      reply.writeHead(status, { 'retry-after': '7', location: '/200' }).end('x'.repeat(100));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}${path}`;
    try {
      const { signal } = new AbortController();
      return await post({ url, headers: {}, body: '{}', timeoutMs, signal });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };

  it.each([
    ['/204', { kind: 'taken' }],
    ['/410', { kind: 'unwanted' }],
    ['/503', { kind: 'failed', detail: 'answered 503', afterMs: 7_000 }],
    ['/302', { kind: 'failed', detail: 'answered 302', afterMs: 7_000 }],
  ])('given %s, is over', async (place, outcome) => {
    expect(await send(place)).toEqual(outcome);
  });

  it('given silence, is over in time', async () => {
    expect(await send('/slow', 100)).toMatchObject({ detail: 'no answer within 0.1 s' });
  });

  it('given nobody there, says so', async () => {
    const { signal } = new AbortController();
    const where = { url: 'http://127.0.0.1:1/', headers: {}, body: '', timeoutMs: 1_000, signal };
    vi.useRealTimers();
    expect(await post(where)).toMatchObject({ kind: 'failed', afterMs: null });
  });
});
