/**
 * `acd restart`: asks the running `acd start` of this configuration, found by the record beside its
 * journal, to swap the server for the version that is installed now. Calls stay up. It ends well
 * when the new server serves.
 */
import path from 'node:path';
import { ask, GONE } from '../supervisor/control-socket.ts';
import { readRecord, recordFile } from '../supervisor/run-record.ts';
import { readConfiguration } from './configuration.ts';
import { EXIT, fault } from './exit.ts';

export async function runRestart(file: string): Promise<number> {
  const config = readConfiguration(file);
  if (config === null) return EXIT.wrong;
  const record = recordFile(config.journal.path);
  if (record === null) {
    return fault('with journal.path :memory: there are no calls that could survive a restart');
  }
  const { folder } = readRecord(record);
  const none = `no ACD runs with the journal ${config.journal.path}; start one by \`acd start\``;
  if (folder === undefined) return fault(none, EXIT.away);
  const answer = await ask(path.join(folder, 'control.sock'), 'restart');
  if (!answer.ok) {
    const text = answer.text === GONE ? none : answer.text;
    return fault(text, answer.isAway === true ? EXIT.away : EXIT.refused);
  }
  process.stdout.write(`${answer.text}\n`);
  return EXIT.ok;
}
