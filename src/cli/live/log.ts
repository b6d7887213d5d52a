/**
 * `acd log [-f]`: what happened, an event a line, by its number in the journal: the last ones,
 * and with -f all that come. The line that was cut is taken up again where it was.
 */
import type { HealthAnswer } from '../../http/schemas.ts';
import { fieldsOf } from '../event-line.ts';
import { EXIT, fault } from '../exit.ts';
import { ask, type Answer, type Written } from './client.ts';
import { placeOf, type Place } from './reach.ts';
import { follow, Refused, type Frame } from './follow.ts';
import { at, verb, wholeOf, type Group } from './verb.ts';

interface WrittenLog extends Written {
  readonly follow?: boolean;
  readonly lines: string;
  readonly queue?: string[];
  readonly agent?: string[];
}

/** Told by the stream about itself, not by the journal. */
const OWN: readonly string[] = ['snapshot', 'heartbeat', 'overflow', 'denied'];

interface Shown {
  readonly seq: number;
  readonly at: number;
  readonly kind: string;
}

/** `12:03:55.120  4711 CallEntered callId=… queue=sales …`, in the time of this machine. */
function writeEvent(event: Shown): string {
  const at = new Date(event.at);
  const two = (value: number) => String(value).padStart(2, '0');
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
  const thousandths = String(at.getMilliseconds()).padStart(3, '0');
  const number = String(event.seq).padStart(6);
  return `${time}.${thousandths} ${number} ${event.kind} ${fieldsOf(event)}`.trimEnd();
}

function show(frame: Frame, isJson: boolean): void {
  const text = isJson ? frame.data : writeEvent(JSON.parse(frame.data) as Shown);
  process.stdout.write(`${text}\n`);
}

/** Whoever goes on after a number is not told that a name is none: he would wait for ever. */
async function findUnknown(place: Place, written: WrittenLog): Promise<Answer<unknown>> {
  const named = [
    ...(written.queue ?? []).map((name) => `/queues/${at(name)}`),
    ...(written.agent ?? []).map((id) => `/agents/${at(id)}`),
  ];
  const answers = await Promise.all(named.map((path) => ask<unknown>(place, path)));
  return answers.find(({ ok }) => !ok) ?? { ok: true, body: null };
}

async function run(written: WrittenLog): Promise<number> {
  const place = placeOf(written);
  const lines = wholeOf(written.lines);
  if (lines === null || lines < 0) {
    return fault(`--lines ${written.lines}: give a number, 0 or more`);
  }
  if (place === null) return EXIT.wrong;
  const health = await ask<HealthAnswer>(place, '/health');
  if (!health.ok) return fault(health.text, health.status);
  const named = await findUnknown(place, written);
  if (!named.ok) return fault(named.text, named.status);
  const { seq } = health.body.journal;
  const isFollowed = written.follow === true;
  const frames = follow({
    place,
    queues: written.queue ?? [],
    agents: written.agent ?? [],
    after: String(Math.max(0, seq - lines)),
    onCut: (why) => process.stderr.write(`cut off (${why}); trying again\n`),
  });
  try {
    for await (const frame of frames) {
      if (!OWN.includes(frame.name)) show(frame, written.json);
      // What is asked for is told when the stream says that it has caught up.
      if (!isFollowed && (frame.name === 'heartbeat' || Number(frame.id) >= seq)) return EXIT.ok;
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return fault(error.message, EXIT.refused);
  }
  return EXIT.ok;
}

const listed = (value: string, before: string[] = []): string[] => [...before, value];

export function addLog(group: Group): void {
  verb(group, 'log', 'what happened, an event a line; with --json as the journal has it')
    .option('-f, --follow', 'go on with what happens, until Ctrl-C')
    .option('-n, --lines <number>', 'how many past events to begin with', '20')
    .option('--queue <name>', 'only what concerns this queue; may be given again', listed)
    .option('--agent <id>', 'only what concerns this agent; may be given again', listed)
    .action(async (written: WrittenLog) => group.done(await run(written)));
}
