/**
 * How a call ends: the caller hangs up, the agent does, a limit is reached, its queue goes away,
 * or its leg did not survive a restart. Always exactly one CallEnded, after whatever still rings
 * for it has been taken back, and followed by what the end means for the agent.
 */
import type { EndCall, Reconcile, Refusal } from './commands.ts';
import type { Decision } from './decision.ts';
import { leaveIfAsked } from './departing.ts';
import { memberOf } from './eligible.ts';
import { compareText } from './ordered.ts';
import { finishOutbound } from './outbound.ts';
import { beginTransfer, finish } from './sending.ts';
import { must, type Agent, type Call, type State } from './state.ts';
import type { Destination, EndedBy, ExitStatus, OfferId, OfferWithdrawal } from './types.ts';

/** Takes an offer back; a connected one is not ours to take. */
function withdraw(decision: Decision, offerId: OfferId, reason: OfferWithdrawal): void {
  const offer = decision.state.offers.get(offerId);
  if (offer === undefined || offer.phase === 'connected') return;
  const { callId, agentId } = offer;
  decision.emit({ kind: 'OfferWithdrawn', offerId, callId, agentId, reason });
}

/** Takes back everything that rings for a call, but for one offer that may stay. */
export function withdrawOffers(
  decision: Decision,
  call: Call,
  reason: OfferWithdrawal,
  but: OfferId | null = null,
): void {
  for (const offerId of call.offers) if (offerId !== but) withdraw(decision, offerId, reason);
}

/** Takes back what rings at an agent's. */
export function withdrawOffer(decision: Decision, agent: Agent, reason: OfferWithdrawal): void {
  if (agent.offerId !== null) withdraw(decision, agent.offerId, reason);
}

/** His rest after a call of the queue, also after one given to him who is no member there. */
function wrapupOf({ config, queues }: State, agent: Agent, queueName: string): number {
  const member = memberOf(agent, queueName);
  if (member !== undefined) return member.rules.wrapupMs;
  const own = config.agents.find(({ id }) => id === agent.id)?.wrapupMs;
  return own ?? queues.get(queueName)?.config.wrapupMs ?? 0;
}

/** After his talk: a logout he asked for meanwhile, else wrap-up, else he is free. */
export function releaseAgent(
  decision: Decision,
  agentId: string,
  queueName: string,
  leftAt: number,
): void {
  const agent: Agent = must(decision.state.agents.get(agentId), `agent ${agentId}`);
  if (leaveIfAsked(decision, agent)) return;
  const until = leftAt + wrapupOf(decision.state, agent, queueName);
  if (until <= decision.at) return;
  decision.emit({ kind: 'WrapupStarted', agentId, queue: queueName, until });
}

export interface Ending {
  /** What the agent who is being rung is told; default `caller-left`. */
  readonly withdrawal?: OfferWithdrawal;
  /** When the call really ended; default now. Never before what is known of it, nor later. */
  readonly leftAt?: number | undefined;
  /** Where the caller is sent; default: nowhere. */
  readonly destination?: Destination | undefined;
  /** Exit key that he pressed. */
  readonly key?: string | undefined;
}

/** The one way a call ends. */
export function endCall(
  decision: Decision,
  call: Call,
  status: ExitStatus,
  endedBy: EndedBy,
  { withdrawal = 'caller-left', leftAt = decision.at, destination, key }: Ending = {},
): void {
  withdrawOffers(decision, call, withdrawal);
  const bridge = decision.state.offers.get(call.offerId ?? '');
  const known = call.connectedAt ?? call.confirmedAt ?? call.enteredAt;
  const ended = Math.min(Math.max(leftAt, known), decision.at);
  const left = call.connectedAt ?? ended;
  const queue = decision.state.queues.get(call.queue);
  decision.emit({
    kind: 'CallEnded',
    callId: call.id,
    queue: call.queue,
    status,
    endedBy,
    agentId: bridge?.agentId ?? null,
    offerId: bridge?.id ?? null,
    waitedMs: left - call.enteredAt,
    talkedMs: ended - left,
    position: call.connectedAt === null && queue !== undefined ? queue.line.rank(call) + 1 : 0,
    ...(ended < decision.at ? { leftAt: ended } : {}),
    ...(destination === undefined ? {} : { destination }),
    ...(key === undefined ? {} : { key }),
  });
  beginTransfer(decision, call, destination);
  if (bridge !== undefined) releaseAgent(decision, bridge.agentId, call.queue, ended);
}

/** BYE, CANCEL or failure of the caller's leg, at any moment of his visit. */
export function endCallByCaller(decision: Decision, command: EndCall): Refusal | undefined {
  const call = decision.state.calls.get(command.callId);
  if (call === undefined) return 'unknown-call';
  const hasFailed = command.cause === 'failed';
  const early = hasFailed ? 'FAILED' : 'ABANDONED';
  const status = call.connectedAt === null ? early : 'COMPLETED';
  const when = { leftAt: command.endedAt };
  endCall(decision, call, status, hasFailed ? 'system' : 'caller', when);
  return undefined;
}

/** After a takeover: what has no leg any more ends now. Nobody's fault, so nobody rests. */
export function reconcile(decision: Decision, command: Reconcile): Refusal | undefined {
  const { state } = decision;
  const liveCalls = new Set(command.liveCalls);
  const liveOffers = new Set(command.liveOffers);
  const calls = [...state.calls.values()].sort((a, b) => a.entry - b.entry);
  for (const call of calls) {
    const status = call.connectedAt === null ? 'FAILED' : 'COMPLETED';
    if (!liveCalls.has(call.id)) endCall(decision, call, status, 'system');
  }
  const offers = [...state.offers.values()].sort((a, b) => compareText(a.id, b.id));
  for (const offer of offers) {
    // Of one that asks there is no leg yet: it is asked about again.
    if (liveOffers.has(offer.id) || offer.phase === 'asking') continue;
    const call = must(state.calls.get(offer.callId), `call ${offer.callId}`);
    if (offer.phase === 'connected') endCall(decision, call, 'COMPLETED', 'system');
    else withdraw(decision, offer.id, 'shutdown');
  }
  for (const transfer of [...state.transfers.values()])
    if (!liveCalls.has(transfer.callId)) finish(decision, transfer, 'failed');
  for (const outbound of [...state.outbound.values()]) {
    if (liveCalls.has(outbound.id)) continue;
    const outcome = outbound.connectedAt === null ? 'hung-up' : 'completed';
    finishOutbound(decision, outbound, { outcome, endedBy: 'system' });
  }
  return undefined;
}
