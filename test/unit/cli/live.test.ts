/**
 * Goal: the verbs on a running ACD print what it says, and end with the status that docs/CLI.md
 * promises. Method: the verbs themselves against a small HTTP server that answers as REST does.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../../src/cli/index.ts';

const queue = {
  name: 'sales',
  strategy: 'most-idle',
  waiting: 1,
  talking: 0,
  calls: [
    {
      id: 'c1',
      queue: 'sales',
      agent: '',
      state: 'queued',
      from: 'ann@pbx',
      position: 1,
      waited_seconds: 65,
      talked_seconds: 0,
    },
  ],
};
const agent = {
  id: '2771',
  name: 'Ann',
  state: 'paused',
  idletime: '14',
  device: 'sip:101@pbx',
  memberof: ['sales'],
  away_from: [],
  device_state: 'inuse',
  logged_in_seconds: 100,
  pause_reason: 'lunch',
};
const standing = {
  ...{ agent: '2771', name: 'Ann', state: 'paused', logged_in: true, penalty: 3 },
  ...{ pause_reason: 'lunch', calls: 2, last_call_seconds: 16 },
};
const health = {
  status: 'degraded',
  version: '1.0.0',
  uptime_seconds: 3_725,
  sip: { up: true, detail: '', addresses: [] },
  media: { up: false, detail: 'gone', legs: 0 },
  journal: { up: true, detail: '', seq: 40 },
  reports: { up: false, detail: 'behind', seq: 2 },
  configuration: { up: false, detail: 'acd.yaml could not be used', version: 1 },
  registrars: [{ name: 'pbx', registrar: 'sip:pbx', state: 'failed', detail: '403' }],
  load: { overload: null, calls: 1, max_calls: 1_000 },
  drain: null,
  bugs: 0,
};
const events = [
  {
    seq: 39,
    at: 1_764_000_000_000,
    by: 'sip',
    kind: 'CallEntered',
    callId: 'c1',
    fromName: 'A\u001bB',
  },
  { seq: 40, at: 1_764_000_000_500, by: 'sip', kind: 'CallConfirmed', callId: 'c1' },
];
const counters = { queue: 'sales', hold_seconds: 9, talk_seconds: 120, completed: 7, abandoned: 2 };
let rows: unknown[] = [];
let told: object = health;
let server: Server;
let base = '';
let out = '';
let err = '';
let asked: string[] = [];

/** What is after that number, in a line that is cut after each event; then a beat. */
function stream(reply: ServerResponse, after: number): void {
  reply.writeHead(200, { 'content-type': 'text/event-stream' });
  const next = events.find(({ seq }) => seq > after);
  if (next === undefined) reply.write('id: 40\nevent: heartbeat\ndata: {}\n\n');
  else reply.end(`id: ${next.seq}\nevent: ${next.kind}\ndata: ${JSON.stringify(next)}\n\n`);
}

