/**
 * `acd serve`: the server process alone. `acd start` runs it as its child, containers run it as a
 * service. It tells on its first line whether it is up: `{"ready":true,"http":…,"sip":[…]}`, or
 * `{"ready":false,"error":…}` and status 1.
 */
import { startApp } from '../app.ts';
import { readEndpoints } from '../config/endpoints.ts';
import { createLog } from '../observe/log.ts';
import { readConfiguration } from './configuration.ts';
import { version } from './project.ts';

/** Of sysexits.h: an internal fault; the supervisor starts us again. */
const EXIT_FATAL = 70;

function tell(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function refuse(error: string): number {
  tell({ ready: false, error });
  return 1;
}

/** Settles when the process is asked to end. */
async function untilAsked(stopWithParent: boolean): Promise<string> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
    if (!stopWithParent) return;
    process.stdin.once('end', () => resolve('the supervisor is gone'));
    process.stdin.once('error', () => resolve('the supervisor is gone'));
    process.stdin.resume();
  });
}

export async function runServe(options: {
  readonly config: string;
  readonly stopWithParent: boolean;
}): Promise<number> {
  const config = readConfiguration(options.config);
  if (config === null) return refuse(`${options.config} has mistakes`);
  const found = readEndpoints(process.env, config);
  if (!found.ok) return refuse(found.detail);
  // Under the supervisor our lines are read and written again: JSON keeps their fields apart.
  const format = options.stopWithParent ? 'json' : config.log.format;
  const log = createLog({ level: config.log.level, format, name: 'server' });
  const asked = untilAsked(options.stopWithParent);
  const started = await startApp({
    config,
    endpoints: found.endpoints,
    log,
    version: version(),
    onFatal: () => process.exit(EXIT_FATAL),
  });
  if (!started.ok) return refuse(started.detail);
  const { app } = started;
  tell({ ready: true, http: app.http, sip: app.sip });
  const why = await asked;
  log.info({ why }, 'stopping');
  await app.stop();
  log.info({}, 'stopped');
  return 0;
}
