/**
 * Issue 5, "Configuration as versions" and "Without a restart": with a caller who waits and a pair
 * that talks, the configuration changes by REST, by loading the file again and by SIGHUP, a queue
 * is removed under its caller, and the server is killed in the middle; nobody loses his call, the
 * agent stays logged in, and what REST made is still there. "Security": a reload makes REST ask for
 * tokens.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { hashOf } from '../../src/config/http-access.ts';
import { startAcd, type Acd } from '../support/acd.ts';
import { until } from '../support/inbox.ts';
import { isBack, kill } from '../support/full-house.ts';
import { openStage } from '../support/stage.ts';
import { enter, logIn, phone } from '../support/stories.ts';

const stage = openStage('reload');

let token = '';

async function send(acd: Acd, method: string, path: string, body?: object) {
  const answer = await fetch(`${acd.rest}${path}`, {
    method,
    signal: AbortSignal.timeout(10_000),
    headers: {
      connection: 'close',
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const version = async (acd: Acd) => (await send(acd, 'GET', '/config')).body['version'];
const edit = (acd: Acd, from: string, to: string) =>
  writeFileSync(acd.file, readFileSync(acd.file, 'utf8').replace(from, to));

it('changes everything under calls that are up, and keeps what REST made', async () => {
  const acd = await stage.add(
    startAcd(stage, {
      queues: [
        { name: 'sales', welcome: [], timeout: 15 },
        { name: 'help', welcome: [] },
      ],
      agents: [{ id: '1', queues: ['sales'] }],
    }),
  );
  const desk = await phone(stage, 'desk');
  await logIn(acd, desk, '1');
  const caller = await phone(stage, 'caller');
  const call = await enter(acd, caller, 'sales');
  const rung = await desk.incoming();
  rung.answer();
  await acd.agentIs('1', 'busy');
  const waiting = await enter(acd, await phone(stage, 'waiting'), 'sales');

  const made = await send(acd, 'POST', '/queues', { name: 'fax', welcome: [] });
  expect(made.status).toBe(201);
  expect((await send(acd, 'POST', '/queues', { name: 'x', tiemout: 1 })).status).toBe(400);
  expect((await send(acd, 'POST', '/queues/fax/members', { agent: '1' })).status).toBe(201);
  const member = await acd.agent('1');
  expect(member.memberof).toEqual(['sales', 'fax']);

  edit(acd, 'timeout: 15', 'timeout: 20');
  const reloaded = await send(acd, 'PUT', '/config');
  const changes = [{ path: 'queues[sales].timeout', before: '15', after: '20' }];
  expect(reloaded).toMatchObject({ status: 200, body: { changes, version: 4 } });
  expect(await version(acd)).toBe(4);

  // Killed in the middle: the next server goes on with the same version and the same calls.
  await isBack(acd, 'server', kill(acd, 'server'));
  expect(await version(acd)).toBe(4);
  expect((await acd.callsAre('sales', 2)).map((one) => one.state)).toEqual(['assigned', 'queued']);

  // Its queue is removed while one talks and one waits; nobody else gets in.
  expect((await send(acd, 'DELETE', '/queues/sales')).status).toBe(200);
  await acd.callsAre('sales', 2);
  await call.bye();
  await rung.ended;
  const next = await desk.dialled(2, 10_000);
  next.answer();
  await acd.agentIs('1', 'busy');
  await waiting.bye();
  await next.ended;
  await until(
    'sales to be gone',
    async () => acd.queues(),
    (all) => {
      return all.every((queue) => queue.name !== 'sales');
    },
  );
  expect((await acd.agent('1')).memberof).toEqual(['fax']);

  // The file still has `sales`, unchanged since it was loaded: a reload leaves REST's change.
  edit(acd, 'name: help', 'name: support');
  process.kill(acd.process.pid, 'SIGHUP');
  await until(
    'support',
    async () => acd.queues(),
    (all) => {
      return all.some((queue) => queue.name === 'support');
    },
  );
  const names = (await acd.queues()).map((queue) => queue.name);
  expect([...names].sort()).toEqual(['fax', 'support']);
  expect((await send(acd, 'POST', '/config/rollback', { version: 1 })).status).toBe(200);
  expect((await acd.queues()).map((queue) => queue.name)).toEqual(['sales', 'help']);
  await acd.isEmpty();

  // From now on REST is for whoever has a token; what he changes bears his name.
  const entry = JSON.stringify({ name: 'boss', role: 'admin', hash: hashOf('of-the-boss') });
  const where = `listen: ${new URL(acd.rest).host}\n`;
  edit(acd, where, `${where}  tokens: [${entry}]\n`);
  expect((await send(acd, 'PUT', '/config')).body['waiting_for_restart']).toEqual([]);
  expect(await send(acd, 'GET', '/queues')).toMatchObject({
    status: 401,
    body: { code: 'no-token' },
  });
  expect(await acd.health()).toEqual({ status: 'ok' });
  token = 'of-the-boss';
  expect((await send(acd, 'POST', '/queues', { name: 'late', welcome: [] })).status).toBe(201);
  const { versions } = (await send(acd, 'GET', '/config')).body as { versions: { by: string }[] };
  expect(versions.at(-1)?.by).toBe('http:boss@127.0.0.1');
});
