/**
 * Goal: what the reports are told reaches their thread whatever is asked of it, and one that died
 * is followed by the next. Method: threads of a few lines that tell what they were told.
 */
import { expect, it, vi } from 'vitest';
import { openThreadedReports, startReportsThread } from '../../../src/reports/threaded.ts';

const MUTE = `
  import { parentPort } from 'node:worker_threads';
  parentPort.on('message', ({ kind, levels }) => {
    if (kind === 'close') parentPort.close();
    if (kind !== 'use-levels') return;
    const text = String(levels.thresholds.get('sales'));
    parentPort.postMessage({ kind: 'log', level: 'info', text });
  });
  parentPort.postMessage({ kind: 'opened', detail: null });
`;

const levels = { formula: 'offered', shortAbandonMs: 0, standardThresholdMs: 20_000 } as const;
const options = {
  ...{ file: ':memory:', queueLog: null, keepMs: 0, zone: 'UTC' },
  levels: { ...levels, thresholds: new Map<string, number>() },
};

it('thresholds get to the thread while as much is asked as may be', async () => {
  let told: (text: string) => void = () => undefined;
  const heard = new Promise<string>((resolve) => (told = resolve));
  const opened = await openThreadedReports({
    ...{ journal: '', options, log: (_level: string, text: string) => told(text) },
    thread: startReportsThread(new URL(`data:text/javascript,${encodeURIComponent(MUTE)}`)),
  });
  if (!opened.ok) throw new Error(opened.detail);
  const { reports } = opened;
  const asked = Array.from({ length: 64 }, () => reports.ask({ name: 'progress' }));
  expect(await reports.ask({ name: 'progress' })).toMatchObject({ ok: false });
  reports.useLevels({ ...levels, thresholds: new Map([['sales', 7_000]]) });
  expect(await heard).toBe('7000');
  await reports.close();
  for (const answer of asked) {
    expect(await answer).toEqual({ ok: false, detail: 'the ACD stops' });
  }
});

const programOf = (text: string): URL =>
  new URL(`data:text/javascript,${encodeURIComponent(text)}`);

it('given a thread that died, another goes on, with the thresholds of now', async () => {
  const dies = MUTE.replace(
    "if (kind === 'close')",
    `if (kind === 'wake') {
      parentPort.postMessage({ kind: 'died', detail: 'full' });
      process.exit();
    }
    if (kind === 'close')`,
  );
  const lasts = `
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ kind, id, options }) => {
      if (kind === 'close') parentPort.close();
      if (kind === 'ask') parentPort.postMessage({ kind: 'answer', id, value: 'here' });
      if (options === undefined) return;
      parentPort.postMessage({ kind: 'opened', detail: null });
      const text = String(options.levels.thresholds.get('sales'));
      parentPort.postMessage({ kind: 'log', level: 'info', text });
    });
  `;
  const told: string[] = [];
  const opened = await openThreadedReports({
    ...{ journal: '', options, log: (_level: string, text: string) => void told.push(text) },
    thread: startReportsThread(programOf(dies)),
    start: () => startReportsThread(programOf(lasts)),
    againMs: 10,
  });
  if (!opened.ok) throw new Error(opened.detail);
  const { reports } = opened;
  reports.useLevels({ ...levels, thresholds: new Map([['sales', 9_000]]) });
  reports.wake();
  await vi.waitFor(() => expect(told).toContain('reports go on'));
  await vi.waitFor(() => expect(told.at(-1)).toBe('9000'));
  expect(told[1]).toMatch(/^reports stopped: full; they go on by themselves/);
  expect(reports.health()).toMatchObject({ up: true, detail: '' });
  expect(await reports.ask({ name: 'progress' })).toEqual({ ok: true, value: 'here' });
  await reports.close();
});
