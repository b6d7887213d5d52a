/**
 * Issue 5, "Logs and numbers": what calls leave behind in the running product, over a kill of its
 * server. Method: two callers served and one who gives up, on real SIP; queue_log as a file and out
 * of the journal, the figures over REST and on the command line.
 */
import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onDrachtio, runAcd, startAcd, type Acd } from '../support/acd.ts';
import { isBack, kill, resident } from '../support/full-house.ts';
import { until } from '../support/inbox.ts';
import { openStage } from '../support/stage.ts';
import { enter, logIn } from '../support/stories.ts';

const stage = openStage('reports');
let acd: Acd;

const log = () => path.join(acd.folder, 'queue_log');
const verbs = () =>
  existsSync(log())
    ? readFileSync(log(), 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split('|')[4])
    : [];

const SECRET = 'of the test of reports';
/** Numbers of the events that were POSTed, in order of arrival, and whether all were signed. */
const posted: { numbers: number[]; isSigned: boolean } = { numbers: [], isSigned: true };
let receiver: Server;

async function receive(): Promise<string> {
  receiver = createServer((request, reply) => {
    let body = '';
    request.on('data', (part) => (body += String(part)));
    request.on('end', () => {
      const { headers } = request;
      const said = [headers['webhook-id'], headers['webhook-timestamp'], body];
      const mac = createHmac('sha256', SECRET).update(said.join('.')).digest('base64');
      posted.isSigned &&= headers['webhook-signature'] === `v1,${mac}`;
      const { data } = JSON.parse(body) as { data: { events: { seq: number }[] } };
      posted.numbers.push(...data.events.map(({ seq }) => seq));
      reply.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/events`;
}

async function rest<T>(where: string): Promise<T> {
  const answer = await fetch(`${acd.rest}${where}`, { headers: { connection: 'close' } });
  expect(answer.status).toBe(200);
  return (await answer.json()) as T;
}

async function said(...args: string[]): Promise<string> {
  const running = runAcd(acd.folder, [...args, '--config', acd.file]);
  expect(await running.ended).toMatchObject({ code: 0 });
  return running.output();
}

afterAll(() => {
  receiver.closeAllConnections();
  receiver.close();
});

beforeAll(async () => {
  const url = await receive();
  acd = await stage.add(
    startAcd(stage, {
      queues: [{ name: 'sales', welcome: [], timeout: 60 }],
      agents: [{ id: '2771', name: 'Ann', queues: ['sales'] }],
      more: { reports: { 'time-zone': 'UTC' }, webhooks: [{ url, secret: SECRET }] },
    }),
  );
  const desk = await resident(stage, 'desk');
  await logIn(acd, desk, '2771');
  const first = await enter(acd, await resident(stage, 'alice'), 'sales');
  const agent = await desk.incoming();
  agent.answer();
  agent.rtp.sendSilence();
  await acd.agentIs('2771', 'busy');
  const second = await enter(acd, await resident(stage, 'bob'), 'sales');
  await acd.callsAre('sales', 2);
  await isBack(acd, 'server', kill(acd, 'server'));
  await second.bye();
  await acd.callsAre('sales', 1);
  await agent.bye();
  await first.ended;
  await acd.agentIs('2771', 'idle');
  await until(
    'queue_log to be up',
    () => verbs(),
    (all) => all.includes('COMPLETEAGENT'),
  );
}, 90_000);

describe.skipIf(onDrachtio)('what calls leave behind', () => {
  it('is in queue_log, once each, also over a kill', () => {
    expect(verbs()).toEqual([
      'QUEUESTART',
      'AGENTLOGIN',
      'ADDMEMBER',
      'ENTERQUEUE',
      'CONNECT',
      'ENTERQUEUE',
      'QUEUESTART',
      'ABANDON',
      'COMPLETEAGENT',
    ]);
  });

  it('comes out of the journal the same', async () => {
    expect(await said('queue-log')).toBe(readFileSync(log(), 'utf8'));
  });

  it('is counted over REST', async () => {
    const { rows } = await rest<{ rows: object[] }>('/reports/counters');
    expect(rows).toMatchObject([{ queue: 'sales', completed: 1, abandoned: 1, sl: 100 }]);
    const agents = await rest<{ rows: object[] }>('/reports/agents');
    expect(agents.rows).toMatchObject([{ agent: '2771', name: 'Ann', calls: 1, missed: 0 }]);
    const abandoned = await rest<{ rows: object[] }>('/reports/abandoned');
    expect(abandoned.rows).toMatchObject([{ queue: 'sales', called_back: 'open' }]);
  });

  it('has a record of each call, found by either id', async () => {
    type Record = { call: string; sip_call_id: string; status: string };
    const { rows } = await rest<{ rows: Record[] }>('/reports/calls');
    expect(rows.map(({ status }) => status)).toEqual(['COMPLETED', 'ABANDONED']);
    const id = encodeURIComponent(rows[0]?.sip_call_id ?? '');
    const one = await rest<{ call: string; segments: { kind: string }[] }>(`/reports/calls/${id}`);
    expect(one.call).toBe(rows[0]?.call);
    expect(one.segments.map(({ kind }) => kind)).toEqual(['queue', 'offer', 'talk']);
  });

  it('is a table on the command line, and CSV', async () => {
    expect(await said('report')).toMatch(/queue +from +offered[^\n]*\nsales +\S+ +2 +1 +1 /);
    expect(await said('report', 'calls', '--csv')).toMatch(/^call,sip_call_id,from,/);
  });

  it('was POSTed, signed, with no number missing over the kill', async () => {
    const { journal } = await rest<{ journal: { seq: number } }>('/health');
    await expect.poll(() => posted.numbers.at(-1)).toBe(journal.seq);
    const first = posted.numbers[0] ?? 0;
    const all = Array.from({ length: journal.seq - first + 1 }, (_, n) => first + n);
    expect([...new Set(posted.numbers)]).toEqual(all);
    expect(posted.isSigned).toBe(true);
    const { webhooks } = await rest<{ webhooks: object[] }>('/webhooks');
    expect(webhooks).toMatchObject([{ state: 'up', seq: journal.seq, failures: 0 }]);
  });
});
