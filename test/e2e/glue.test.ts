/**
 * `acd glue kamailio` at a real Kamailio: it takes the file as it is printed, and callers and
 * agents reach the ACD by it. What it prints for the others is held by test/unit/cli/glue.test.ts.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { dist, startAcd } from '../support/acd.ts';
import { until } from '../support/inbox.ts';
import { startKamailio } from '../support/kamailio.ts';
import { account, at, desk, registrarIs } from '../support/pbx.ts';
import { freePort } from '../support/ports.ts';
import { openStage } from '../support/stage.ts';
import { talk } from '../support/stories.ts';

const stage = openStage('glue');
const queues = [{ name: 'help.desk', welcome: [] }];
const agents = [{ id: '2771', queues: ['help.desk'] }];

it('given the printed glue, Kamailio passes queues and login codes to the ACD', async () => {
  const port = await freePort();
  const register = [account({ uri: `sip:127.0.0.1:${port}` })];
  const file = path.join(stage.folder, 'glue.yaml');
  writeFileSync(file, JSON.stringify({ queues, agents, sip: { register } }));
  const args = [path.join(dist, 'main.js'), 'glue', 'kamailio', '--config', file];
  const glue = execFileSync(process.execPath, args, { encoding: 'utf8' });
  const pbx = await stage.add(startKamailio(stage, { port, glue }));
  const config = path.join(stage.folder, `kamailio-${port}`, 'kamailio.cfg');
  execFileSync('kamailio', ['-c', '-f', config], { stdio: 'pipe' });

  const acd = await stage.add(startAcd(stage, { queues, agents, sip: { register } }));
  await registrarIs(acd, 'pbx', 'registered');
  const agent = await desk(stage, pbx, 'desk');
  const login = await (await agent.dial(at(pbx, '*442771'))).answered();
  const look = async () => (await acd.agent('2771')).state;
  await until('logged in', look, (state) => state !== 'loggedout');
  await login.bye();
  await acd.agentIs('2771', 'idle');

  const caller = await desk(stage, pbx, 'alice');
  const call = await (await caller.dial(at(pbx, 'help.desk'))).answered();
  const rung = await agent.incoming();
  rung.ring();
  rung.answer();
  await talk(call, rung);
  const other = await (await caller.dial(at(pbx, 'helpXdesk'))).status();
  expect(other).toBe(480);
  await call.bye();
  expect(await rung.ended).toBe('bye received');
});
