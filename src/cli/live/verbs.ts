/**
 * The verbs on a running ACD: `status`, `queue show`, `agent …`, `call …`. Each is one request of
 * REST, printed for people, or with --json as REST gave it.
 */
import type { Command } from 'commander';
import type { AgentAnswer, CallAnswer, HealthAnswer, QueueAnswer } from '../../http/schemas.ts';
import { writeTable, type Column } from '../table.ts';
import { ask, tell, type Answer, type Written } from './client.ts';
import { showQueue, type Counters } from './queue-show.ts';

type Done = (status: number) => void;

const AGENT_COLUMNS: readonly Column[] = [
  ['id', 'agent'],
  ['name', 'name'],
  ['state', 'state'],
  ['idletime', 'idle s'],
  ['device', 'device'],
  ['pause_reason', 'paused for'],
  ['queues', 'queues'],
];

const CALL_COLUMNS: readonly Column[] = [
  ['id', 'call'],
  ['queue', 'queue'],
  ['state', 'state'],
  ['position', 'place'],
  ['from', 'from'],
  ['waited_seconds', 'waited s'],
  ['talked_seconds', 'talked s'],
  ['agent', 'agent'],
];

const agentTable = (agents: readonly AgentAnswer[]) =>
  writeTable(
    agents.map((agent) => ({ ...agent, queues: agent.memberof.join(',') })),
    AGENT_COLUMNS,
  );
/** Everything that is known of one thing, a line each. */
const details = (body: object) =>
  writeTable(
    Object.entries(body).map(([key, value]) => ({ key, value: value as unknown })),
    [
      ['key', 'what'],
      ['value', 'value'],
    ],
  );

function showHealth(health: HealthAnswer): string {
  const { status, version, uptime_seconds: up, sip, media, journal, bugs, drain } = health;
  const part = (name: string, { up: isUp, detail }: { up: boolean; detail: string }) =>
    `${name.padEnd(10)} ${isUp ? 'up' : 'DOWN'} ${detail}`.trimEnd();
  return [
    `${status}: version ${version}, up ${up} s, broken invariants ${bugs}`,
    part('sip', sip),
    part('media', media),
    part('journal', journal),
    ...health.registrars.map(({ name, registrar, state, detail }) =>
      `${name.padEnd(10)} ${state} at ${registrar} ${detail}`.trimEnd(),
    ),
    ...(drain === null ? [] : [`draining: ${drain.calls_left} calls left`]),
  ].join('\n');
}

/** Figures, members and callers of the queues; counters may be away without harm. */
async function showQueues(queues: readonly QueueAnswer[], base: string): Promise<string> {
  const [agents, counters] = await Promise.all([
    ask<{ agents: AgentAnswer[] }>(base, '/agents'),
    ask<{ rows: Counters[] }>(base, '/reports/counters'),
  ]);
  const members = agents.ok ? agents.body.agents : [];
  const figures = counters.ok ? counters.body.rows : [];
  return queues.map((queue) => showQueue(queue, members, figures)).join('\n\n');
}

/** A verb with the options that all of them have. */
function verb(parent: Command, flags: readonly string[], name: string, text: string): Command {
  const [config = '', about = '', standard = ''] = flags;
  return parent
    .command(name)
    .description(text)
    .option(config, about, standard)
    .option('--url <url>', 'where its REST is; default ACD_URL, or as the configuration says')
    .option('--json', 'print what REST answers, and nothing else', false);
}

const at = (id: string) => encodeURIComponent(id);

function addQueue(program: Command, flags: readonly string[], done: Done): void {
  const queue = program.command('queue').description('the queues of the running ACD');
  verb(queue, flags, 'show', 'figures, members and callers')
    .argument('[name]', 'one queue; without it all')
    .action(async (name: string | undefined, written: Written) => {
      if (name === undefined) {
        const get = (base: string) => ask<{ queues: QueueAnswer[] }>(base, '/queues');
        done(await tell(written, get, ({ queues }, base) => showQueues(queues, base)));
      } else {
        const get = (base: string) => ask<QueueAnswer>(base, `/queues/${at(name)}`);
        done(await tell(written, get, (body, base) => showQueues([body], base)));
      }
    });
}

function addAgent(program: Command, flags: readonly string[], done: Done): void {
  const agent = program.command('agent').description('the agents of the running ACD');
  verb(agent, flags, 'list', 'all agents').action(async (written: Written) => {
    const get = (base: string) => ask<{ agents: AgentAnswer[] }>(base, '/agents');
    done(await tell(written, get, ({ agents }) => agentTable(agents)));
  });
  verb(agent, flags, 'show', 'one agent')
    .argument('<id>')
    .action(async (id: string, written: Written) => {
      const get = (base: string) => ask<AgentAnswer>(base, `/agents/${at(id)}`);
      done(await tell(written, get, details));
    });
  const acts = [
    ['pause', 'no offers until he is resumed'],
    ['resume', 'end his pause'],
    ['logout', 'log him out; a call he has goes on'],
  ] as const;
  for (const [name, text] of acts) {
    const command = verb(agent, flags, name, text).argument('<id>');
    if (name === 'pause') command.option('--reason <text>', 'why', '');
    command.action(async (id: string, written: Written & { reason?: string }) => {
      const body = name === 'pause' ? { reason: written.reason ?? '' } : undefined;
      const post = (base: string) =>
        ask<AgentAnswer>(base, `/agents/${at(id)}/${name}`, 'POST', body);
      done(await tell(written, post, (found) => agentTable([found])));
    });
  }
}

function addCall(program: Command, flags: readonly string[], done: Done): void {
  const call = program.command('call').description('the calls of the running ACD');
  const get = (base: string): Promise<Answer<{ calls: CallAnswer[] }>> => ask(base, '/calls');
  verb(call, flags, 'list', 'all calls, waiting or talking').action(async (written: Written) => {
    done(await tell(written, get, ({ calls }) => writeTable(calls, CALL_COLUMNS)));
  });
}

function addStatus(program: Command, flags: readonly string[], done: Done): void {
  verb(program, flags, 'status', 'is everything well?').action(async (written: Written) => {
    done(await tell(written, (base) => ask<HealthAnswer>(base, '/health'), showHealth));
  });
}

/** All verbs that talk with a running ACD. */
export function addLive(program: Command, flags: readonly string[], done: Done): void {
  addStatus(program, flags, done);
  addQueue(program, flags, done);
  addAgent(program, flags, done);
  addCall(program, flags, done);
}
