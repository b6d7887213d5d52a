/**
 * Goal: the verbs on a running ACD print what it says, and end with the status that docs/CLI.md
 * promises. Method: the verbs themselves against a small HTTP server that answers as REST does.
 */
import { createServer, type Server } from 'node:http';
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
  pause_reason: 'lunch',
};
const counters = { queue: 'sales', hold_seconds: 9, talk_seconds: 120, completed: 7, abandoned: 2 };
let rows: unknown[] = [];
let server: Server;
let base = '';
let out = '';
let err = '';
let asked: string[] = [];

beforeEach(async () => {
  [out, err, asked, rows] = ['', '', [], [{ ...counters, sl: 80, sl2: 71.5 }]];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((out += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((err += String(text)), true));
  server = createServer((request, reply) => {
    let body = '';
    request.on('data', (part) => (body += String(part)));
    request.on('end', () => {
      asked.push(`${request.method} ${request.url} ${body}`.trim());
      const answers: Record<string, unknown> = {
        '/queues': { queues: [queue] },
        '/agents': { agents: [agent] },
        '/agents/2771/pause': agent,
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
      'sales has 1 calls, 0 talking, strategy most-idle ' +
        '(9s holdtime, 120s talktime, W:1, C:7, A:2, SL:80%, SL2:71.5%)',
      '   Members:',
      '      Ann (2771) sip:101@pbx (Paused) (paused: lunch) idle 14s',
      '   Callers:',
      '      1. ann@pbx (wait: 1:05, call c1)',
      '',
    ]);
  });

  it('queue show: leaves out figures that are not at hand', async () => {
    rows = [];
    expect(await runCli(['queue', 'show', '--url', base])).toBe(0);
    expect(out).toContain('strategy most-idle (W:1)');
  });

  it('agent pause: sends the reason', async () => {
    expect(await runCli(['agent', 'pause', '2771', '--reason', 'lunch', '--url', base])).toBe(0);
    expect(asked).toEqual(['POST /agents/2771/pause {"reason":"lunch"}']);
  });

  it('--json: prints what REST answers', async () => {
    expect(await runCli(['agent', 'list', '--json', '--url', base])).toBe(0);
    expect(JSON.parse(out)).toEqual({ agents: [agent] });
  });

  it('ends with 3 for what there is not, 2 for what is refused', async () => {
    expect(await runCli(['queue', 'show', 'x', '--url', base])).toBe(3);
    expect(err).toBe('there is no such thing\n');
    expect(await runCli(['agent', 'resume', '2771', '--url', base])).toBe(2);
  });

  it('ends with 4 and says so where no ACD answers', async () => {
    const gone = base;
    await new Promise((resolve) => server.close(resolve).closeAllConnections());
    expect(await runCli(['status', '--url', gone])).toBe(4);
    expect(err).toContain(`no ACD answers at ${gone} (ECONNREFUSED)`);
  });
});
