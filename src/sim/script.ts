/**
 * What people do of their own accord, apart from what the ACD makes of it: who calls when and how
 * long he would wait, what becomes of an offer at an agent's phone, when agents come and go. A
 * simulation draws it (`people.ts`), a what-if reads it from a recorded day (`recording.ts`).
 */
import type { ArriveCall } from '../core/commands.ts';
import type { AgentId, CallId, OfferFailure, QueueName, Ruling } from '../core/types.ts';
import type { NotReached } from '../core/outbound-events.ts';
import type { House } from './house.ts';

/** What his INVITE says beside whom he calls. */
export type Brings = Partial<
  Pick<ArriveCall, 'priority' | 'position' | 'maxWaitMs' | 'limits' | 'skills' | 'agentId'>
>;

/** A caller, with all he will do. */
export interface Visit {
  readonly at: number;
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  /** Absent: nothing. */
  readonly brings?: Brings;
  /** From our 200 to his ACK; null: it never comes. */
  readonly confirmMs: number | null;
  /** Hangs up after this long without an agent; Infinity: never. */
  readonly patienceMs: number;
  readonly talkMs: number;
  readonly hangsUp: 'caller' | 'agent';
  /** How much later than he hung up we learn of it; 0 but where his BYE was lost. */
  readonly byeLateMs: number;
}

/** What becomes of an offer at the phone, counted from the INVITE. */
export type Fate =
  | {
      readonly kind: 'answers';
      readonly ringsMs: number;
      readonly afterMs: number;
      /** From his answer to media; null: the media edge never confirms. */
      readonly bridgeMs: number | null;
    }
  | {
      readonly kind: 'fails';
      readonly afterMs: number;
      readonly failure: OfferFailure;
      readonly sipStatus: number;
    }
  /** Rings, and nobody is there; `lateMs`: he answers so long after it was taken back. */
  | { readonly kind: 'silent'; readonly ringsMs: number | null; readonly lateMs: number | null };

/** What becomes of the number that an agent has dialled, from the INVITE to it. */
export type Dialled =
  | {
      readonly kind: 'answers';
      readonly afterMs: number;
      readonly talkMs: number;
      readonly hangsUp: 'agent' | 'callee';
    }
  | {
      readonly kind: 'fails';
      readonly afterMs: number;
      readonly by: 'callee';
      readonly outcome: NotReached;
    }
  /** He hangs up while it rings. */
  | { readonly kind: 'fails'; readonly afterMs: number; readonly by: 'agent' }
  /** Nobody is there, and the agent does not hang up. */
  | { readonly kind: 'silent' };

/** What the queue's veto says about an offer, and how long it takes; null: it never answers. */
export interface Judgement {
  readonly ruling: Ruling;
  readonly afterMs: number | null;
}

export interface Script {
  /** In order of time; null: nobody calls any more. */
  nextVisit(): Visit | null;
  fate(agentId: AgentId): Fate;
  judge(agentId: AgentId): Judgement;
  /**
   * How phones tell their state: `played` as they are used, `trusted` to be idle, or as the script
   * itself says.
   */
  readonly presence: 'played' | 'trusted' | 'scripted';
  /** Between a phone's change and our hearing of it, ms. */
  presenceMs(agentId: AgentId): number;
  /** The same message arrives twice: so much later, or (null) it does not. */
  repeatMs(): number | null;
  /** Puts what agents do of their own accord on the timeline. */
  begin(house: House): void;
}
