/**
 * Which addresses are lines of ours: where a REFER, which names any address, means a queue or an
 * agent here, the caller must not leave the ACD to come back to it. Ours is what names a queue or
 * an agent at a host of ours: where the SIP server listens, under which name the caller reached
 * us, or what our accounts are called. A queue at the domain of one of our registrars is meant,
 * too, as a PBX calls it like that; an agent there is not: that is an extension of the PBX.
 */
import type { CallId } from '../core/types.ts';
import type { Inside } from '../core/transfer-commands.ts';
import { plainAddress } from '../shared/networks.ts';
import type { EdgeContext } from './context.ts';
import { parseUri } from './headers.ts';

/** `[2001:db8::1]` and `2001:db8::1` are one host. */
const bare = (host: string): string => plainAddress(host.toLowerCase());

/** Host and port of `udp/127.0.0.1:5071`. */
function placeOf(address: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /^[^/]*\/(.*):(\d+)$/.exec(address) ?? [];
  return { host: bare(host), port: Number(port) };
}

/** Null: a place outside. `callId`: whose caller is to be sent there. */
export function insideOf(context: EdgeContext, uri: string, callId: CallId): Inside | null {
  const { config, runtime } = context;
  const { queues, agents, calls } = runtime.state;
  const parsed = parseUri(uri);
  if (parsed === null) return null;
  const { user } = parsed;
  const host = bare(parsed.host);
  const isQueue = queues.has(user) && queues.get(user)?.config.direct !== true;
  if (!isQueue && !agents.has(user)) return null;
  const inside: Inside = isQueue ? { to: 'queue', queue: user } : { to: 'agent', agentId: user };
  const port = parsed.port ?? 5060;
  const listens = context.addresses().map(placeOf);
  const called = parseUri(`sip:${calls.get(callId)?.to ?? ''}`);
  const isCalled = called !== null && bare(called.host) === host && (called.port ?? 5060) === port;
  const isAddress = listens.some((one) => one.host === host && one.port === port);
  const accounts = config.sip.register.map(({ username }) => username.toLowerCase());
  if (isAddress || isCalled || accounts.includes(host)) return inside;
  const isHome = config.sip.register.some(({ domain }) => domain.toLowerCase() === host);
  return isQueue && isHome ? inside : null;
}
