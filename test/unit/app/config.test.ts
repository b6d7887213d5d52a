/**
 * Goal: the configuration changes as a whole or not at all, whoever changes it, and every version
 * can be had again. Method: a file, a journal in memory, processes that begin on both.
 */
import { describe, expect, it } from 'vitest';
import { addEntry, changeEntry, removeEntry } from '../../../src/config/edit.ts';
import type { ConfigPort } from '../../../src/http/config-port.ts';
import { fitsPin } from '../../../src/config/pin.ts';
import { FILE, House } from './stage.ts';

const load = { by: 'test', prefer: null, dryRun: false } as const;
const setTimeoutOf = (port: ConfigPort, timeout: number) =>
  port.change('test', 'timeout', (doc) => changeEntry(doc, 'queue', 'sales', { timeout }));
const timeoutIn = (text: string, timeout: number) =>
  text.replace('timeout: 15', `timeout: ${timeout}`);

describe('loading the file again', () => {
  it('given no change, makes no version', async () => {
    const house = new House();
    const { configuration, loop } = await house.begin();
    const done = await configuration.reload(load);
    expect(done).toMatchObject({ ok: true, version: 1, changes: [] });
    expect(loop.health().lastSeq).toBe(1);
  });

  it('given a change, applies it by one event and shows it', async () => {
    const house = new House();
    const { configuration, loop } = await house.begin();
    house.write(timeoutIn(FILE, 20));
    const dry = await configuration.reload({ ...load, dryRun: true });
    expect(dry).toMatchObject({ ok: true, version: 1, dryRun: true });
    expect(loop.state.queues.get('sales')?.config.timeoutMs).toBe(15_000);
    const done = await configuration.reload(load);
    const changes = [{ path: 'queues[sales].timeout', before: '15', after: '20' }];
    expect(done).toMatchObject({ ok: true, version: 2, changes });
    expect(loop.state.queues.get('sales')?.config.timeoutMs).toBe(20_000);
    expect(loop.health().lastSeq).toBe(2);
  });

  it('given a mistake, names file and line, and applies nothing of the rest', async () => {
    const house = new House();
    const { configuration, loop } = await house.begin();
    house.write(timeoutIn(FILE, 20).replace('name: help', 'nome: help'));
    const done = await configuration.reload(load);
    expect(done).toMatchObject({ ok: false, why: 'faults' });
    expect(JSON.stringify(done)).toMatch(/acd\.yaml:6:\d+: queues\[1\]/);
    expect(loop.state.written?.version).toBe(1);
  });

  it('given a port changed, says that it waits for a restart, and applies the rest', async () => {
    const house = new House();
    const { configuration } = await house.begin();
    house.write(timeoutIn(FILE, 20).replace('8242', '8243'));
    const done = await configuration.reload(load);
    expect(done).toMatchObject({ ok: true, version: 2, waiting: ['http.listen'] });
    expect(configuration.config.http.port).toBe(8242);
  });

  it('given a user of SIP and the file of his password gone, does without a restart', async () => {
    const house = new House();
    house.writeSecret('road', 'a long password');
    const withUser = (name: string) =>
      `${FILE}sip:\n  users:\n    - { name: ${name}, file: ${name} }\n`;
    house.write(withUser('road'));
    const { configuration } = await house.begin();
    house.write(FILE);
    house.removeSecret('road');
    const removed = await configuration.reload(load);
    expect(removed).toMatchObject({ ok: true, waiting: ['sip'] });
    house.write(timeoutIn(FILE, 20));
    expect(await configuration.reload(load)).toMatchObject({ ok: true, version: 2 });
    house.write(withUser('home'));
    const unread = await configuration.reload(load);
    expect(unread).toMatchObject({ ok: false, why: 'faults' });
    expect(JSON.stringify(unread)).toMatch(/sip\.users\[0\]\.file: .*home/);
  });

  it('given the same option changed by file and REST, stops until told which wins', async () => {
    const house = new House();
    const { configuration, loop } = await house.begin();
    await setTimeoutOf(configuration, 30);
    house.write(timeoutIn(FILE, 20));
    const details = ['queues[sales].timeout'];
    expect(await configuration.reload(load)).toEqual({ ok: false, why: 'conflict', details });
    expect(loop.state.queues.get('sales')?.config.timeoutMs).toBe(30_000);
    const byRest = await configuration.reload({ ...load, prefer: 'rest', dryRun: true });
    expect(byRest).toMatchObject({ ok: true, changes: [] });
    const byFile = await configuration.reload({ ...load, prefer: 'file' });
    expect(byFile).toMatchObject({ ok: true, version: 3 });
    expect(loop.state.queues.get('sales')?.config.timeoutMs).toBe(20_000);
  });

  it('given a journal that fails, applies nothing and says so', async () => {
    const house = new House();
    const { configuration } = await house.begin();
    house.write(FILE.replace('4711', '4712'));
    house.journal.failsAppend = true;
    const done = await configuration.reload(load);
    expect(done).toEqual({ ok: false, why: 'unavailable' });
    expect(fitsPin('4711', configuration.config.pins.get('1') ?? '')).toBe(true);
    house.journal.failsAppend = false;
  });
});

