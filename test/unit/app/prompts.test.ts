/**
 * Goal: an uploaded prompt is used at once, survives a restart, and is not taken from a queue that
 * needs it. Method: uploads of a recording of our own, on a configuration of its own.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Prompts } from '../../../src/app/prompts.ts';
import { changeEntry } from '../../../src/config/edit.ts';
import { House } from './stage.ts';

const recording = readFileSync(
  path.resolve(import.meta.dirname, '../../../prompts/en/agent-id.wav'),
);

async function open(house: House) {
  const begun = await house.begin();
  const journal = path.join(path.dirname(house.file), 'journal.db');
  return { ...begun, prompts: new Prompts({ configuration: begun.configuration, journal }) };
}

describe('uploaded prompts', () => {
  it('are kept beside the journal, listed, and there after a restart', async () => {
    const house = new House();
    const { prompts, configuration } = await open(house);
    const done = await prompts.upload('test', 'hello', recording);
    expect(done).toMatchObject({ ok: true, version: 2 });
    const again = (await open(house)).prompts;
    expect(await again.list()).toMatchObject([{ key: 'hello' }]);
    expect(existsSync(again.files().get('hello') ?? '')).toBe(true);
    expect(readFileSync(again.files().get('hello') ?? '')).toEqual(recording);
    expect(await configuration.rollback(1, { by: 'test', dryRun: false })).toMatchObject({
      ok: true,
    });
    expect(await prompts.list()).toEqual([]);
  });

  it('given something else, or nowhere to keep it, say so', async () => {
    const { prompts, configuration } = await open(new House());
    const text = await prompts.upload('test', 'hello', Buffer.from('hello'));
    expect(text).toMatchObject({ ok: false, why: 'bad-audio' });
    const nowhere = new Prompts({ configuration, journal: ':memory:' });
    const kept = await nowhere.upload('test', 'hello', recording);
    expect(kept).toMatchObject({ ok: false, why: 'no-place' });
    expect(configuration.version()).toBe(1);
  });

  it('may be named by queues once they are there, and not removed while they are', async () => {
    const house = new House();
    house.sounds = {
      prompts: new Set(['queue-welcome', 'queue-periodic-announce']),
      music: new Set(['default']),
    };
    const { prompts, configuration } = await open(house);
    const name = () =>
      configuration.change('test', 'welcome', (doc) =>
        changeEntry(doc, 'queue', 'sales', { welcome: ['hello'] }),
      );
    expect(await name()).toMatchObject({ ok: false, why: 'faults' });
    await prompts.upload('test', 'hello', recording);
    expect(await name()).toMatchObject({ ok: true });
    expect(await prompts.remove('test', 'hello')).toMatchObject({ ok: false, why: 'faults' });
    expect(await prompts.remove('test', 'other')).toMatchObject({ ok: false, why: 'unknown' });
  });
});
