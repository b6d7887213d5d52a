/** `acd queue …`: what Asterisk's users know as `queue show`, `add member`, `remove member`. */
import type { AgentAnswer, QueueAnswer, QueueDetail } from '../../http/schemas.ts';
import { fault } from '../exit.ts';
import { ask, tell, type Written } from './client.ts';
import type { Place } from './reach.ts';
import { showQueue, type Counters } from './queue-show.ts';
import { at, order, verb, wholeOf, type Group } from './verb.ts';

/** Of more queues each one is not asked for apart: REST has a rate limit. */
const DETAILS_MAX = 50;

/** With their members, as far as that can be had. */
async function withMembers(queues: readonly QueueAnswer[], place: Place): Promise<QueueAnswer[]> {
  if (queues.length > DETAILS_MAX) return [...queues];
  return Promise.all(
    queues.map(async (queue) => {
      const found = await ask<QueueDetail>(place, `/queues/${at(queue.name)}`);
      return found.ok ? found.body : queue;
    }),
  );
}

/** Figures, members and callers of the queues; counters may be away without harm. */
async function showQueues(queues: readonly QueueAnswer[], place: Place): Promise<string> {
  const [agents, counters] = await Promise.all([
    ask<{ agents: AgentAnswer[] }>(place, '/agents'),
    ask<{ rows: Counters[] }>(place, '/reports/counters'),
  ]);
  const members = agents.ok ? agents.body.agents : [];
  const figures = counters.ok ? counters.body.rows : [];
  return queues.map((queue) => showQueue(queue, members, figures)).join('\n\n');
}

function addShow(group: Group): void {
  verb(group, 'show', 'figures, members and callers')
    .argument('[name]', 'one queue; without it all')
    .action(async (name: string | undefined, written: Written) => {
      if (name === undefined) {
        const get = (place: Place) => ask<{ queues: QueueAnswer[] }>(place, '/queues');
        const show = async ({ queues }: { queues: QueueAnswer[] }, place: Place) =>
          showQueues(await withMembers(queues, place), place);
        group.done(await tell(written, get, show));
      } else {
        const get = (place: Place) => ask<QueueDetail>(place, `/queues/${at(name)}`);
        group.done(await tell(written, get, (body, place) => showQueues([body], place)));
      }
    });
}

/** `member 2771 to sales` or `2771 sales`: who and where; null: it is neither. */
function pairOf(words: readonly string[], between: string): [agent: string, queue: string] | null {
  const said = words[0] === 'member' ? words.slice(1) : words;
  const [agent, queue, ...rest] = said.filter((word, index) => index !== 1 || word !== between);
  return agent === undefined || queue === undefined || rest.length > 0 ? null : [agent, queue];
}

const misread = (usage: string): number => fault(`write it as: ${usage}`);

function addMembers(group: Group): void {
  const { done } = group;
  verb(group, 'add', 'make an agent a member, as in: queue add member 2771 to sales')
    .argument('<words...>')
    .option('--penalty <number>', 'his penalty in this queue')
    .action(async (words: string[], written: Written & { penalty?: string }) => {
      const usage = 'acd queue add member AGENT to QUEUE [--penalty NUMBER]';
      const pair = pairOf(words, 'to');
      const penalty = written.penalty === undefined ? undefined : wholeOf(written.penalty);
      if (pair === null || penalty === null) return done(misread(usage));
      const [agent, queue] = pair;
      const body = { agent, ...(penalty === undefined ? {} : { penalty }) };
      done(await order(written, `/queues/${at(queue)}/members`, body));
    });
  verb(group, 'remove', 'take a member out, as in: queue remove member 2771 from sales')
    .argument('<words...>')
    .action(async (words: string[], written: Written) => {
      const pair = pairOf(words, 'from');
      if (pair === null) return done(misread('acd queue remove member AGENT from QUEUE'));
      const [agent, queue] = pair;
      const path = `/queues/${at(queue)}/members/${at(agent)}`;
      done(await order(written, path, undefined, 'DELETE'));
    });
}

export function addQueue(group: Group): void {
  addShow(group);
  addMembers(group);
}
