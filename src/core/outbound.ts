/**
 * Outbound calls (click-to-dial): the agent's phone is rung first, and when he has taken it the
 * number is dialled. The call is given to exactly this agent, who must be logged in and on no
 * other call, with a phone that is free. A pause, wrap-up or rest does not hinder him: they keep
 * callers from him, not him from the telephone, and a wrap-up goes on meanwhile. The call stands
 * in no line and counts in no queue's figures; afterwards there is no wrap-up, as after any call
 * that his phone makes by itself, and the idle clock heeds `own-call`. A number that is not reached
 * is told to him by a tone, before the call is over.
 */
import { present } from './capacity.ts';
import type { Refusal } from './commands.ts';
import type { Decision } from './decision.ts';
import { leaveIfAsked } from './departing.ts';
import type { Outbound } from './outbound-call.ts';
import type {
  ConnectOutbound,
  DialOut,
  EndOutbound,
  OutboundCommand,
  PickUpOutbound,
  RefuseOutbound,
  RingOutbound,
} from './outbound-commands.ts';
import type { OutboundEndedBy, OutboundOutcome } from './outbound-events.ts';
import { outboundLimits } from './rules.ts';
import { must, type Agent, type State } from './state.ts';
import { isKnown } from './views.ts';

/** Has whoever would be rung a phone that can be, and no other call of ours? */
function isFree(agent: Agent): boolean {
  return agent.callId === null && agent.offerId === null && agent.deviceState === 'idle';
}

function obstacleOf(state: State, { callId, agentId }: DialOut): Refusal | null {
  if (isKnown(state, callId)) return 'duplicate-call';
  const agent = state.agents.get(agentId);
  if (agent === undefined || !agent.known) return 'unknown-agent';
  if (agent.device === null) return 'not-logged-in';
  if (!isFree(agent)) return 'agent-not-free';
  // Nobody who waits yields his place to a call that an agent makes.
  return present(state) >= state.config.maxCalls ? 'overload' : null;
}

function dialOut(decision: Decision, command: DialOut): Refusal | undefined {
  const obstacle = obstacleOf(decision.state, command);
  if (obstacle !== null) return obstacle;
  const { callId, agentId, uri } = command;
  const agent = decision.state.agents.get(agentId);
  const device = must(agent?.device, `device of ${agentId}`);
  decision.emit({ kind: 'OutboundBegan', callId, agentId, device, uri });
  return undefined;
}

function ring(decision: Decision, { callId }: RingOutbound): Refusal | undefined {
  const outbound = decision.state.outbound.get(callId);
  if (outbound === undefined) return 'unknown-call';
  const { agentId, hasRung, pickedUpAt } = outbound;
  if (!hasRung && pickedUpAt === null) decision.emit({ kind: 'OutboundRang', callId, agentId });
  return undefined;
}

function pickUp(decision: Decision, { callId }: PickUpOutbound): Refusal | undefined {
  const outbound = decision.state.outbound.get(callId);
  if (outbound === undefined) return 'unknown-call';
  const { agentId, pickedUpAt } = outbound;
  if (pickedUpAt === null) decision.emit({ kind: 'OutboundPickedUp', callId, agentId });
  return undefined;
}

function connect(decision: Decision, { callId }: ConnectOutbound): Refusal | undefined {
  const outbound = decision.state.outbound.get(callId);
  if (outbound === undefined || outbound.pickedUpAt === null) return 'unknown-call';
  const { agentId, connectedAt, refused } = outbound;
  if (refused !== null) return 'unknown-call';
  if (connectedAt === null) decision.emit({ kind: 'OutboundConnected', callId, agentId });
  return undefined;
}

/** The agent is told before it is over, where there is to be a tone. */
function refuse(decision: Decision, command: RefuseOutbound): Refusal | undefined {
  const outbound = decision.state.outbound.get(command.callId);
  const isDialled = outbound !== undefined && outbound.pickedUpAt !== null;
  if (!isDialled || outbound.connectedAt !== null) return 'unknown-call';
  if (outbound.refused === null) refuseNumber(decision, outbound, command);
  return undefined;
}

