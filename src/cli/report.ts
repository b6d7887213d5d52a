/**
 * `acd report [WHAT]`: figures of a day or a span of time from the running ACD, as a table for
 * people, or `--csv`, or `--json` as REST gives it.
 */
import { Argument, type Command } from 'commander';
import { EXIT, fault } from './exit.ts';
import { askText } from './live/client.ts';
import { placeOf, TOKEN_OPTION, type WrittenPlace } from './live/reach.ts';
import { writeTable, type Column } from './table.ts';

const WHAT = ['queues', 'agents', 'pauses', 'abandoned', 'calls', 'counters'] as const;
type What = (typeof WHAT)[number];

export interface WrittenReport extends WrittenPlace {
  readonly day?: string;
  readonly from?: string;
  readonly to?: string;
  readonly queue?: string;
  readonly agent?: string;
  readonly interval?: string;
  readonly csv: boolean;
  readonly json: boolean;
}

/** What people want to see first; `--csv` and `--json` have everything. */
const COLUMNS: Readonly<Record<What, readonly Column[]>> = {
  queues: [
    ['queue', 'queue'],
    ['local_from', 'from'],
    ['offered', 'offered'],
    ['answered', 'answered'],
    ['abandoned', 'abandoned'],
    ['refused', 'refused'],
    ['left', 'left'],
    ['service_level', 'level %'],
    ['sl', 'SL %'],
    ['sl2', 'SL2 %'],
    ['average_wait_seconds', 'wait s'],
    ['longest_wait_seconds', 'longest s'],
    ['average_talk_seconds', 'talk s'],
  ],
  agents: [
    ['agent', 'agent'],
    ['name', 'name'],
    ['calls', 'calls'],
    ['offers', 'offers'],
    ['missed', 'missed'],
    ['logged_in_seconds', 'logged in s'],
    ['talk_seconds', 'talk s'],
    ['wrapup_seconds', 'wrap-up s'],
    ['paused_seconds', 'paused s'],
    ['ready_seconds', 'ready s'],
    ['occupancy', 'occupancy %'],
  ],
  pauses: [
    ['agent', 'agent'],
    ['queue', 'queue'],
    ['reason', 'reason'],
    ['pauses', 'pauses'],
    ['seconds', 'seconds'],
  ],
  abandoned: [
    ['at', 'at'],
    ['queue', 'queue'],
    ['from', 'from'],
    ['waited_seconds', 'waited s'],
    ['position', 'position'],
    ['called_back', 'called back?'],
  ],
  calls: [
    ['entered', 'entered'],
    ['call', 'call'],
    ['from', 'from'],
    ['last_queue', 'queue'],
    ['agent', 'agent'],
    ['status', 'status'],
    ['waited_seconds', 'waited s'],
    ['talked_seconds', 'talked s'],
  ],
  counters: [
    ['queue', 'queue'],
    ['hold_seconds', 'hold s'],
    ['talk_seconds', 'talk s'],
    ['completed', 'C'],
    ['abandoned', 'A'],
    ['sl', 'SL %'],
    ['sl2', 'SL2 %'],
  ],
};

function pathOf(what: What, written: WrittenReport): string {
  const asked = new URLSearchParams();
  const { day, from, to, queue, agent, interval } = written;
  const given = { day, from, to, queue, agent, interval };
  for (const [key, value] of Object.entries(given)) {
    if (value !== undefined) asked.set(key, value);
  }
  if (written.csv) asked.set('format', 'csv');
  return `/reports/${what}?${asked.toString()}`;
}

async function runReport(what: What, written: WrittenReport): Promise<number> {
  const place = placeOf(written);
  if (place === null) return EXIT.wrong;
  const answer = await askText(place, pathOf(what, written));
  if (!answer.ok) return fault(answer.text, answer.status);
  const text = answer.body;
  if (written.csv || written.json) {
    process.stdout.write(written.json && !text.endsWith('\n') ? `${text}\n` : text);
    return EXIT.ok;
  }
  const found = JSON.parse(text) as { rows: Record<string, unknown>[]; more: boolean };
  process.stdout.write(`${writeTable(found.rows, COLUMNS[what])}\n`);
  if (found.more) process.stderr.write('there are more than fit; ask for a shorter span\n');
  return EXIT.ok;
}

export function addReport(
  program: Command,
  [flags = '', text = '', standard = '']: readonly string[],
  done: (status: number) => void,
): void {
  program
    .command('report')
    .description('figures of queues and agents, records of calls; of the running ACD')
    .addArgument(new Argument('[what]', 'what of').choices(WHAT).default('queues'))
    .option(flags, text, standard)
    .option('--day <date>', 'as in 2026-11-25, in the time zone of the reports; default today')
    .option('--from <time>', 'in place of --day: 2026-11-01 (as --day), or 2026-11-01T08:00:00Z')
    .option('--to <time>', 'not included; default now')
    .option('--queue <name>', 'of this queue alone')
    .option('--agent <id>', 'of this agent alone')
    .option('--interval <length>', 'none, 15m, 30m, hour or day (queues)')
    .option('--url <url>', 'where its REST is; default as the configuration says')
    .option(...TOKEN_OPTION)
    .option('--csv', 'a table for spreadsheets', false)
    .option('--json', 'print one object and nothing else', false)
    .action(async (what: What, written: WrittenReport) => done(await runReport(what, written)));
}
