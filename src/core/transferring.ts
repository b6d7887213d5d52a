/**
 * Transfer of a talk to a queue or an agent of ours: the caller goes back into a line without
 * leaving the ACD, the agent's part of the call is over. Whatever keeps the caller out of that
 * line is said before anything happens, so that the talk goes on. He keeps his id and priority;
 * his wait begins anew, because he has been served. Each caller is sent on TALKS_MAX times at most.
 */
import type { Refusal } from './commands.ts';
import type { Decision } from './decision.ts';
import { entryObstacle } from './failover.ts';
import { releaseAgent } from './leaving.ts';
import { relax } from './relaxing.ts';
import { priorityOf } from './rules.ts';
import { must, TALKS_MAX, type Call, type Queue, type State } from './state.ts';
import { giveCall, moveCall } from './steering.ts';
import type { Inside, TransferWithin } from './transfer-commands.ts';

/** The queue, or that in which calls to one agent wait; a refusal where there is none. */
function lineOf(state: State, to: Inside): Queue | Refusal {
  if (to.to === 'agent') {
    const agent = state.agents.get(to.agentId);
    if (agent === undefined) return 'unknown-agent';
    if (agent.device === null) return 'not-logged-in';
    const direct = [...state.queues.values()].find(({ config }) => config.direct === true);
    return direct ?? 'no-direct-queue';
  }
  const queue = state.queues.get(to.queue);
  if (queue === undefined || queue.config.draining === true) return 'unknown-queue';
  return queue.config.direct === true ? 'unknown-queue' : queue;
}

/** Of one who waits it is what a supervisor may order for him, too. */
function sendWaiting(decision: Decision, { callId, to, ...base }: TransferWithin) {
  return to.to === 'queue'
    ? moveCall(decision, { ...base, kind: 'MoveCall', callId, queue: to.queue })
    : giveCall(decision, { ...base, kind: 'GiveCall', callId, agentId: to.agentId });
}

export function transferWithin(decision: Decision, command: TransferWithin): Refusal | undefined {
  const { state } = decision;
  const { to } = command;
  const call = state.calls.get(command.callId);
  if (call === undefined) return 'unknown-call';
  if (call.connectedAt === null) return sendWaiting(decision, command);
  const next = lineOf(state, to);
  if (typeof next === 'string') return next;
  if (call.talks.length >= TALKS_MAX) return 'moved-too-often';
  const only = to.to === 'agent' ? to.agentId : null;
  const { from, asked, skills } = call;
  const seeker = { from, limits: asked, skills, skillSteps: 0, only };
  const obstacle = entryObstacle(state, next, seeker);
  if (obstacle !== null) return obstacle === 'FULL' ? 'queue-full' : 'queue-empty';
  enterAgain(decision, call, next, only);
  return undefined;
}

function enterAgain(decision: Decision, call: Call, next: Queue, only: string | null): void {
  const { state, at } = decision;
  const offer = must(state.offers.get(call.offerId ?? ''), `bridge of ${call.id}`);
  const connectedAt = must(call.connectedAt, `talk of ${call.id}`);
  const { queue: from, id: callId } = call;
  const { agentId, id: offerId } = offer;
  const entry = state.entries + 1;
  const priority = Math.max(call.priority, priorityOf(next.config, call.from, undefined));
  decision.emit({
    kind: 'CallTransferred',
    callId,
    from,
    agentId,
    offerId,
    waitedMs: connectedAt - call.enteredAt,
    talkedMs: at - connectedAt,
    queue: next.name,
    entry,
    position: next.line.rank({ priority, order: entry, entry } as Call) + 1,
    priority,
    ...(only === null ? {} : { only }),
  });
  relax(decision, call);
  releaseAgent(decision, agentId, from, at);
}
