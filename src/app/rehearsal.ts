/**
 * What a spare of the server does before it is wanted (supervisor/spare.ts): it goes once through
 * what is slow the first time, with nothing real: a configuration of one line is read, REST is
 * built over a view of nothing and asked once, the threads of journal and reports load their code.
 * No file of the user's is read, no socket is opened; what comes of it is thrown away, but for the
 * threads.
 */
import type { Worker } from 'node:worker_threads';
import { parseConfig } from '../config/load.ts';
import { overNothing } from '../http/describe.ts';
import { startJournalThread } from '../journal/threaded.ts';
import { startReportsThread } from '../reports/threaded.ts';

/** Loaded, and nothing opened. */
export interface Threads {
  readonly journal: Worker;
  readonly reports: Worker;
}

export async function rehearse(): Promise<Threads> {
  const threads = { journal: startJournalThread(), reports: startReportsThread() };
  parseConfig('queues: [{ name: rehearsal }]', { env: {}, folder: '.' });
  await overNothing('', (http) => http.inject('/nowhere'));
  return threads;
}
