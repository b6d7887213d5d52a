/**
 * `acd reload` and `acd config …`: the running server loads acd.yaml again, tells its versions and
 * what is between them, and brings an older one back. It is found by `http.listen` of the
 * configuration, or `--url`.
 */
import type { Command } from 'commander';
import { liveOf } from '../config/document.ts';
import { readConfigText, writeFault } from '../config/load.ts';
import type { Change } from '../config/merge.ts';
import { showChange } from '../config/merge.ts';
import { readTree } from '../config/tree.ts';
import { EXIT, fault } from './exit.ts';
import { ask } from './live/client.ts';
import { placeOf, TOKEN_OPTION, type WrittenPlace } from './live/reach.ts';

interface Common extends WrittenPlace {
  readonly json: boolean;
}

interface Done {
  readonly version: number;
  readonly dry_run: boolean;
  readonly changes: readonly Change[];
  readonly waiting_for_restart: readonly string[];
}

interface Versions {
  readonly version: number;
  readonly changed_by_rest: readonly Change[];
  readonly versions: readonly {
    readonly version: number;
    readonly at: string;
    readonly by: string;
    readonly note: string;
  }[];
}

type Asked = { readonly ok: true; readonly body: unknown } | { readonly ok: false; status: number };

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One request; what is refused has been told. */
async function request(
  common: Common,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  body?: object,
): Promise<Asked> {
  const place = placeOf(common);
  if (place === null) return { ok: false, status: EXIT.wrong };
  const answer = await ask<unknown>(place, path, method, body);
  if (!answer.ok) fault(answer.text);
  return answer;
}

function tellDone(asked: Asked, { json }: Common): number {
  if (!asked.ok) return asked.status;
  if (json) {
    say(JSON.stringify(asked.body));
    return EXIT.ok;
  }
  const done = asked.body as Done;
  for (const change of done.changes) say(showChange(change));
  const waits = done.waiting_for_restart;
  if (waits.length > 0) say(`changed in the file, waits for acd restart: ${waits.join(', ')}`);
  if (done.dry_run) say(`nothing was applied; version ${done.version} holds`);
  else say(`version ${done.version} holds (${done.changes.length} changes)`);
  return EXIT.ok;
}

function tellChanges(asked: Asked, { json }: Common): number {
  if (!asked.ok) return asked.status;
  if (json) say(JSON.stringify(asked.body));
  else for (const change of (asked.body as { changes: Change[] }).changes) say(showChange(change));
  return EXIT.ok;
}

interface ReloadWritten extends Common {
  readonly dryRun: boolean;
  readonly prefer?: string;
}

async function runReload(written: ReloadWritten): Promise<number> {
  const { prefer, dryRun } = written;
  const query = new URLSearchParams({ dry_run: String(dryRun) });
  if (prefer !== undefined) query.set('prefer', prefer);
  return tellDone(await request(written, 'PUT', `/config?${query.toString()}`), written);
}

async function runDiff(from: string | undefined, to: string | undefined, written: Common) {
  if (from === undefined) {
    // What a reload would do.
    return tellDone(await request(written, 'PUT', '/config?dry_run=true'), written);
  }
  const query = new URLSearchParams({ from, ...(to === undefined ? {} : { to }) });
  return tellChanges(await request(written, 'GET', `/config/diff?${query.toString()}`), written);
}

async function runRollback(version: string, written: ReloadWritten): Promise<number> {
  if (!/^\d+$/.test(version)) return fault(`"${version}" is no version; see acd config history`);
  const path = `/config/rollback?dry_run=${written.dryRun}`;
  return tellDone(await request(written, 'POST', path, { version: Number(version) }), written);
}

/** Those sections of a file that may change while calls are up, in place of what holds. */
async function runPut(file: string, written: ReloadWritten): Promise<number> {
  const read = readConfigText(file);
  const found = read.ok ? readTree(read.text, null) : { tree: undefined, faults: read.faults };
  if (found.faults.length > 0) {
    return fault(found.faults.map((each) => writeFault(file, each)).join('\n'));
  }
  const path = `/config?dry_run=${written.dryRun}`;
  return tellDone(await request(written, 'PUT', path, liveOf(found.tree)), written);
}

async function runHistory(written: Common): Promise<number> {
  const asked = await request(written, 'GET', '/config');
  if (!asked.ok) return asked.status;
  const { versions, changed_by_rest: changes, version } = asked.body as Versions;
  if (written.json) {
    say(JSON.stringify({ version, versions, changed_by_rest: changes }));
    return EXIT.ok;
  }
  for (const one of versions) say(`${one.version}  ${one.at}  ${one.by}  ${one.note}`);
  if (changes.length > 0) say('not in the file, made by REST:');
  for (const change of changes) say(showChange(change));
  return EXIT.ok;
}

export function addConfigVerbs(
  program: Command,
  [flags = '', text = '', standard = '']: readonly string[],
  done: (status: number) => void,
): void {
  const common = (command: Command) =>
    command
      .option(flags, text, standard)
      .option('--url <url>', 'REST of the running ACD; without it as the configuration says')
      .option(...TOKEN_OPTION)
      .option('--json', 'print the answer as JSON', false);
  const dry = ['--dry-run', 'only say what would change'] as const;
  common(program.command('reload'))
    .description('have the running ACD load its acd.yaml again; calls stay up')
    .option(...dry, false)
    .option('--prefer <file|rest>', 'who wins where both changed a thing since the last load')
    .action(async (written: ReloadWritten) => done(await runReload(written)));
  const config = program.command('config').description('versions of the running configuration');
  common(config.command('history'))
    .description('the versions, and what REST changed since the file was loaded')
    .action(async (written: Common) => done(await runHistory(written)));
  common(config.command('diff'))
    .description('what a reload would change, or what leads from one version to another')
    .argument('[from]', 'version')
    .argument('[to]', 'version; the one that holds where none is named')
    .action(async (from: string | undefined, to: string | undefined, written: Common) => {
      done(await runDiff(from, to, written));
    });
  common(config.command('put'))
    .description('replace queues, agents, rules and reasons by those of a file')
    .argument('<file>', 'like acd.yaml; its other sections are left alone')
    .option(...dry, false)
    .action(async (file: string, written: ReloadWritten) => done(await runPut(file, written)));
  common(config.command('rollback'))
    .description('bring an older version back, as a new one')
    .argument('<version>', 'see acd config history')
    .option(...dry, false)
    .action(async (version: string, written: ReloadWritten) => {
      done(await runRollback(version, written));
    });
}
