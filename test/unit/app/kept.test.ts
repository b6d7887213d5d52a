/**
 * Goal: whatever becomes of acd.yaml, a server that follows another goes on with what was loaded.
 * Method: the configuration of a house with its file in a folder of its own, and the copy there.
 */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, expect, it, vi } from 'vitest';
import { readAsKept } from '../../../src/cli/configuration.ts';
import { readKept } from '../../../src/config/kept.ts';
import { FILE, House } from './stage.ts';

const load = { by: 'test', prefer: null, dryRun: false } as const;

afterEach(() => vi.restoreAllMocks());

function keptOf(house: House) {
  const kept = readKept(house.keptAt ?? '');
  if (kept === null) throw new Error('nothing was kept');
  return kept;
}

it('given a start and a reload, keeps what was loaded, for its owner alone', async () => {
  const house = new House();
  const { configuration } = await house.begin();
  expect(keptOf(house).text).toBe(FILE);
  const changed = FILE.replace('timeout: 15', 'timeout: 20');
  house.write(changed);
  await configuration.reload({ ...load, dryRun: true });
  expect(keptOf(house).text).toBe(FILE);
  await configuration.reload(load);
  expect(keptOf(house).text).toBe(changed);
  house.write('queues: 7');
  expect(await configuration.reload(load)).toMatchObject({ ok: false });
  expect(keptOf(house).text).toBe(changed);
  expect(statSync(house.keptAt ?? '').mode & 0o777).toBe(0o600);
});

it('given a file with mistakes, begins with the former one, and says so', async () => {
  const house = new House();
  await house.begin();
  house.write('queues: 7');
  const faults = ['acd.yaml:1:9: queues: wrong', 'acd.yaml:2:1: more'];
  const begun = await house.begin(house.journal, { ...keptOf(house), faults });
  const { configuration, loop, fault } = begun;
  expect(fault).toBeNull();
  expect([...loop.state.queues.keys()]).toEqual(['sales', 'help']);
  // No version of its own: nothing has changed.
  expect(configuration.version()).toBe(1);
  const words = configuration.trouble() ?? '';
  expect(words).toMatch(/queues: wrong and 1 more.*loaded at \d{4}-.*then acd reload$/);
  expect(house.told.join('')).toContain(JSON.stringify(words).slice(1, -1));
  expect(readFileSync(house.keptAt ?? '', 'utf8')).toBe(FILE);
  expect(await configuration.reload(load)).toMatchObject({ ok: false, why: 'faults' });
  expect(configuration.trouble()).not.toBeNull();
  house.write(FILE);
  expect(await configuration.reload(load)).toMatchObject({ ok: true });
  expect(configuration.trouble()).toBeNull();
});

it('given what REST made, keeps that, too', async () => {
  const house = new House();
  const first = await house.begin();
  await first.configuration.change('test', 'more', (doc) => ({
    ok: true,
    doc: { ...doc, queues: [...((doc['queues'] ?? []) as never[]), { name: 'fax' }] },
  }));
  house.write('');
  const next = await house.begin(house.journal, { ...keptOf(house), faults: ['gone'] });
  expect(next.fault).toBeNull();
  expect([...next.loop.state.queues.keys()]).toEqual(['sales', 'help', 'fax']);
});

it('given a prompt that is gone since, serves its queue all the same', async () => {
  const house = new House();
  const named = FILE.replace('name: help', 'name: help\n    welcome: hello');
  house.write(named);
  house.sounds = { prompts: new Set(['hello']), music: new Set(['default']) };
  await house.begin();
  house.sounds = { prompts: new Set(), music: new Set(['default']) };
  expect((await house.begin()).fault).toMatch(/hello/);
  const next = await house.begin(house.journal, { ...keptOf(house), faults: ['no hello'] });
  expect(next.fault).toBeNull();
  expect(next.loop.state.queues.has('help')).toBe(true);
});

it('given a place where no copy can be kept, says so and serves', async () => {
  const house = new House();
  mkdirSync(`${house.keptAt}.new`);
  const { fault, configuration } = await house.begin();
  expect(fault).toBeNull();
  expect(configuration.trouble()).toBeNull();
  expect(house.told.join('')).toContain('no copy of acd.yaml can be kept');
});

it('given no copy, or one that cannot be read, has none', () => {
  const house = new House();
  expect(readKept(house.keptAt ?? '')).toBeNull();
  mkdirSync(house.keptAt ?? '');
  expect(readKept(house.keptAt ?? '')).toBeNull();
  rmSync(house.keptAt ?? '', { recursive: true });
  writeFileSync(house.keptAt ?? '', 'x');
  expect(readKept(house.keptAt ?? '')?.text).toBe('x');
});

it('reads acd.yaml where it can, else what was kept, else nothing', async () => {
  let told = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((told += String(text)), true));
  const house = new House();
  await house.begin();
  const read = () => readAsKept(house.file, house.keptAt);
  expect(read()).toMatchObject({ instead: null, config: { queues: [{ name: 'sales' }, {}] } });
  house.write('queues: 7');
  expect(read()?.instead).toMatchObject({
    text: FILE,
    faults: [expect.stringContaining('queues')],
  });
  expect(told).toContain('has 1 mistake; nothing of it was used');
  rmSync(house.file);
  expect(read()?.instead?.faults[0]).toContain('there is no such file');
  expect(readAsKept(house.file, null)).toBeNull();
  writeFileSync(house.keptAt ?? '', 'agents: 7');
  told = '';
  expect(read()).toBeNull();
  expect(told).toMatch(/no such file[^]*journal\.db\.yaml:1:\d+: agents/);
});
