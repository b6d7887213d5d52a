/**
 * Folds the events of outbound calls. The agent has it as the call he talks with, from the moment
 * in which his phone is called: whatever keeps a talking agent from other calls keeps him, too.
 */
import type { CoreEvent } from './events.ts';
import type { Outbound } from './outbound-call.ts';
import type {
  OutboundBegan,
  OutboundEnded,
  OutboundEvent,
  OutboundRefused,
} from './outbound-events.ts';
import { placeAgent, rekeyAgent } from './place.ts';
import { idleClock, outboundLimits } from './rules.ts';
import { makeTimer, must, TALK_MAX_MS, type Agent, type State } from './state.ts';

/** When the present phase of an outbound call ends by itself. */
export function outboundLimit(
  { config }: Pick<State, 'config'>,
  { begunAt, pickedUpAt, connectedAt, refused }: Outbound,
): number {
  const { ringMs, dialMs, toneMs } = outboundLimits(config);
  if (connectedAt !== null) return connectedAt + TALK_MAX_MS;
  if (refused !== null) return refused.at + toneMs;
  return pickedUpAt === null ? begunAt + ringMs : pickedUpAt + dialMs;
}

export function placeOutbound(state: State, outbound: Outbound): void {
  state.timers.set(outbound.timer, outboundLimit(state, outbound));
}

/** Their limits are those of the configuration, which is another one now. */
export function placeOutbounds(state: State): void {
  for (const outbound of state.outbound.values()) placeOutbound(state, outbound);
}

function agentOf(state: State, id: string): Agent {
  return must(state.agents.get(id), `agent ${id}`);
}

function begin(state: State, event: OutboundBegan): void {
  const { callId: id, agentId, device, uri, at: begunAt } = event;
  const agent = agentOf(state, agentId);
  if (agent.callId !== null || agent.offerId !== null)
    throw new Error(`broken invariant: ${agentId} is not free to dial`);
  const phases = { hasRung: false, pickedUpAt: null, refused: null, connectedAt: null };
  const timer = makeTimer('outbound', id);
  const outbound: Outbound = { id, agentId, device, uri, begunAt, ...phases, timer };
  state.outbound.set(id, outbound);
  placeOutbound(state, outbound);
  agent.callId = id;
  placeAgent(state, agent);
}

function refuse(outbound: Outbound, event: OutboundRefused): void {
  const { at, outcome, sipStatus = 0, detail = '' } = event;
  outbound.refused = { at, outcome, sipStatus, detail };
}

function end(state: State, event: OutboundEnded): void {
  const outbound = must(state.outbound.get(event.callId), `outbound ${event.callId}`);
  state.outbound.delete(outbound.id);
  state.timers.set(outbound.timer, null);
  const agent = agentOf(state, outbound.agentId);
  rekeyAgent(state, agent, () => {
    agent.callId = null;
    // One that he did not take himself was no call of his.
    const isOwnCall = outbound.pickedUpAt !== null && idleClock(state.config).ownCall;
    if (isOwnCall) agent.idleSince = event.leftAt ?? event.at;
  });
}

export function isOutbound(event: CoreEvent): event is OutboundEvent {
  return event.kind.startsWith('Outbound');
}

export function evolveOutbound(state: State, event: OutboundEvent): void {
  if (event.kind === 'OutboundBegan') return begin(state, event);
  if (event.kind === 'OutboundEnded') return end(state, event);
  const outbound = must(state.outbound.get(event.callId), `outbound ${event.callId}`);
  if (event.kind === 'OutboundRang') outbound.hasRung = true;
  else if (event.kind === 'OutboundPickedUp') outbound.pickedUpAt = event.at;
  else if (event.kind === 'OutboundRefused') refuse(outbound, event);
  else outbound.connectedAt = event.at;
  placeOutbound(state, outbound);
}