describe('a change by REST', () => {
  it('survives a restart, and the loading of a file that says nothing of it', async () => {
    const house = new House();
    const first = await house.begin();
    await first.configuration.change('test', 'made', (doc) =>
      addEntry(doc, 'queue', 'fax', { timeout: 7, ringinuse: true }),
    );
    const second = await house.begin();
    expect(second.fault).toBe(null);
    house.write(timeoutIn(FILE, 20));
    await second.configuration.reload(load);
    const fax = second.loop.state.queues.get('fax')?.config;
    expect(fax).toMatchObject({ timeoutMs: 7_000, ringInUse: true });
    expect(second.loop.state.queues.get('sales')?.config.timeoutMs).toBe(20_000);
  });

  it('given a mistake, changes nothing and says what is wrong', async () => {
    const { configuration } = await new House().begin();
    const done = await setTimeoutOf(configuration, -1);
    expect(done).toMatchObject({ ok: false, why: 'faults' });
    expect(JSON.stringify(done)).toMatch(/queues\[0\]\.timeout: \\"-1\\" cannot be used/);
    expect(configuration.version()).toBe(1);
  });

  it('given many at once, each begins with what the one before left', async () => {
    const { configuration, loop } = await new House().begin();
    const names = ['a', 'b', 'c', 'd'];
    await Promise.all(
      names.map((name) =>
        configuration.change('test', name, (doc) => addEntry(doc, 'queue', name, {})),
      ),
    );
    expect([...loop.state.queues.keys()]).toEqual(['sales', 'help', ...names]);
    expect(configuration.version()).toBe(5);
  });

  it('removes a queue with all memberships in it', async () => {
    const { configuration, loop } = await new House().begin();
    const remove = (name: string) =>
      configuration.change('test', name, (doc) => removeEntry(doc, 'queue', name));
    expect(await remove('help')).toMatchObject({ ok: true });
    expect(loop.state.agents.get('1')?.queues).toEqual(['sales']);
    expect(await remove('help')).toEqual({
      ok: false,
      why: 'unknown',
      kind: 'queue',
      name: 'help',
    });
  });

  it('given a PIN, keeps none that can be read, and the agent logs in by it', async () => {
    const { configuration, loop } = await new House().begin();
    await configuration.change('test', 'pin', (doc) => changeEntry(doc, 'agent', '2', { pin: 99 }));
    expect(fitsPin('99', configuration.config.pins.get('2') ?? '')).toBe(true);
    expect(fitsPin('98', configuration.config.pins.get('2') ?? '')).toBe(false);
    expect(loop.state.written?.live).not.toMatch(/4711|"99"/);
  });
});

describe('versions', () => {
  it('are numbered, and an older one comes back as a new one that a reload leaves', async () => {
    const house = new House();
    const { configuration, time, loop } = await house.begin();
    for (const timeout of [20, 30, 40]) {
      time.now += 1_000;
      await setTimeoutOf(configuration, timeout);
    }
    expect(configuration.versions().map((one) => one.version)).toEqual([1, 2, 3, 4]);
    const options = { by: 'test', dryRun: false };
    const done = await configuration.rollback(2, options);
    const changes = [{ path: 'queues[sales].timeout', before: '40', after: '20' }];
    expect(done).toMatchObject({ ok: true, version: 5, changes });
    expect(loop.state.queues.get('sales')?.config.timeoutMs).toBe(20_000);
    expect(await configuration.reload(load)).toMatchObject({ ok: true, version: 5, changes: [] });
    const unknown = await configuration.rollback(17, options);
    expect(unknown).toEqual({ ok: false, why: 'unknown-version' });
  });
});

describe('a start', () => {
  it('given the file edited meanwhile, takes it', async () => {
    const house = new House();
    await house.begin();
    house.write(timeoutIn(FILE, 25));
    const { loop } = await house.begin();
    expect(loop.state.queues.get('sales')?.config.timeoutMs).toBe(25_000);
  });

  it('given a conflict, goes on with what held and says so', async () => {
    const house = new House();
    const { configuration } = await house.begin();
    await setTimeoutOf(configuration, 30);
    house.write(timeoutIn(FILE, 20));
    const second = await house.begin();
    expect(second.fault).toBe(null);
    expect(second.loop.state.queues.get('sales')?.config.timeoutMs).toBe(30_000);
    expect(house.told.join('')).toMatch(/queues\[sales\]\.timeout/);
    expect(await second.configuration.reload(load)).toMatchObject({ ok: false, why: 'conflict' });
  });
});