beforeEach(async () => {
  told = health;
  [out, err, asked, rows] = [
    '',
    '',
    [],
    [{ ...counters, sl: 80, sl2: 71.5, threshold_seconds: 20 }],
  ];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((out += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((err += String(text)), true));
  server = createServer((request, reply) => {
    let body = '';
    request.on('data', (part) => (body += String(part)));
    request.on('end', () => {
      asked.push(`${request.method} ${request.url} ${body}`.trim());
      if (request.url?.startsWith('/events') === true) {
        const after = String(request.headers['last-event-id']);
        return stream(reply, Number(after));
      }
      const answers: Record<string, unknown> = {
        '/health': told,
        '/calls/c1/move': null,
        '/calls': { call: 'o1' },
        '/queues/sales/members': null,
        '/queues/sales/members/2771': null,
        '/queues': { queues: [queue] },
        '/queues/help': queue,
        '/queues/sales': { ...queue, weight: 5, maxlen: 9, members: [standing] },
        '/calls/c1/hold': null,
        '/agents': { agents: [agent] },
        '/agents/2771/pause': agent,
        '/agents/2771/login': agent,
        '/bans': { bans: [{ source: '192.0.2.9', why: 'flood', ends_in_seconds: 30 }] },
        '/bans/2a00%3A1%3A2%3A3%3A%3A%2F64': null,
        '/locks': { locks: [] },
        '/locks/phone/sip%3A1%40pbx': null,
        '/reports/counters': { rows },
      };
      const found = answers[request.url ?? ''];
      const status = found !== undefined ? 200 : request.url?.endsWith('resume') ? 409 : 404;
      reply.statusCode = status;
      reply.end(JSON.stringify(found ?? { detail: 'there is no such thing' }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  vi.restoreAllMocks();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('acd on a running ACD', () => {
  it('queue show: figures, members and callers', async () => {
    expect(await runCli(['queue', 'show', '--url', base])).toBe(0);
    expect(out.split('\n')).toEqual([
      "sales has 1 calls (max 9) in 'most-idle' strategy " +
        '(9s holdtime, 120s talktime), W:5, C:7, A:2, SL:80.0%, SL2:71.5% within 20s, 0 talking',
      '   Members:',
      '      Ann (2771 from sip:101@pbx) with penalty 3 (paused:lunch) (In use) ' +
        'has taken 2 calls (last was 16 secs ago) (login was 100 secs ago)',
      '   Callers:',
      '      1. ann@pbx (wait: 1:05, call c1)',
      '',
    ]);
  });

  it('queue show: leaves out figures that are not at hand', async () => {
    rows = [];
    expect(await runCli(['queue', 'show', '--url', base])).toBe(0);
    expect(out).toContain("sales has 1 calls (max 9) in 'most-idle' strategy, W:5, 0 talking\n");
  });

  it('agent pause: sends the reason', async () => {
    expect(await runCli(['agent', 'pause', '2771', '--reason', 'lunch', '--url', base])).toBe(0);
    expect(asked).toEqual(['POST /agents/2771/pause {"reason":"lunch"}']);
  });

  it('agent login: names the phone, and PBX and queues where they are asked for', async () => {
    expect(await runCli(['agent', 'login', '2771', '101', '--url', base])).toBe(0);
    const words = ['agent', 'login', '2771', 'sip:101@pbx', '--registrar', 'office'];
    expect(await runCli([...words, '--url', base])).toBe(0);
    const some = ['agent', 'login', '2771', '101', '--queues', 'sales,help'];
    expect(await runCli([...some, '--url', base])).toBe(0);
    expect(asked).toEqual([
      'POST /agents/2771/login {"device":"101"}',
      'POST /agents/2771/login {"device":"sip:101@pbx","registrar":"office"}',
      'POST /agents/2771/login {"device":"101","queues":["sales","help"]}',
    ]);
  });

  it.each(['127.0.0.1:8242', 'localhost:8242', 'foo', 'ftp://x/', 'http://'])(
    'given "%s" as its place, says how to write it',
    async (url) => {
      for (const words of [['queue', 'show'], ['top'], ['log'], ['report']])
        expect(await runCli([...words, '--url', url])).toBe(1);
      expect(err).toContain(`"${url}" is no address of REST; write it as http://host:port`);
    },
  );

  it('ban, lock: list who is shut out, and let him in again', async () => {
    expect(await runCli(['ban', 'list', '--url', base])).toBe(0);
    expect(out).toMatch(/192\.0\.2\.9 +flood +30/);
    expect(await runCli(['ban', 'lift', '2a00:1:2:3::/64', '--url', base])).toBe(0);
    expect(await runCli(['lock', 'list', '--url', base])).toBe(0);
    expect(out).toContain('nobody is locked');
    expect(await runCli(['lock', 'lift', 'phone', 'sip:1@pbx', '--url', base])).toBe(0);
    expect(asked.filter((line) => line.startsWith('DELETE'))).toEqual([
      'DELETE /bans/2a00%3A1%3A2%3A3%3A%3A%2F64',
      'DELETE /locks/phone/sip%3A1%40pbx',
    ]);
  });

  it('--json: prints what REST answers', async () => {
    expect(await runCli(['agent', 'list', '--json', '--url', base])).toBe(0);
    expect(JSON.parse(out)).toEqual({ agents: [agent] });
  });

  it('call dial: sends who dials whom, and prints the call', async () => {
    expect(await runCli(['call', 'dial', '2771', '030 12', '--url', base])).toBe(0);
    expect(asked.splice(0)).toEqual(['POST /calls {"agent":"2771","to":"030 12"}']);
    expect(out).toBe('o1\n');
  });

  it('call move: sends where to', async () => {
    expect(await runCli(['call', 'move', 'c1', 'help', '--url', base])).toBe(0);
    expect(asked).toEqual(['POST /calls/c1/move {"queue":"help"}']);
    expect(out).toBe('done\n');
  });

  it.each([
    [['add', 'member', '2771', 'to', 'sales', '--penalty', '3']],
    [['add', '2771', 'sales', '--penalty', '3']],
  ])('queue %s: makes a member', async (words) => {
    expect(await runCli(['queue', ...words, '--url', base])).toBe(0);
    expect(asked).toEqual(['POST /queues/sales/members {"agent":"2771","penalty":3}']);
  });

  it('queue remove: takes him out; says how to write it', async () => {
    const words = ['queue', 'remove', 'member', '2771', 'from', 'sales'];
    expect(await runCli([...words, '--url', base])).toBe(0);
    expect(asked).toEqual(['DELETE /queues/sales/members/2771']);
    expect(await runCli(['queue', 'remove', 'member', '2771', '--url', base])).toBe(1);
    expect(err).toContain('acd queue remove member AGENT from QUEUE');
  });

  it('log: the last events, each once, though the line is cut', async () => {
    expect(await runCli(['log', '-n', '2', '--url', base])).toBe(0);
    const lines = out.trimEnd().split('\n');
    expect(lines.map((line) => line.slice(13))).toEqual([
      '    39 CallEntered callId=c1 fromName="A B"',
      '    40 CallConfirmed callId=c1',
    ]);
    expect(err).toContain('cut off (the stream ended); trying again');
  });

  it('log: with nothing to tell, ends at once', async () => {
    expect(
      await runCli(['log', '-n', '0', '--queue', 'help', '--queue', 'sales', '--url', base]),
    ).toBe(0);
    expect(out).toBe('');
    expect(asked).toContain('GET /events?queue=help%2Csales');
  });

  it('top: one picture where there is no terminal', async () => {
    expect(await runCli(['top', '--once', '--url', base])).toBe(0);
    expect(out).toContain('acd 1.0.0  degraded  up 1:02:05  calls 1/1000');
    expect(out).toContain('DOWN: media, reports, config');
    expect(out).toContain('not registered: pbx');
    expect(out).toMatch(/^sales +1 +0 /m);
    expect(out).toMatch(/^2771 +Ann +paused +lunch +sales$/m);
    expect(out).toMatch(/^ +1:05 +1 .*ann@pbx$/m);
  });

  it('status: each part, and by its exit status whether all is well', async () => {
    expect(await runCli(['status', '--url', base])).toBe(5);
    const lines = [
      ...['media      DOWN gone', 'reports    DOWN behind', 'calls      1 of 1000'],
      'config     DOWN acd.yaml could not be used',
    ];
    for (const line of lines) expect(out.split('\n')).toContain(line);
    expect(out).toContain('pbx        failed at sip:pbx 403');
  });

  it('status: what an older ACD does not tell is said to be so', async () => {
    const { configuration, reports, load, drain, ...older } = health;
    told = older;
    expect(await runCli(['status', '--url', base])).toBe(5);
    expect([configuration, reports, load, drain]).not.toContain(undefined);
    expect(out.split('\n')).toContain('config     not told; the ACD there is of another version');
    expect(out).not.toContain('calls ');
  });

  it('log: of a queue or an agent that there is not it does not wait for events', async () => {
    for (const named of ['--queue', '--agent']) {
      expect(await runCli(['log', '-f', named, 'nobody', '--url', base])).toBe(3);
      expect(err).toBe('there is no such thing\n');
      err = '';
    }
  });

  it('ends with 3 for what there is not, 2 for what is refused', async () => {
    expect(await runCli(['queue', 'show', 'x', '--url', base])).toBe(3);
    expect(err).toBe('there is no such thing\n');
    expect(await runCli(['agent', 'resume', '2771', '--url', base])).toBe(2);
    expect(await runCli(['report', 'agents', '--queue', 'sales', '--url', base])).toBe(3);
    expect(asked.at(-1)).toBe('GET /reports/agents?queue=sales');
    expect(await runCli(['call', 'hold', 'c1', '--url', base])).toBe(0);
    expect(await runCli(['trace', 'c1', '--journal', '/nothing/here.db'])).toBe(1);
  });

  it('ends with 4 and says so where no ACD answers', async () => {
    const gone = base;
    await new Promise((resolve) => server.close(resolve).closeAllConnections());
    expect(await runCli(['status', '--url', gone])).toBe(4);
    expect(await runCli(['report', '--url', gone])).toBe(4);
    expect(await runCli(['reload', '--url', gone])).toBe(4);
    expect(err).toContain(`no ACD answers at ${gone} (ECONNREFUSED)`);
  });
});
