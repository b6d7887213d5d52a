/**
 * `acd trace CALL`: the whole story of a call, by its id or its SIP Call-ID: what happened when,
 * what it was on the wire, why each agent was rung. Reads the journal from beside.
 */
import type { Command } from 'commander';
import { openTail } from '../journal/tail.ts';
import {
  traceCall,
  type AgentStanding,
  type Step,
  type Trace,
  type Why,
} from '../reports/trace.ts';
import { readConfiguration } from './configuration.ts';
import { fieldsOf, shown } from './event-line.ts';
import { EXIT, fault } from './exit.ts';

export interface WrittenTrace {
  readonly config: string;
  readonly journal?: string;
  readonly json: boolean;
}

/** What all lines of one call have in common. */
const SAME = ['callId', 'sipCallId'];

function standing({ agent, penalty, idle_seconds, calls }: AgentStanding): string {
  return `${agent} (idle ${idle_seconds} s, ${calls} calls, penalty ${penalty})`;
}

function writeWhy({ strategy, chosen, ready, others }: Why): string[] {
  const also = ready.map(standing).join(', ');
  const not = others.map(({ agent, reason }) => `${agent} ${reason}`).join(', ');
  return [
    `why ${standing(chosen)}: ${strategy}`,
    also === '' ? 'nobody else could take it' : `could have taken it, too: ${also}`,
    ...(not === '' ? [] : [`could not: ${not}`]),
  ].map((text) => `${' '.repeat(26)}${text}`);
}

function writeStep({ at, after_ms, event, sip, why }: Step): string[] {
  const after = `+${(after_ms / 1000).toFixed(3)}`.padStart(11);
  const wire = sip === '' ? '' : `   [${sip}]`;
  const line = `${at.slice(11, 23)} ${after}  ${event.kind} ${fieldsOf(event, SAME)}${wire}`;
  return [line.trimEnd(), ...(why === null ? [] : writeWhy(why))];
}

export function writeTrace({ call, sip_call_id, steps, notes }: Trace): string {
  const day = steps[0]?.at.slice(0, 10) ?? '';
  const head = `call ${call}, SIP Call-ID ${shown(sip_call_id)}, ${day} (UTC)`;
  return [head, ...steps.flatMap(writeStep), ...notes.map((note) => `note: ${note}`)].join('\n');
}

function runTrace(call: string, written: WrittenTrace): number {
  let file = written.journal;
  if (file === undefined) {
    const config = readConfiguration(written.config);
    if (config === null) return EXIT.wrong;
    file = config.journal.path;
  }
  if (file === ':memory:') return fault('name the journal: --journal FILE');
  const tail = openTail(file);
  if (!tail.ok) return fault(tail.detail);
  try {
    const trace = traceCall(tail.source, call);
    if (trace === null) {
      const how = 'acd report calls lists those that are over';
      return fault(`${file} knows no call "${call}"; ${how}`, EXIT.unknown);
    }
    process.stdout.write(`${written.json ? JSON.stringify(trace) : writeTrace(trace)}\n`);
    return EXIT.ok;
  } finally {
    tail.source.close();
  }
}

export function addTrace(
  program: Command,
  [flags = '', text = '', standard = '']: readonly string[],
  done: (status: number) => void,
): void {
  program
    .command('trace')
    .description('the whole story of a call: events, SIP, and why each agent was rung')
    .argument('<call>', 'its id, or its SIP Call-ID')
    .option(flags, text, standard)
    .option('--journal <file>', 'the journal; default the one of the configuration')
    .option('--json', 'print one object and nothing else', false)
    .action((call: string, written: WrittenTrace) => done(runTrace(call, written)));
}
