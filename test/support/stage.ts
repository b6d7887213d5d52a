/**
 * The stage on which one test file plays: everything it starts is stopped at its end, last first,
 * and logs and traces stay in test-results/<file>-<pid>/ only if something failed.
 *
 *   const stage = openStage('queue-call');            // at the top of the file
 *   const acd = await stage.add(startAcd(stage, …));
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach } from 'vitest';

export interface Actor {
  stop(): Promise<void>;
  /** File name and text, kept if a test failed. */
  trace?(): { readonly name: string; readonly text: string };
}

export interface Stage {
  /** Exists; configuration, logs and recordings go here. */
  readonly folder: string;
  /** Puts an actor on stage until the end of the file. */
  add<T extends Actor>(actor: Promise<T> | T): Promise<T>;
  /** Puts an actor on stage until the end of the running test. */
  addForTest<T extends Actor>(actor: Promise<T> | T): Promise<T>;
  /** After every test, when its own actors have gone: what must then be true of those who stay. */
  check(look: () => Promise<void>): void;
}

const results = path.resolve(import.meta.dirname, '../../test-results');

export function openStage(name: string): Stage {
  // Its own, so that two runs at a time do not clear each other's.
  const folder = path.join(results, `${name}-${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const forFile: Actor[] = [];
  const forTest: Actor[] = [];
  const checks: (() => Promise<void>)[] = [];
  let failed = 0;

  const clear = async (actors: Actor[], label: string): Promise<void> => {
    const troubles: unknown[] = [];
    for (const actor of actors.splice(0).reverse()) {
      await actor.stop().catch((trouble: unknown) => troubles.push(trouble));
      if (failed === 0 || actor.trace === undefined) continue;
      const { name: file, text } = actor.trace();
      writeFileSync(path.join(folder, `${label}${file}`), text);
    }
    if (troubles.length > 0) throw new AggregateError(troubles, 'could not be stopped');
  };

  afterEach(async (context) => {
    if (context.task.result?.state === 'fail') failed += 1;
    const label = context.task.name.replace(/[^a-z0-9]+/gi, '-').slice(0, 60);
    await clear(forTest, `${label}--`);
    for (const look of checks) {
      await look().catch((trouble: unknown) => {
        failed += 1;
        throw trouble;
      });
    }
  });
  afterAll(async () => {
    await clear(forFile, '');
    if (failed === 0) rmSync(folder, { recursive: true, force: true });
  });

  const addTo =
    (list: Actor[]) =>
    async <T extends Actor>(actor: Promise<T> | T): Promise<T> => {
      const ready = await actor;
      list.push(ready);
      return ready;
    };
  return {
    folder,
    add: addTo(forFile),
    addForTest: addTo(forTest),
    check: (look) => checks.push(look),
  };
}
