/** REST over an invented house of two queues, for tests of who may do what. */
import { createHash } from 'node:crypto';
import type { ConfigPort, PromptsPort } from '../../../src/http/config-port.ts';
import { Access } from '../../../src/http/access.ts';
import type { Http } from '../../../src/http/reply.ts';
import { createHttp, type HttpDeps } from '../../../src/http/server.ts';
import { Stream } from '../../../src/http/stream.ts';
import { Subjects } from '../../../src/http/subjects.ts';
import type { Kind, Steering, View } from '../../../src/http/view.ts';
import type { HttpConfig, TokenConfig } from '../../../src/config/types.ts';
import { initialState } from '../../../src/core/state.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import { createLog } from '../../../src/observe/log.ts';
import type { Outcome } from '../../../src/runtime/port.ts';
import type { Question } from '../../../src/reports/questions.ts';
import { Feed } from '../../../src/runtime/feed.ts';

export const tokenOf = (name: string) => `token-of-${name}-0123456789`;

export function entry(name: string, role: TokenConfig['role'], more: Partial<TokenConfig> = {}) {
  const hash = `sha256:${createHash('sha256').update(tokenOf(name)).digest('hex')}`;
  return { name, role, hash, queues: [], agent: null, expiresAt: null, ...more };
}

const queue = (name: string, calls: readonly object[]) => ({
  name,
  calls,
  strategy: 'most-idle',
  waiting: calls.length,
  talking: 0,
  longest_wait_seconds: 0,
  agents_logged_in: 1,
  agents_ready: 1,
});
const call = (id: string, of: string) => ({
  id: `${id}@pbx`,
  state: 'queued' as const,
  from: 'ann@pbx',
  to: `${of}@acd`,
  call: id,
  queue: of,
  name: '',
  position: 1,
  waited_seconds: 1,
  talked_seconds: 0,
  agent: '',
});
const agent = (id: string, memberof: string[]) => ({
  id,
  state: 'idle' as const,
  idletime: '1',
  device: '',
  memberof,
  away_from: [],
  name: '',
  device_state: 'idle',
  registrar: '',
  pause_reason: null,
  call: '',
  logged_in_seconds: 1,
});

const calls = [call('s1', 'sales'), call('h1', 'help')];
const queues = ['sales', 'help'].map((name) =>
  queue(
    name,
    calls.filter((one) => one.queue === name),
  ),
);
const agents = [agent('1', ['sales']), agent('2', ['help']), agent('3', ['sales', 'help'])];
const standing = {
  ...{ logged_in: true, penalty: 0, pause_reason: null },
  ...{ calls: 0, last_call_seconds: null },
};
const full = { rest_ends_in_seconds: null, pause_ends_in_seconds: null };
/** What a single call has beside what it has in a list. */
export const callDetail = {
  estimated_wait_seconds: null,
  waits_for: null,
  priority: 0,
  tried: [],
  left: [],
  talks: [],
  agents: [],
};
const health = {
  status: 'ok' as const,
  version: '0',
  uptime_seconds: 1,
  sip: { up: true, detail: 'connected', addresses: ['udp/192.0.2.1:5071'] },
  registrars: [],
  media: { up: true, detail: '', legs: 0 },
  journal: { up: true, detail: '', seq: 1 },
  reports: { up: true, detail: '', seq: 1 },
  configuration: { up: true, detail: 'as loaded', version: 1 },
  load: { overload: null, loop_delay_ms: 1, calls: 2, max_calls: 9, refused: 0 },
  drain: null,
  bugs: 0,
};

const view = {
  has: (kind: Kind, name: string) => view[kind](name) !== null,
  queues: () => queues,
  queue: (name: string) => {
    const found = queues.find((one) => one.name === name);
    return found === undefined
      ? null
      : { ...found, draining: false, weight: 0, maxlen: 0, members: [] };
  },
  agents: () => agents,
  agent: (id: string) => {
    const found = agents.find((one) => one.id === id);
    if (found === undefined) return null;
    const memberships = found.memberof.map((name) => ({ queue: name, ...standing }));
    return { ...found, ...full, memberships };
  },
  calls: () => calls,
  call: (id: string) => {
    const found = calls.find((one) => one.call === id || one.id === id);
    return found === undefined ? null : { ...found, ...callDetail };
  },
  reasonsOf: () => ({
    calls: calls.map((one) => ({
      call: one.call,
      queue: one.queue,
      why: { reason: '', for_seconds: null },
    })),
  }),
  health: () => health,
  metrics: async () => ({ text: 'acd 1\n', contentType: 'text/plain' }),
} as unknown as View;

