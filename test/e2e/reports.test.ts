/**
 * Issue 5, "Logs and numbers": what calls leave behind in the running product, over a kill of its
 * server. Method: two callers served and one who gives up, on real SIP; queue_log as a file and out
 * of the journal, the figures over REST and on the command line.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
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

beforeAll(async () => {
  acd = await stage.add(
    startAcd(stage, {
      queues: [{ name: 'sales', welcome: [], timeout: 60 }],
      agents: [{ id: '2771', name: 'Ann', queues: ['sales'] }],
      more: { reports: { 'time-zone': 'UTC' } },
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
});
