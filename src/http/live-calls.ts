/** The calls of the running ACD for REST: one call in full, why it waits, and commands to it. */
import type { Ineligible } from '../core/eligible.ts';
import { waitOf } from '../core/estimate.ts';
import { explainAgent, explainCall, waitsFor } from '../core/explain.ts';
import type { Call, State } from '../core/state.ts';
import type { Transfer } from '../core/transfer-call.ts';
import type { Runtime } from '../runtime/port.ts';
import { byWhom } from './actor.ts';
import type { CallDetail, Reasons } from './call-schemas.ts';
import { dialer, type DialDoors } from './live-outbound.ts';
import type { CallAnswer } from './schemas.ts';
import type { CallSteering } from './view.ts';

/** By its id in the journal, or else by its SIP Call-ID. */
export function findCall(state: State, id: string): Call | undefined {
  const known = state.calls.get(id);
  if (known !== undefined) return known;
  for (const call of state.calls.values()) if (call.sipCallId === id) return call;
  return undefined;
}

/** Likewise of a caller on his way to an address outside; null: none. */
export function findTransfer({ transfers }: State, id: string): Transfer | null {
  const known = transfers.get(id);
  if (known !== undefined) return known;
  return [...transfers.values()].find(({ sipCallId }) => sipCallId === id) ?? null;
}

/** What there is to say of him, or of an agent's own call, beside that. */
export const SENT_DETAIL: Omit<CallDetail, keyof CallAnswer> = {
  waits_for: null,
  estimated_wait_seconds: null,
  priority: 0,
  tried: [],
  left: [],
  talks: [],
  agents: [],
};

function whyOf(why: Ineligible | null) {
  if (why === null) return { reason: '', for_seconds: null };
  return {
    reason: why.reason,
    for_seconds: why.forMs === null ? null : Math.ceil(why.forMs / 1000),
  };
}

/** What the list of calls does not say. */
export function callDetail(
  state: State,
  call: Call,
  now: number,
): Omit<CallDetail, keyof CallAnswer> {
  const tried = [...(call.tried ?? [])].sort((a, b) => a[1] - b[1]).map(([agentId]) => agentId);
  const waitMs = call.connectedAt === null ? waitOf(state, call) : null;
  return {
    waits_for: waitsFor(state, call, now),
    estimated_wait_seconds: waitMs === null ? null : Math.ceil(waitMs / 1000),
    priority: call.priority,
    tried,
    left: call.left.map(({ queue, status }) => ({ queue, status })),
    talks: call.talks.map(({ queue, agentId, waitedMs, talkedMs }) => ({
      queue,
      agent: agentId,
      waited_seconds: Math.floor(waitedMs / 1000),
      talked_seconds: Math.floor(talkedMs / 1000),
    })),
    agents: explainCall(state, call, now).map(({ agentId, why }) => ({
      agent: agentId,
      why: whyOf(why),
    })),
  };
}

export function reasonsOf(state: State, agentId: string, now: number): Reasons | null {
  const agent = state.agents.get(agentId);
  if (agent === undefined) return null;
  const calls = explainAgent(state, agent, now).map(({ callId, why }) => ({
    call: callId,
    queue: state.calls.get(callId)?.queue ?? '',
    why: whyOf(why),
  }));
  return { calls };
}

/** Each becomes one command, by whoever asks. */
export function steerCalls(runtime: Runtime, doors: DialDoors): CallSteering {
  return {
    dial: dialer(runtime, doors),
    hangUp: (callId) => runtime.submit({ kind: 'HangUpCall', by: byWhom(), callId }),
    hold: (callId) => runtime.submit({ kind: 'HoldCall', by: byWhom(), callId, holder: 'command' }),
    resume: (callId) =>
      runtime.submit({ kind: 'UnholdCall', by: byWhom(), callId, holder: 'command' }),
    withdraw: (callId) => runtime.submit({ kind: 'WithdrawCall', by: byWhom(), callId }),
    reorder: (callId, wish) =>
      runtime.submit({ kind: 'ReorderCall', by: byWhom(), callId, ...wish }),
    move: (callId, queue) => runtime.submit({ kind: 'MoveCall', by: byWhom(), callId, queue }),
    give: (callId, agentId) => runtime.submit({ kind: 'GiveCall', by: byWhom(), callId, agentId }),
    transferWithin: (callId, to) =>
      runtime.submit({ kind: 'TransferWithin', by: byWhom(), callId, to }),
    transfer: async (callId, uri) =>
      doors.allows(uri)
        ? runtime.submit({ kind: 'TransferCall', by: byWhom(), callId, uri })
        : { ok: false, refusal: 'not-allowed' },
  };
}