/** An empty configuration that cannot be changed now. */
const unavailable = async () => ({ ok: false, why: 'unavailable' }) as const;
const configuration: ConfigPort = {
  document: () => ({}),
  version: () => 0,
  versions: () => [],
  documentOf: async () => null,
  changedByRest: () => [],
  reload: unavailable,
  replace: unavailable,
  rollback: unavailable,
  change: unavailable,
};
const prompts: PromptsPort = { list: async () => [], upload: unavailable, remove: unavailable };

/** Its rows name queues and agents as the reports do. */
const rows = [{ queue: 'sales' }, { queue: 'help' }];

export interface Desk {
  readonly http: Http;
  readonly access: Access;
  /** What was ordered: `pause 1`. */
  readonly done: string[];
  /** Of the reports. */
  readonly asked: Question[];
  /** Lines of the log, as JSON. */
  readonly told: string[];
  /** Calls that were looked at with why each of their agents is not rung, which costs. */
  readonly explained: string[];
  readonly stream: Stream;
  now: number;
  /** Orders wait for it. */
  hold: Promise<void> | undefined;
}

export async function openDesk(
  tokens: readonly TokenConfig[],
  more: Partial<HttpConfig> = {},
  /** What call s1 is otherwise. */
  s1: object = {},
): Promise<Desk> {
  const [done, told, explained]: string[][] = [[], [], []];
  const asked: Question[] = [];
  const desk = {
    done,
    told,
    explained,
    asked,
    now: 0,
    hold: undefined as Promise<void> | undefined,
  };
  const order =
    (word: string) =>
    async (...given: unknown[]): Promise<Outcome> => {
      done?.push([word, ...given].join(' ').trim());
      await desk.hold;
      return { ok: true, events: [] };
    };
  const orders = (...words: string[]) =>
    Object.fromEntries(words.map((word) => [word, order(word)]));
  const access = new Access({ tokens, rateLimit: 0, ...more }, () => desk.now);
  const feed = new Feed(new MemoryJournal(), 0);
  const stream = new Stream({
    ...{ feed, subjects: new Subjects(initialState), now: () => 0 },
    atRest: (then) => then(0),
  });
  const changed = (id: string) => {
    const call = view.call(id);
    return call?.call === 's1' ? { ...call, ...s1 } : call;
  };
  const http = await createHttp({
    view: {
      ...view,
      brief: changed,
      call: (id) => {
        explained?.push(id);
        return changed(id);
      },
    },
    access,
    tls: more.tls ?? null,
    configuration,
    prompts,
    steering: {
      ...orders('pause', 'resume', 'logIn', 'logOut', 'join', 'leave', 'endWrapup', 'extendWrapup'),
      calls: orders(
        'dial',
        'hangUp',
        'hold',
        'resume',
        'withdraw',
        'reorder',
        'move',
        'give',
        'transfer',
        'transferWithin',
      ),
    } as unknown as Steering,
    reports: {
      wake: () => undefined,
      ask: async (question: Question) => {
        asked.push(question);
        return { ok: true, value: question.name === 'call' ? null : { rows, more: false } };
      },
      health: () => ({ up: true, detail: '', seq: 0 }),
      close: async () => undefined,
    } as unknown as HttpDeps['reports'],
    stream,
    log: createLog({
      level: 'info',
      format: 'json',
      name: 'http',
      write: (line) => told?.push(line),
    }),
    version: '0',
    bans: {
      list: () => [{ source: '2a00:1:2:3::/64', why: 'flood', endsInMs: 1_500 }],
      lift: (source) => source === '2a00:1:2:3::/64',
    },
    locks: {
      list: () => [{ kind: 'agent', name: '1', endsInMs: 1_500 }],
      lift: (kind, name) => kind === 'agent' && name === '1',
    },
  });
  return Object.assign(desk, { http, access, stream }) as Desk;
}
