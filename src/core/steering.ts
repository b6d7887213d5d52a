/**
 * What a supervisor does to one call: end it, put it into another queue's line, give it to an
 * agent of his choice. He knows better than the rules, so those that say who is next do not bind
 * him; those that keep promises do: a full line stays full, and a phone that is not free is not
 * rung. What he asks for and does not get changes nothing.
 */
import type { GiveCall, HangUpCall, MoveCall, Refusal, TransferCall } from './commands.ts';
import type { Decision } from './decision.ts';
import { offerTo } from './dispatch.ts';
import { givenObstacle } from './eligible.ts';
import { leaveQueue, moveTo, waiting } from './failover.ts';
import { endCall, withdrawOffers } from './leaving.ts';
import { finishOutbound } from './outbound.ts';
import { finish } from './sending.ts';
import { MOVES_MAX, must } from './state.ts';
import type { Destination } from './types.ts';

/** Q.850: normal call clearing. */
const NORMAL_CLEARING = 16;

/** Before its leg is up, in line, in talk, on its way elsewhere: it ends, with every leg. */
export function hangUpCall(decision: Decision, command: HangUpCall): Refusal | undefined {
  const call = decision.state.calls.get(command.callId);
  const transfer = decision.state.transfers.get(command.callId);
  if (transfer !== undefined) {
    finish(decision, transfer, 'hung-up');
    return undefined;
  }
  const outbound = decision.state.outbound.get(command.callId);
  if (outbound !== undefined) {
    finishOutbound(decision, outbound, { outcome: 'hung-up', endedBy: 'system' });
    return undefined;
  }
  if (call === undefined) return 'unknown-call';
  const status = call.connectedAt === null ? 'WITHDRAW' : 'COMPLETED';
  const destination = { to: 'hangup', cause: NORMAL_CLEARING } as const;
  endCall(decision, call, status, 'system', { destination });
  return undefined;
}

/**
 * The visit ends with where he is sent; for a talk that is when the agent's part ends, too. What
 * becomes of him there is followed as a transfer (`core/sending.ts`).
 */
export function transferCall(decision: Decision, command: TransferCall): Refusal | undefined {
  const { uri, replaces } = command;
  const destination: Destination = {
    to: 'uri',
    uri,
    ...(replaces === undefined ? {} : { replaces }),
  };
  const talking = decision.state.calls.get(command.callId);
  if (talking !== undefined && talking.connectedAt !== null) {
    endCall(decision, talking, 'COMPLETED', 'system', { destination });
    return undefined;
  }
  const call = waiting(decision, command.callId);
  if (typeof call === 'string') return call;
  leaveQueue(decision, call, 'WITHDRAW', { destinations: [destination] });
  return undefined;
}

/**
 * `joinempty` and the loop guard do not hold him back, `maxlen` does, and so does MOVES_MAX, which
 * failover shares. Afterwards failover never leads the call back where it was taken out.
 */
export function moveCall(decision: Decision, command: MoveCall): Refusal | undefined {
  const { state } = decision;
  const call = waiting(decision, command.callId);
  if (typeof call === 'string') return call;
  const next = state.queues.get(command.queue);
  if (next === undefined || next.config.direct === true) return 'unknown-queue';
  if (next.name === call.queue) return undefined;
  const { maxlen } = next.config;
  if (maxlen > 0 && next.line.size >= maxlen) return 'queue-full';
  if (call.left.length >= MOVES_MAX) return 'moved-too-often';
  const from = must(state.queues.get(call.queue), `queue ${call.queue}`);
  withdrawOffers(decision, call, 'caller-left');
  moveTo(decision, call, from, next, 'WITHDRAW');
  return undefined;
}

/**
 * An offer like any other, but out of turn, and to anybody who is logged in and free, member of
 * the queue or not. If he does not take it, the call has kept its place.
 */
export function giveCall(decision: Decision, command: GiveCall): Refusal | undefined {
  const { state } = decision;
  const call = waiting(decision, command.callId);
  if (typeof call === 'string') return call;
  const agent = state.agents.get(command.agentId);
  if (agent === undefined) return 'unknown-agent';
  if (agent.device === null) return 'not-logged-in';
  if (agent.offerId !== null && call.offers.includes(agent.offerId)) return undefined;
  if (givenObstacle(agent) !== null) return 'agent-not-free';
  const queue = must(state.queues.get(call.queue), `queue ${call.queue}`);
  withdrawOffers(decision, call, 'given');
  offerTo(decision, call, queue, agent, { given: true });
  return undefined;
}
