/**
 * Which of his queues an agent is logged in to. A login is to all of them, or to those it names; he
 * joins and leaves single ones while he is logged in, and a logout is out of all. To a queue that
 * he has left he counts as logged out: no offers, and the queue may be empty without him. He stays
 * logged in when he has left the last one: calls to him alone, and calls given to him, reach him.
 */
import type { JoinQueue, LeaveQueue, Refusal } from './commands.ts';
import type { Decision } from './decision.ts';
import { memberOf } from './eligible.ts';
import { withdrawOffer } from './leaving.ts';
import type { Agent } from './state.ts';
import type { QueueName } from './types.ts';

/** The agent, if he is logged in, may come and go, and is a member there. */
function comer(decision: Decision, { agentId, queue }: JoinQueue | LeaveQueue): Agent | Refusal {
  const agent = decision.state.agents.get(agentId);
  if (agent === undefined) return 'unknown-agent';
  if (agent.device === null) return 'not-logged-in';
  // Always logged in, by the configuration; he may pause there.
  if (agent.fixed !== null) return 'static-agent';
  return memberOf(agent, queue) === undefined ? 'not-a-member' : agent;
}

/** Said again it changes nothing. */
export function joinQueue(decision: Decision, command: JoinQueue): Refusal | undefined {
  const agent = comer(decision, command);
  if (typeof agent === 'string') return agent;
  const { queue } = command;
  if (!agent.away.has(queue)) return undefined;
  decision.emit({ kind: 'QueueJoined', agentId: agent.id, queue });
  return undefined;
}

/** What rings at him for this queue is taken back; a talk goes on. */
export function leaveQueueOf(decision: Decision, command: LeaveQueue): Refusal | undefined {
  const agent = comer(decision, command);
  if (typeof agent === 'string') return agent;
  const { queue } = command;
  // Where calls to single agents wait nobody leaves: they are his alone.
  if (memberOf(agent, queue)?.queue.config.direct === true) return 'not-a-member';
  if (agent.away.has(queue)) return undefined;
  const offer = decision.state.offers.get(agent.offerId ?? '');
  if (offer?.queue === queue && !offer.given) withdrawOffer(decision, agent, 'agent-unavailable');
  decision.emit({ kind: 'QueueLeft', agentId: agent.id, queue });
  return undefined;
}

/** Of his queues those that a login does not name; calls to him alone reach him by any. */
export function awayAtLogin(
  agent: Agent,
  named: readonly QueueName[] | undefined,
): readonly QueueName[] | 'not-a-member' {
  if (named === undefined) return [];
  if (named.some((queue) => memberOf(agent, queue) === undefined)) return 'not-a-member';
  return agent.memberOf
    .filter(({ queue }) => queue.config.direct !== true && !named.includes(queue.name))
    .map(({ queue }) => queue.name);
}
