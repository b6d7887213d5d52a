/** Agents' own calls for REST: what they are doing, and click-to-dial. */
import { outboundStatus, sipCallIdOf, type Outbound } from '../core/outbound-call.ts';
import type { State } from '../core/state.ts';
import { withoutScheme } from '../reports/units.ts';
import type { Runtime } from '../runtime/port.ts';
import { byWhom } from './actor.ts';
import type { CallAnswer } from './schemas.ts';
import type { CallSteering } from './view.ts';

const STATES = { calling: 'calling', dialling: 'dialling', talking: 'assigned' } as const;

/** Whole ones; a clock that was set back gives none. */
export const seconds = (ms: number) => Math.max(0, Math.floor(ms / 1000));

/** By its id in the journal, or the SIP Call-ID of the agent's leg. */
export function findOutbound({ outbound }: State, id: string): Outbound | null {
  const known = outbound.get(id);
  if (known !== undefined) return known;
  return [...outbound.values()].find((one) => sipCallIdOf(one.id) === id) ?? null;
}

export function outboundAnswer(state: State, outbound: Outbound, now: number): CallAnswer {
  const { id, agentId, device, uri, begunAt, connectedAt } = outbound;
  return {
    id: sipCallIdOf(id),
    state: STATES[outboundStatus(outbound)],
    from: withoutScheme(device.uri),
    to: withoutScheme(uri),
    call: id,
    queue: '',
    name: state.agents.get(agentId)?.name ?? '',
    position: 0,
    waited_seconds: seconds((connectedAt ?? now) - begunAt),
    talked_seconds: connectedAt === null ? 0 : seconds(now - connectedAt),
    agent: agentId,
    outbound: true,
  };
}

/** What dialling needs beside commands to the core. */
export interface DialDoors {
  /** May calls be sent to this address? */
  readonly allows: (uri: string) => boolean;
  /** The address of a number, for a phone at this registrar; null: there is none. */
  readonly addressOf: (registrar: string | null, to: string) => string | null;
}

export function dialer(runtime: Runtime, doors: DialDoors): CallSteering['dial'] {
  return async (agentId, to) => {
    const agent = runtime.state.agents.get(agentId);
    if (agent === undefined) return { ok: false, refusal: 'unknown-agent' };
    if (agent.device === null) return { ok: false, refusal: 'not-logged-in' };
    const uri = doors.addressOf(agent.device.registrar, to);
    if (uri === null) return { ok: false, refusal: 'bad-number' };
    if (!doors.allows(uri)) return { ok: false, refusal: 'not-allowed' };
    const callId = runtime.newId();
    const outcome = await runtime.submit({ kind: 'DialOut', by: byWhom(), callId, agentId, uri });
    return outcome.ok ? { ok: true, callId } : outcome;
  };
}
