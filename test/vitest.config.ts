import { defineConfig } from 'vitest/config';

/**
 * Projects by cost: `unit` (no process, no socket beyond loopback), `edge` (our own processes on
 * loopback), `e2e` (real peers of Debian; needs the built product in dist/), and `patient`: those
 * end-to-end tests that mostly wait, until a silent peer is given up or speech is over.
 */
const PATIENT = ['soak', 'all-killed', 'login'].map((name) => `test/e2e/${name}.test.ts`);
/** On a busy machine what is awaited may take its time; what never comes fails all the same. */
const patience = { poll: { timeout: 15_000, interval: 20 } };
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
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/tidy.test.ts'],
          testTimeout: 20_000,
        },
      },
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