type NumberRefusal = Pick<RefuseOutbound, 'outcome' | 'sipStatus' | 'detail'>;

function refuseNumber(decision: Decision, outbound: Outbound, refusal: NumberRefusal): void {
  const { id: callId, agentId } = outbound;
  const { outcome, sipStatus = 0, detail = '' } = refusal;
  if (outboundLimits(decision.state.config).toneMs === 0) {
    const why = { outcome, sipStatus, detail };
    return finishOutbound(decision, outbound, { ...why, endedBy: whoRefused(why) });
  }
  decision.emit({
    ...{ kind: 'OutboundRefused', callId, agentId, outcome },
    ...(sipStatus === 0 ? {} : { sipStatus }),
    ...(detail === '' ? {} : { detail }),
  });
}

function end(decision: Decision, command: EndOutbound): Refusal | undefined {
  const outbound = decision.state.outbound.get(command.callId);
  if (outbound === undefined) return 'unknown-call';
  finishOutbound(decision, outbound, command);
  return undefined;
}

type Ending = Pick<EndOutbound, 'outcome' | 'endedBy'> &
  Partial<Pick<EndOutbound, 'failure' | 'sipStatus' | 'detail' | 'endedAt'>>;

/** Nobody, where it rang until its time was over. */
function whoRefused({ outcome, sipStatus = 0 }: NumberRefusal): OutboundEndedBy {
  return outcome === 'no-answer' && sipStatus === 0 ? 'system' : 'callee';
}

/** Nobody has talked who was not connected. */
function untalked(outcome: OutboundOutcome): OutboundOutcome {
  return outcome === 'completed' ? 'failed' : outcome;
}

/** Its one end; never before what is known of it, nor later than now. */
export function finishOutbound(decision: Decision, outbound: Outbound, given: Ending): void {
  const { id: callId, agentId, begunAt, pickedUpAt, connectedAt, refused } = outbound;
  // Whoever hangs up now: what became of the call was said before.
  const ending: Ending =
    refused === null ? given : { ...given, ...refused, endedBy: whoRefused(refused) };
  const { outcome, endedBy, failure, sipStatus = 0, detail = '', endedAt = decision.at } = ending;
  const known = connectedAt ?? refused?.at ?? pickedUpAt ?? begunAt;
  const ended = Math.min(Math.max(endedAt, known), decision.at);
  decision.emit({
    ...{ kind: 'OutboundEnded', callId, agentId },
    outcome: connectedAt !== null && outcome !== 'hung-up' ? 'completed' : untalked(outcome),
    endedBy,
    talkedMs: connectedAt === null ? 0 : ended - connectedAt,
    ...(failure === undefined ? {} : { failure }),
    ...(sipStatus === 0 ? {} : { sipStatus }),
    ...(detail === '' ? {} : { detail }),
    ...(ended < decision.at ? { leftAt: ended } : {}),
  });
  leaveIfAsked(decision, must(decision.state.agents.get(agentId), `agent ${agentId}`));
}

/** The time of its present phase is over. */
export function limitOutbound(decision: Decision, callId: string): void {
  const outbound = must(decision.state.outbound.get(callId), `outbound ${callId}`);
  const { pickedUpAt, connectedAt, refused } = outbound;
  if (pickedUpAt === null) {
    const missed = { outcome: 'agent-missed', failure: 'no-answer', endedBy: 'system' } as const;
    finishOutbound(decision, outbound, missed);
  } else if (connectedAt === null && refused === null) {
    refuseNumber(decision, outbound, { outcome: 'no-answer' });
  } else finishOutbound(decision, outbound, { outcome: 'completed', endedBy: 'system' });
}

export function ruleOutbound(decision: Decision, command: OutboundCommand): Refusal | undefined {
  switch (command.kind) {
    case 'DialOut':
      return dialOut(decision, command);
    case 'RingOutbound':
      return ring(decision, command);
    case 'PickUpOutbound':
      return pickUp(decision, command);
    case 'RefuseOutbound':
      return refuse(decision, command);
    case 'ConnectOutbound':
      return connect(decision, command);
    case 'EndOutbound':
      return end(decision, command);
  }
}
