/**
 * The reports' own thread: told which, it follows the journal's file from beside whenever it is
 * woken, and answers questions between two steps. It ends when it is told to close.
 */
import { parentPort } from 'node:worker_threads';
import { Database } from '../journal/database.ts';
import { openTail } from '../journal/tail.ts';
import { openService, type ReportService } from './service.ts';
import type { Open, ThreadAsk, ThreadTell } from './threaded.ts';

/** Without being woken it looks for itself, to save its place and to remove old rows. */
const LOOK_MS = 2_000;

function tell(message: ThreadTell): void {
  parentPort?.postMessage(message);
}

function run(service: ReportService): void {
  let isDue = false;
  const work = (): void => {
    isDue = false;
    if (service.work(Date.now())) soon();
    const { seq, fileFault } = service.ask({ name: 'progress' }, Date.now());
    tell({ kind: 'progress', seq, fileFault });
  };
  const soon = (): void => {
    if (isDue) return;
    isDue = true;
    setImmediate(work);
  };
  const timer = setInterval(soon, LOOK_MS);
  parentPort?.on('message', (ask: ThreadAsk) => {
    switch (ask.kind) {
      case 'wake':
        return soon();
      case 'use-levels':
        return service.useLevels(ask.levels);
      case 'ask':
        return tell({
          kind: 'answer',
          id: ask.id,
          value: service.ask(ask.question, Date.now()),
        });
      case 'close':
        clearInterval(timer);
        while (service.work(Date.now()));
        service.close();
        tell({ kind: 'closed' });
        return parentPort?.close();
    }
  });
  soon();
}

function open({ journal, options }: Open): void {
  const tail = openTail(journal);
  const log = (level: 'info' | 'warn' | 'error', text: string) =>
    tell({ kind: 'log', level, text });
  const opened = tail.ok ? openService(tail.source, options, log) : tail;
  tell({ kind: 'opened', detail: opened.ok ? null : opened.detail });
  if (opened.ok) run(opened.service);
  else parentPort?.close();
}

// SQLite's own errors lose their words on the way to another thread.
process.on('uncaughtException', (error) => {
  tell({ kind: 'died', detail: error.message });
  process.exit(1);
});
// As in the journal's thread.
new Database(':memory:').close();
parentPort?.once('message', open);
