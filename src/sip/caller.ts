/** What is known of one caller's leg while he is here; `callers.ts` leads him. */
import type { AgentId, CallId, QueueName } from '../core/types.ts';
import type { ExitKeys } from './exit-keys.ts';
import type { IncomingRequest } from './port.ts';
import type { Session } from './session.ts';

/** What is to be known of a caller's phone. */
export interface Phones {
  /** An agent's phone that calls a queue is not idle until the function is called. */
  watch(request: IncomingRequest): () => void;
  /** Name of our registrar that it called through; null: none. */
  origin(request: IncomingRequest): string | null;
}

export interface Caller {
  readonly callId: CallId;
  readonly dialogId: string;
  queue: QueueName;
  /** He called this agent, not a queue; null: a queue. */
  agentId: AgentId | null;
  /** The core knows the call. */
  entered: boolean;
  /** Gone, for whatever reason: every step that finds this stops. */
  closed: boolean;
  /** Gone by our doing: an INVITE of his without an answer gets one. */
  isHungUp?: true;
  session: Session | null;
  /** Our registrar that he came through, whose challenges in his dialog we answer; null: none. */
  readonly registrar: string | null;
  /** We made the offer (INVITE without SDP): the ACK brings the answer. null: it will tell. */
  lateOffer: boolean | null;
  /** Waits for his INVITE to be given to us again; ends him if it is not. */
  stranded: NodeJS.Timeout | null;
  /** Via of his INVITE: tells the same one given again from one that came another way. */
  via: string;
  /** It was, before we knew that our answer to the first was lost. */
  again: IncomingRequest | null;
  /** Prompt to be heard before we hang up, because no queue has him (any more); null: none. */
  farewell: string | null;
  /** Ends him if that prompt does not. */
  overdue: NodeJS.Timeout | null;
  /** His keys; null: none yet. */
  digits: ExitKeys | null;
  /** To be told once that his phone is free again. */
  phoneFreed: () => void;
}

/** Just here: nothing is answered, made or known of him. */
export function newCaller(
  callId: CallId,
  dialogId: string,
  queue: QueueName,
  registrar: string | null,
): Caller {
  return {
    callId,
    dialogId,
    queue,
    agentId: null,
    entered: false,
    closed: false,
    session: null,
    registrar,
    lateOffer: null,
    stranded: null,
    via: '',
    again: null,
    farewell: null,
    overdue: null,
    digits: null,
    phoneFreed: () => undefined,
  };
}
