/**
 * A talk on hold: the two do not hear each other until nobody holds it any more. It stays a talk:
 * the agent is busy with it, its limits run, and either may end it.
 */
import type { HoldCall, Refusal, UnholdCall } from './commands.ts';
import type { Decision } from './decision.ts';
import { must, type Call, type Offer } from './state.ts';

interface Talk {
  readonly call: Call;
  readonly offer: Offer;
}

function talkOf(decision: Decision, callId: string): Talk | Refusal {
  const { calls, offers } = decision.state;
  const call = calls.get(callId);
  if (call === undefined) return 'unknown-call';
  if (call.connectedAt === null) return 'not-talking';
  return { call, offer: must(offers.get(call.offerId ?? ''), `bridge of ${callId}`) };
}

export function holdCall(decision: Decision, command: HoldCall): Refusal | undefined {
  const { callId, holder } = command;
  const talk = talkOf(decision, callId);
  if (typeof talk === 'string') return talk;
  if (talk.call.heldBy.includes(holder)) return undefined;
  const { agentId, id: offerId } = talk.offer;
  decision.emit({ kind: 'CallHeld', callId, agentId, offerId, holder });
  return undefined;
}

export function unholdCall(decision: Decision, command: UnholdCall): Refusal | undefined {
  const { callId, holder } = command;
  const talk = talkOf(decision, callId);
  if (typeof talk === 'string') return talk;
  if (!talk.call.heldBy.includes(holder)) return undefined;
  const { agentId, id: offerId } = talk.offer;
  decision.emit({ kind: 'CallUnheld', callId, agentId, offerId, holder });
  return undefined;
}
