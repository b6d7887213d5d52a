/**
 * Login and logout. One agent is on at most one device and one device has at most one agent;
 * `second-login` says whether a second login is refused or takes the place of the first. Nobody
 * who talks is replaced, whatever it says: a login must not cut a call.
 */
import { awayAtLogin, joinQueue } from './attendance.ts';
import type { LogInAgent, LogOutAgent, Refusal } from './commands.ts';
import type { Decision } from './decision.ts';
import { freePhone } from './departing.ts';
import { withdrawOffer } from './leaving.ts';
import { must, type Agent, type LogoutReason } from './state.ts';
import type { Device } from './types.ts';

/** Logs out now; the agent must not be talking. What rings for him is taken back. */
export function logOut(decision: Decision, agent: Agent, reason: LogoutReason): void {
  withdrawOffer(decision, agent, 'agent-unavailable');
  const device = must(agent.device, `device of ${agent.id}`);
  decision.emit({ kind: 'AgentLoggedOut', agentId: agent.id, device, reason });
}

function isSameContact(a: Device | null, b: Device): boolean {
  return a?.contact?.uri === b.contact?.uri && a?.contact?.nextHop === b.contact?.nextHop;
}

export function logIn(decision: Decision, command: LogInAgent): Refusal | undefined {
  const { state } = decision;
  const { agentId, device } = command;
  const agent = state.agents.get(agentId);
  if (agent === undefined || !agent.known) return 'unknown-agent';
  if (agent.fixed !== null) return 'static-agent';
  const holderId = state.devices.get(device.uri);
  const replaces = state.config.secondLogin === 'replace';
  const away = awayAtLogin(agent, command.queues);
  if (typeof away === 'string') return away;
  if (holderId === agentId) {
    for (const queue of command.queues ?? [...agent.away])
      joinQueue(decision, { ...command, kind: 'JoinQueue', queue });
    // Again from the same phone: nothing to do, unless it takes back a logout he asked for, or
    // is reached another way now (a new port behind a NAT).
    const isNews = agent.leaving !== null || !isSameContact(agent.device, device);
    if (isNews) decision.emit({ kind: 'AgentLoggedIn', agentId, device });
    return undefined;
  }
  if (agent.device !== null && (!replaces || agent.callId !== null)) return 'already-logged-in';
  const holder = holderId === undefined ? undefined : state.agents.get(holderId);
  if (holder?.fixed != null) return 'device-taken';
  if (holder !== undefined && (!replaces || holder.callId !== null)) return 'device-taken';
  const former = agent.device?.uri;
  if (agent.device !== null) logOut(decision, agent, 'replaced');
  if (holder !== undefined) logOut(decision, holder, 'replaced');
  const known = away.length === 0 ? {} : { away };
  decision.emit({ kind: 'AgentLoggedIn', agentId, device, ...known });
  if (former !== undefined) freePhone(decision, former);
  return undefined;
}

function whoLeaves(decision: Decision, who: LogOutAgent['who']): Agent | Refusal {
  const { agents, devices } = decision.state;
  const agentId = 'agentId' in who ? who.agentId : devices.get(who.deviceUri);
  if (agentId === undefined) return 'not-logged-in';
  const agent = agents.get(agentId);
  if (agent === undefined) return 'unknown-agent';
  return agent.device === null ? 'not-logged-in' : agent;
}

/** While he talks the logout waits for the end of the call. */
export function logOutCommand(decision: Decision, command: LogOutAgent): Refusal | undefined {
  const agent = whoLeaves(decision, command.who);
  if (typeof agent === 'string') return agent;
  // A phone that cannot be watched is no reason either: he has no other.
  if (agent.fixed !== null) return 'static-agent';
  const reason = command.reason ?? 'asked';
  if (agent.callId === null) {
    const uri = agent.device?.uri;
    logOut(decision, agent, reason);
    if (uri !== undefined) freePhone(decision, uri);
  } else if (agent.leaving === null) {
    decision.emit({ kind: 'LogoutDeferred', agentId: agent.id, reason });
  }
  return undefined;
}
