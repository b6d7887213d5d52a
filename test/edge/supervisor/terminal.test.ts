/**
 * Goal: a terminal that takes nothing any more (Ctrl-S, a line that is dead) holds nobody up, and
 * one that is closed ends the ACD.
 * Method: the built program on a terminal of its own, by `script`.
 */
import path from 'node:path';
import { expect, it } from 'vitest';
import { dist, onDrachtio, writeConfig } from '../../support/acd.ts';
import { allGone, childrenOf, killChild } from '../../support/family.ts';
import { until } from '../../support/inbox.ts';
import { isInstalled, run, type Running } from '../../support/processes.ts';
import { openStage } from '../../support/stage.ts';

const stage = openStage('terminal');
const [CTRL_S, CTRL_Q] = ['\x13', '\x11'];

/** `acd start` on a terminal of its own. */
async function start(): Promise<{ terminal: Running; rest: string }> {
  const { file, folder, rest } = await writeConfig(stage, { queues: [{ name: 'queue1' }] });
  const started = `exec ${process.execPath} ${path.join(dist, 'main.js')} start --config ${file}`;
  const args = ['-qfec', started, '/dev/null'];
  const terminal = run({ name: 'script', command: 'script', args, cwd: folder });
  await stage.addForTest({ stop: async () => terminal.stop() });
  await terminal.printed(/ready; REST at/, 30_000);
  return { terminal, rest };
}

it.skipIf(onDrachtio || !isInstalled('script'))('given it is closed, stops', async () => {
  const { terminal } = await start();
  const [acd] = childrenOf(terminal.pid);
  const children = childrenOf(acd?.pid ?? 0);
  // Three, and their spares by and by.
  expect(children.length).toBeGreaterThanOrEqual(3);
  process.kill(terminal.pid, 'SIGKILL');
  await allGone([acd?.pid ?? 0, ...children.map(({ pid }) => pid)]);
});

it.skipIf(onDrachtio || !isInstalled('script'))(
  'given Ctrl-S and a server that is killed, it is followed all the same',
  async () => {
    const { terminal, rest } = await start();
    const said = terminal.output().length;
    terminal.write(CTRL_S);
    const [acd] = childrenOf(terminal.pid);
    const [, mediad] = childrenOf(acd?.pid ?? 0);
    expect(mediad?.command).toContain('mediad');
    killChild(acd?.pid ?? 0, /main\.js serve /);
    await until(
      'another server',
      // A question to the one that dies may never be answered.
      async () =>
        fetch(`${rest}/health`, { signal: AbortSignal.timeout(1_000) }).then(
          async (answer) => `${answer.status} ${await answer.text()}`,
          String,
        ),
      (told) => told.startsWith('200 '),
      20_000,
    );
    expect(terminal.output().slice(said)).not.toContain('server is back');
    terminal.write(CTRL_Q);
    await terminal.printed(/server is back/, 10_000, said);
  },
);
