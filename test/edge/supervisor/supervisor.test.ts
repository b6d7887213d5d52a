/**
 * Goal: `acd start` really starts, tells what is wrong in one clear line, mends what dies, stops
 * in order, and leaves nothing behind, however it ends. Method: the built program with its real
 * children, on free ports; processes are looked for by number.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { onDrachtio, runAcd, startAcd, writeConfig, type Acd } from '../../support/acd.ts';
import { allGone, childNamed, childrenOf } from '../../support/family.ts';
import { until } from '../../support/inbox.ts';
import { openStage } from '../../support/stage.ts';

const stage = openStage('supervisor');
const queues = [{ name: 'queue1' }];

describe('acd start with media.engine rtpengine', () => {
  it('starts one, mends it when it dies, and leaves none behind', async () => {
    const acd = await stage.addForTest(startAcd(stage, { queues, media: { engine: 'rtpengine' } }));
    const { pid } = childNamed(acd, 'rtpengine');
    process.kill(pid, 'SIGKILL');
    await acd.process.printed(/rtpengine ended with SIGKILL.*starting it again/, 10_000);
    const found = await until(
      'another rtpengine',
      async () => childrenOf(acd.process.pid).find(({ command }) => command.includes('rtpengine')),
      (child) => child !== undefined && child.pid !== pid,
      10_000,
    );
    await until(
      'healthy',
      async () => acd.health(),
      ({ status }) => status === 'ok',
      15_000,
    );
    acd.process.signal('SIGTERM');
    expect(await acd.process.ended).toEqual({ code: 0, signal: null });
    await allGone([found?.pid ?? 0]);
  });
});

// On a drachtio-server there is no sipd to look at.
describe.skipIf(onDrachtio)('acd start', () => {
  it('starts three children, is healthy, and ends with status 0 and no orphans', async () => {
    const acd = await stage.addForTest(startAcd(stage, { queues }));
    const children = childrenOf(acd.process.pid);
    const names = ['sipd/main', 'mediad/main', 'main.js serve'];
    expect(children).toHaveLength(3);
    for (const name of names) expect(children.some((c) => c.command.includes(name))).toBe(true);
    expect(await acd.health()).toMatchObject({ status: 'ok', sip: { up: true }, bugs: 0 });
    acd.process.signal('SIGINT');
    expect(await acd.process.ended).toEqual({ code: 0, signal: null });
    await allGone(children.map(({ pid }) => pid));
  });

  it('keeps its secret out of every command line', async () => {
    const acd = await stage.addForTest(startAcd(stage, { queues }));
    const sipd = childNamed(acd, 'sipd/main');
    const environment = readFileSync(`/proc/${sipd.pid}/environ`, 'utf8');
    const secret = /ACD_SIPD_SECRET=([^\0]+)/.exec(environment)?.[1] ?? '';
    expect(secret.length).toBeGreaterThan(20);
    for (const { command } of childrenOf(acd.process.pid)) expect(command).not.toContain(secret);
  });

  it('given a kill of the supervisor, leaves no orphan', async () => {
    const acd = await stage.addForTest(startAcd(stage, { queues }));
    const children = childrenOf(acd.process.pid).map(({ pid }) => pid);
    process.kill(acd.process.pid, 'SIGKILL');
    await acd.process.ended;
    await allGone(children);
  });

  it.each(['sipd/main', 'mediad/main', 'main.js serve'])(
    'given a kill of %s, is healthy again by itself',
    async (name) => {
      const acd = await stage.addForTest(startAcd(stage, { queues }));
      const { pid } = childNamed(acd, name);
      process.kill(pid, 'SIGKILL');
      await acd.process.printed(/is back/, 20_000);
      expect(childNamed(acd, name).pid).not.toBe(pid);
      await until(
        'healthy again',
        async () => acd.health().then(({ status }) => status, String),
        (status) => status === 'ok',
        15_000,
      );
    },
  );
});

it.skipIf(onDrachtio)(
  'given a journal that is gone, begins no empty one, goes on with it',
  async () => {
    const acd = await stage.addForTest(startAcd(stage, { queues }));
    const file = path.join(acd.folder, 'journal.db');
    renameSync(file, `${file}.away`);
    process.kill(childNamed(acd, 'main.js serve').pid, 'SIGKILL');
    await acd.process.printed(/server did not start: .*journal.db does not exist/, 30_000);
    expect(existsSync(file)).toBe(false);
    renameSync(`${file}.away`, file);
    await acd.process.printed(/server is back/, 30_000);
  },
);

it.skipIf(onDrachtio)(
  'given its sockets taken away, makes them again, and mends what dies',
  async () => {
    const acd = await stage.addForTest(startAcd(stage, { queues }));
    const { folder } = JSON.parse(
      readFileSync(path.join(acd.folder, 'journal.db.run'), 'utf8'),
    ) as {
      readonly folder: string;
    };
    const sockets = readdirSync(folder).sort();
    expect(sockets).toHaveLength(5);
    rmSync(folder, { recursive: true, maxRetries: 3 });
    const found = () => (existsSync(folder) ? readdirSync(folder).sort() : []);
    await until('its sockets', found, (names) => names.join() === sockets.join());
    const restart = await stage.addForTest(runAcd(acd.folder, ['restart', '--config', acd.file]));
    expect(await restart.ended).toEqual({ code: 0, signal: null });
    for (const name of ['mediad/main', 'main.js serve']) {
      rmSync(folder, { recursive: true, maxRetries: 3 });
      const from = acd.process.output().length;
      process.kill(childNamed(acd, name).pid, 'SIGKILL');
      await acd.process.printed(/is back/, 20_000, from);
      await until(
        'healthy again',
        async () => acd.health(),
        ({ status }) => status === 'ok',
        15_000,
      );
    }
  },
);

it.skipIf(onDrachtio)(
  'starts once on a journal, however many start in the same moment, and over what was killed',
  async () => {
    const { file, folder } = await writeConfig(stage, { queues });
    for (const round of ['anew', 'after a kill']) {
      const many = await Promise.all(
        [1, 2, 3].map(() => stage.addForTest(runAcd(folder, ['start', '--config', file]))),
      );
      const up = many.map(async (one) => one.printed(/ready; REST at/, 30_000).then(() => one));
      const winner = await Promise.any(up);
      const losers = many.filter((one) => one !== winner);
      for (const one of losers) {
        expect(await one.ended, round).toEqual({ code: 1, signal: null });
        expect(one.output()).toMatch(/^another ACD .*with the same journal; stop that/m);
      }
      await Promise.allSettled(up);
      const restart = await stage.addForTest(runAcd(folder, ['restart', '--config', file]));
      expect(await restart.ended, round).toEqual({ code: 0, signal: null });
      const children = childrenOf(winner.pid).map(({ pid }) => pid);
      for (const pid of [winner.pid, ...children]) process.kill(pid, 'SIGKILL');
      await allGone(children);
    }
  },
);

it.skipIf(onDrachtio)(
  'given a file with mistakes and a kill, goes on with what was loaded, until it is mended',
  async () => {
    const acd = await stage.addForTest(startAcd(stage, { queues }));
    const file = path.join(acd.folder, 'acd.yaml');
    const sound = readFileSync(file, 'utf8');
    writeFileSync(file, `${sound}queues: 7\n`);
    process.kill(childNamed(acd, 'main.js serve').pid, 'SIGKILL');
    await acd.process.printed(/server is back/, 30_000);
    const health = await acd.health();
    expect(health).toMatchObject({ status: 'degraded', configuration: { up: false } });
    writeFileSync(file, sound);
    acd.process.signal('SIGHUP');
    await until(
      'healthy again',
      async () => acd.health().then(({ status }) => status),
      (status) => status === 'ok',
      15_000,
    );
  },
);

describe.skipIf(onDrachtio)('acd start that cannot', () => {
  it('given a REST port in use, names it and what to do', async () => {
    const { file, folder, rest } = await writeConfig(stage, { queues });
    const port = Number(new URL(rest).port);
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
    const acd = await stage.addForTest(runAcd(folder, ['start', '--config', file]));
    const ended = await acd.ended;
    await new Promise((resolve) => taken.close(resolve));
    expect(ended).toEqual({ code: 1, signal: null });
    expect(acd.output().trim()).toBe(
      `TCP port ${port} on 127.0.0.1 is in use by another program (another ACD?); ` +
        'stop that, or choose another at http.listen in acd.yaml',
    );
  });

  it('given a second ACD on the same SIP port, leaves the first alone', async () => {
    const first = await stage.addForTest(startAcd(stage, { queues }));
    const [, port = ''] = first.sip.split(':');
    const { file, folder } = await writeConfig(stage, {
      queues,
      sip: { listen: [`udp:127.0.0.1:${port}`] },
    });
    const second = await stage.addForTest(runAcd(folder, ['start', '--config', file]));
    expect((await second.ended).code).toBe(1);
    expect(second.output()).toContain(`UDP port ${port} on 127.0.0.1 is in use`);
    expect(second.output()).toContain('sip.listen');
    expect(await first.health()).toMatchObject({ status: 'ok' });
  });

  it('given a configuration with mistakes, names them all and starts nothing', async () => {
    const { file, folder } = await writeConfig(stage, {
      queues: [{ name: 'queue1', tiemout: 3 }, { name: 'queue1' }],
    });
    const acd = await stage.addForTest(runAcd(folder, ['start', '--config', file]));
    expect((await acd.ended).code).toBe(1);
    expect(acd.output()).toContain('did you mean `timeout`?');
    expect(acd.output()).toContain('queue "queue1" is there already');
    expect(acd.output()).toContain('acd.yaml has 2 mistakes; nothing of it was used');
    const check = await stage.addForTest(runAcd(folder, ['check', file]));
    expect((await check.ended).code).toBe(1);
    expect(check.output()).toBe(acd.output());
  });

  it('given a secret that the drachtio-server does not take, says so', async () => {
    const first = await stage.addForTest(startAcd(stage, { queues }));
    const { file, folder } = await writeConfig(stage, { queues });
    const admin = adminOf(first);
    const env = { ACD_DRACHTIO: `${admin}:wrong` };
    const second = await stage.addForTest(runAcd(folder, ['start', '--config', file], env));
    expect((await second.ended).code).toBe(1);
    expect(second.output()).toMatch(/secret/i);
    expect(await first.health()).toMatchObject({ status: 'ok' });
  });
});

/** Where sipd takes clients: what its server was told. */
function adminOf(acd: Acd): string {
  const { pid } = childNamed(acd, 'main.js serve');
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
  const [, host = '', port = ''] = /ACD_DRACHTIO=([^:]+):(\d+):/.exec(environment) ?? [];
  return `${host}:${port}`;
}

describe('acd check', () => {
  it('given the repository’s configuration, is OK', async () => {
    const root = path.resolve(import.meta.dirname, '../../..');
    const acd = await stage.addForTest(
      runAcd(stage.folder, ['check', path.join(root, 'acd.yaml')]),
    );
    expect((await acd.ended).code).toBe(0);
    expect(acd.output()).toContain('OK (3 queues, 3 agents, 0 PBXs)');
  });
});
