/**
 * Goal: what the reports are told reaches their thread whatever is asked of it. Method: a thread
 * that answers no question, and tells what it was told.
 */
import { expect, it } from 'vitest';
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
