/**
 * `acd start`: checks the configuration, starts everything, says where to dial, how to log in and
 * what to open, and stops it all on Ctrl-C: the first lets calls finish, the second ends them, the
 * third kills.
 */
import { chooseDrachtio } from '../config/endpoints.ts';
import type { LogLine } from '../observe/line.ts';
import { levelNumber, writeJson, writePretty } from '../observe/line.ts';
import { writeLine } from '../shared/unread.ts';
import { findFileFault } from '../supervisor/preflight.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';
import { supervise } from '../supervisor/supervisor.ts';
import { writeBanner } from './banner.ts';
import { readConfiguration } from './configuration.ts';
import { EXIT, fault, SAME_SIGNAL_MS } from './exit.ts';

/** Settles at the first signal; the second hurries, the third kills. */
async function untilStopped(supervisor: () => Supervisor | null): Promise<string> {
  return new Promise((resolve) => {
    let last = -Infinity;
    let count = 0;
    const heard = (signal: string) => {
      const now = performance.now();
      // A shell whose window is closed and the system each say so, and nobody can ask again there.
      if (signal === 'SIGHUP' && count > 0) return;
      if (signal === 'SIGINT' && now - last < SAME_SIGNAL_MS) return;
      last = now;
      count += 1;
      if (count === 1) resolve(signal);
      else if (count === 2 && supervisor() !== null) supervisor()?.hurry();
      else {
        supervisor()?.kill();
        process.exit(EXIT.killed);
      }
    };
    process.on('SIGINT', heard);
    process.on('SIGTERM', heard);
    // With a terminal it means that the terminal is gone, and can't be told any more; else: load
    // acd.yaml again.
    const hasTerminal = process.stdin.isTTY;
    process.on('SIGHUP', (signal) => {
      if (hasTerminal) heard(signal);
      else supervisor()?.reload();
    });
  });
}

/** What Node has of a terminal beside what it documents. */
interface Terminal {
  readonly _handle?: { readonly setBlocking?: (is: boolean) => void };
}

/**
 * Whoever reads it is gone, or its disk is full: logging stops, telephony does not. Node waits for
 * a terminal to take what it is told, and Ctrl-S, or a line that is dead, would have it wait for
 * ever, while nobody follows a server that is killed.
 */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => undefined);
    if (stream.isTTY) (stream as Terminal)._handle?.setBlocking?.(false);
  }
}

export async function runStart(file: string): Promise<number> {
  outliveReaders();
  const config = readConfiguration(file);
  if (config === null) return EXIT.wrong;
  const few = findFileFault(config);
  if (few?.isFatal === true) return fault(few.text);
  const chosen = chooseDrachtio(process.env, config);
  if ('wrong' in chosen) return fault(chosen.wrong);
  const isJson = config.log.format === 'json';
  const least = levelNumber(config.log.level);
  const write = (line: LogLine) => {
    if (levelNumber(line.level) < least) return;
    writeLine(process.stdout, `${isJson ? writeJson(line) : writePretty(line)}\n`);
  };
  let supervisor: Supervisor | null = null;
  const stopped = untilStopped(() => supervisor);
  const { drachtio } = chosen;
  const starting = supervise({ config, configFile: file, write, drachtio });
  const started = await starting;
  if (!started.ok) return fault(started.faults.join('\n'));
  ({ supervisor } = started);
  const note = (text: string, level: 'info' | 'warn' = 'info') =>
    write({ time: Date.now(), level, name: 'acd', text, fields: {} });
  if (few !== null) note(few.text, 'warn');
  if (isJson) note(`ready; REST at ${supervisor.http}`);
  else process.stdout.write(writeBanner(config, supervisor));
  const signal = await stopped;
  note(`${signal}: stopping; calls may finish, once more ends them, a third time kills`);
  await supervisor.stop();
  note('stopped');
  return EXIT.ok;
}
