/**
 * Whom a request outside of dialogs is for, by the user of its Request-URI. A queue's own name
 * comes first, then what agents dial, then an agent's id. Pure.
 */
import type { AcdConfig } from '../config/types.ts';
import type { State } from '../core/state.ts';
import type { AgentId, QueueName } from '../core/types.ts';
import { loginRequestOf } from './dial-codes.ts';
import type { LoginRequest } from './dial-codes.ts';
import { parseUri } from './headers.ts';

export type Called =
  | { readonly kind: 'login'; readonly wanted: LoginRequest }
  /** `agentId`: he alone is called, and waited for in `queue`; null: the queue is. */
  | { readonly kind: 'queue'; readonly queue: QueueName; readonly agentId: AgentId | null }
  /** Of nobody here. */
  | { readonly kind: 'nobody'; readonly user: string };

type Lines = Pick<State, 'queues' | 'agents'>;

/** '' for a URI that names no user, or is none of SIP. */
function userOf(uri: string): string {
  return parseUri(uri)?.user ?? '';
}

export function calledBy(uri: string, { queues, agents }: Lines, sip: AcdConfig['sip']): Called {
  const user = userOf(uri);
  if (queues.has(user)) return { kind: 'queue', queue: user, agentId: null };
  const wanted = loginRequestOf(user, sip);
  if (wanted !== null) return { kind: 'login', wanted };
  // A call to one agent waits in the queue that is for such calls.
  const direct = agents.has(user)
    ? [...queues.values()].find((each) => each.config.direct)
    : undefined;
  return direct === undefined
    ? { kind: 'nobody', user }
    : { kind: 'queue', queue: direct.name, agentId: user };
}

/** What we call ourselves where no account does. */
const OWN_NAME = 'acd';

/**
 * Is there anything at this address? RFC 3261 §11.2: OPTIONS is answered as an INVITE would be.
 * The server as such is there without a user; PBXs ask for the Contact that we registered.
 */
export function isAnybody(uri: string, lines: Lines, sip: AcdConfig['sip']): boolean {
  const parsed = parseUri(uri);
  const ours = ['', OWN_NAME, ...sip.register.map(({ username }) => username)];
  if (parsed !== null && ours.includes(parsed.user)) return true;
  return calledBy(uri, lines, sip).kind !== 'nobody';
}
