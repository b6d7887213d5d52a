/** An outbound call as the state has it: an agent's own, and in no line. */
import type { Timer } from './ordered.ts';
import type { NotReached } from './outbound-events.ts';
import type { AgentId, CallId, Device } from './types.ts';

/** Why the number was not reached, and since when the agent hears so. */
export interface Refused {
  readonly at: number;
  readonly outcome: NotReached;
  /** 0: there was none. */
  readonly sipStatus: number;
  readonly detail: string;
}

export interface Outbound {
  readonly id: CallId;
  readonly agentId: AgentId;
  readonly device: Device;
  /** Who is dialled. */
  readonly uri: string;
  readonly begunAt: number;
  /** His phone has told that it rings. */
  hasRung: boolean;
  /** Since when he is on the phone, and the number is dialled; null: his phone is called. */
  pickedUpAt: number | null;
  /** Null: the number has not refused. */
  refused: Refused | null;
  /** Since when the two hear each other; null: not yet. */
  connectedAt: number | null;
  readonly timer: Timer;
}

/** What an outbound call is doing. */
export type OutboundStatus =
  | 'calling' // the agent's phone is called, or rings
  | 'dialling' // he is on the phone, and who was dialled has not answered, or does not
  | 'talking';

export function outboundStatus({ pickedUpAt, connectedAt }: Outbound): OutboundStatus {
  if (connectedAt !== null) return 'talking';
  return pickedUpAt === null ? 'calling' : 'dialling';
}

/** SIP Call-ID of the agent's leg: a function of the id alone, so that it is found again. */
export function sipCallIdOf(id: CallId): string {
  return `outbound-${id}`;
}
