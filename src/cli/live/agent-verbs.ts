/** `acd agent …`: look at agents, and do to one what a supervisor may. */
import type { Reasons } from '../../http/call-schemas.ts';
import type { AgentAnswer } from '../../http/schemas.ts';
import { fault } from '../exit.ts';
import { writeTable } from '../table.ts';
import { ask, tell, type Written } from './client.ts';
import type { Place } from './reach.ts';
import { agentTable, at, details, verb, wholeOf, type Group } from './verb.ts';

function addLooks(group: Group): void {
  const { done } = group;
  verb(group, 'list', 'all agents').action(async (written: Written) => {
    const get = (place: Place) => ask<{ agents: AgentAnswer[] }>(place, '/agents');
    done(await tell(written, get, ({ agents }) => agentTable(agents)));
  });
  verb(group, 'show', 'one agent')
    .argument('<id>')
    .action(async (id: string, written: Written) => {
      const get = (place: Place) => ask<AgentAnswer>(place, `/agents/${at(id)}`);
      done(await tell(written, get, details));
    });
  verb(group, 'why', 'why he is not rung for each call that waits in his queues')
    .argument('<id>')
    .action(async (id: string, written: Written) => {
      const get = (place: Place) => ask<Reasons>(place, `/agents/${at(id)}/why`);
      done(await tell(written, get, writeReasons));
    });
}

function writeReasons({ calls }: Reasons): string {
  if (calls.length === 0) return 'nobody waits in his queues';
  return writeTable(
    calls.map(({ call, queue, why }) => ({ call, queue, ...why })),
    [
      ['call', 'call'],
      ['queue', 'queue'],
      ['reason', 'why not'],
      ['for_seconds', 'for s'],
    ],
  );
}

interface Act extends Written {
  readonly reason?: string;
  readonly queue?: string;
  readonly registrar?: string;
  readonly queues?: string;
}

function post(written: Written, path: string, body?: unknown): Promise<number> {
  return tell(
    written,
    (place) => ask<AgentAnswer>(place, path, 'POST', body),
    (found) => agentTable([found]),
  );
}

function addActs(group: Group): void {
  const { done } = group;
  const here = ['--queue <name>', 'in this queue only; default in all'] as const;
  verb(group, 'pause', 'no offers until he is resumed')
    .argument('<id>')
    .option('--reason <text>', 'why', '')
    .option(...here)
    .action(async (id: string, written: Act) => {
      const { reason = '', queue } = written;
      const body = { reason, ...(queue === undefined ? {} : { queue }) };
      done(await post(written, `/agents/${at(id)}/pause`, body));
    });
  verb(group, 'resume', 'end his pause')
    .argument('<id>')
    .option(...here)
    .action(async (id: string, written: Act) => {
      const { queue } = written;
      const body = queue === undefined ? undefined : { queue };
      done(await post(written, `/agents/${at(id)}/resume`, body));
    });
  const attend = [
    ['join', 'log him in to one of his queues that he has left'],
    ['leave', 'log him out of one of his queues; he stays logged in to the others'],
  ] as const;
  for (const [name, text] of attend) {
    verb(group, name, text)
      .argument('<id>')
      .argument('<queue>')
      .action(async (id: string, queue: string, written: Written) => {
        done(await post(written, `/agents/${at(id)}/${name}`, { queue }));
      });
  }
  const plain = [
    ['ready', 'ready', 'back to work: wrap-up and every pause end'],
    ['end-wrapup', 'wrapup/end', 'end his wrap-up'],
    ['logout', 'logout', 'log him out; a call he has goes on'],
  ] as const;
  for (const [name, path, text] of plain) {
    verb(group, name, text)
      .argument('<id>')
      .action(async (id: string, written: Written) => {
        done(await post(written, `/agents/${at(id)}/${path}`));
      });
  }
  verb(group, 'login', 'log him in on a phone, as if he had dialled from there')
    .argument('<id>')
    .argument('<device>', 'sip:user@host, or the user of a phone at a registrar')
    .option('--registrar <name>', 'PBX it is dialled through; default: that of its domain')
    .option('--queues <names>', 'to these of his queues alone: q1,q2; default: to all')
    .action(async (id: string, device: string, written: Act) => {
      const { registrar, queues } = written;
      const body = {
        device,
        ...(registrar === undefined ? {} : { registrar }),
        ...(queues === undefined ? {} : { queues: queues.split(',') }),
      };
      done(await post(written, `/agents/${at(id)}/login`, body));
    });
  verb(group, 'extend-wrapup', 'let his wrap-up go on for so long from now')
    .argument('<id>')
    .argument('<seconds>')
    .action(async (id: string, typed: string, written: Written) => {
      const seconds = wholeOf(typed);
      if (seconds === null) return done(fault(`"${typed}" is no number of seconds`));
      done(await post(written, `/agents/${at(id)}/wrapup/extend`, { seconds }));
    });
}

export function addAgent(group: Group): void {
  addLooks(group);
  addActs(group);
}
