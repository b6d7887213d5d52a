/**
 * Projects by cost: `unit` (no process, no socket beyond loopback), `edge` (our own processes on
 * loopback), `e2e` (real peers of Debian; needs the built product in dist/), and `patient`: those
 * end-to-end tests that mostly wait, until a silent peer is given up or speech is over.
 *
 * Files of `unit` share processes, so that the product is loaded once for many of them: a third of
 * their time. Those that put something in the place of a module, or of time itself, would do so to
 * others; they are `unit-alone`, each in a process of its own.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { defineConfig } from 'vitest/config';

const here = import.meta.dirname;
const ALONE = readdirSync(path.join(here, 'unit'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => {
    const text = readFileSync(path.join(here, 'unit', name), 'utf8');
    return /\bvi\.(mock|doMock|useFakeTimers|setSystemTime|stubGlobal)\b/.test(text);
  })
  .map((name) => `test/unit/${name.split(path.sep).join('/')}`);
const PATIENT = ['soak', 'supervisor-killed', 'login'].map((name) => `test/e2e/${name}.test.ts`);
/** On a busy machine what is awaited may take its time; what never comes fails all the same. */
const patience = { poll: { timeout: 15_000, interval: 20 } };
const unit = { testTimeout: 20_000, maxWorkers: '100%', expect: patience };
const endToEnd = {
  testTimeout: 90_000,
  hookTimeout: 60_000,
  fileParallelism: false,
  expect: patience,
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...unit,
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/tidy.test.ts'],
          exclude: ALONE,
          isolate: false,
        },
      },
      { test: { ...unit, name: 'unit-alone', include: ALONE } },
      {
        test: {
          name: 'edge',
          include: ['test/edge/**/*.test.ts'],
          testTimeout: 30_000,
          expect: patience,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...endToEnd,
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: PATIENT,
        },
      },
      { test: { ...endToEnd, name: 'patient', include: PATIENT } },
    ],
  },
});
