/** The part of acd.yaml that decides, in the core's own words. */
import type {
  AgentConfig,
  CoreConfig,
  Destination,
  MembershipConfig,
  QueueConfig,
  VetoRule,
} from '../core/types.ts';
import type { AgentFile, QueueFile } from './queue-schema.ts';
import type { ConfigFile } from './schema.ts';

function failoverOf({ failover }: QueueFile): QueueConfig['failover'] {
  const all = {
    TIMEOUT: failover.timeout,
    FULL: failover.full,
    JOINEMPTY: failover.joinempty,
    JOINUNAVAIL: failover.joinunavail,
    LEAVEEMPTY: failover.leaveempty,
    LEAVEUNAVAIL: failover.leaveunavail,
    WITHDRAW: failover.withdraw,
  };
  return Object.fromEntries(Object.entries(all).filter(([, list]) => list.length > 0));
}

function exitKeysOf(queue: QueueFile): Record<string, Destination[]> {
  const keys: Record<string, Destination[]> = {};
  for (const { key, destination } of queue['exit-keys']) (keys[key] ??= []).push(destination);
  return keys;
}

/** What holds from the start, and what holds later. */
function skillsOf({ skills }: QueueFile): Pick<QueueConfig, 'skills' | 'skillSteps'> {
  const steps = [...skills].sort((a, b) => a.atMs - b.atMs);
  const atFirst = steps.findLast((step) => step.atMs === 0);
  return { skills: atFirst?.need ?? null, skillSteps: steps.filter((step) => step.atMs > 0) };
}

/** A call to one agent never waits for him while he is logged out. */
function emptyRulesOf({ direct, joinempty, leavewhenempty }: QueueFile) {
  const least = ['invalid'] as const;
  return {
    joinEmpty: direct && joinempty.length === 0 ? least : joinempty,
    leaveWhenEmpty: direct && leavewhenempty.length === 0 ? least : leavewhenempty,
  };
}

function vetoOf({ vetoes }: ConfigFile, { veto: name }: QueueFile): VetoRule | null {
  const veto = vetoes.find((each) => each.name === name);
  if (veto === undefined) return null;
  return { name: veto.name, timeoutMs: veto.timeout, silence: veto.silence };
}

function queueConfig(file: ConfigFile, queue: QueueFile): QueueConfig {
  const rule = file['penalty-rules'].find((each) => each.name === queue.defaultrule);
  return {
    name: queue.name,
    ...(queue.direct ? { direct: true } : {}),
    strategy: queue.strategy,
    timeoutMs: queue.timeout,
    retryMs: queue.retry,
    wrapupMs: queue.wrapuptime,
    maxlen: queue.maxlen,
    weight: queue.weight,
    periodicAnnounceMs: queue['periodic-announce-frequency'],
    timeoutRestart: queue.timeoutrestart,
    autofill: queue.autofill,
    ringInUse: queue.ringinuse,
    rejectDelayMs: queue['reject-delay'] ?? null,
    busyDelayMs: queue['busy-delay'] ?? null,
    noAnswerDelayMs: queue['no-answer-delay'] ?? null,
    autopause: queue.autopause,
    autopauseDelayMs: queue.autopausedelay,
    autopauseBusy: queue.autopausebusy,
    autopauseUnavail: queue.autopauseunavail,
    autopauseMisses: queue['autopause-misses'],
    autopauseLengthMs: queue['autopause-length'],
    progressiveDelayMs: queue['ring-progressively-delay'],
    priority: queue.priority,
    callers: queue['caller-priority'],
    ...emptyRulesOf(queue),
    maxCallsPerAgent: queue['max-calls-per-agent'],
    maxEstimatedWaitMs: queue['max-estimated-wait'],
    maxWaitMs: queue['max-wait'],
    timeoutPriority: queue.timeoutpriority,
    failover: failoverOf(queue) ?? {},
    exitKeys: exitKeysOf(queue),
    maxTalks: queue['max-talks'],
    penaltySteps: [...(rule?.penaltychange ?? [])].sort((a, b) => a.atMs - b.atMs),
    penaltyMembersLimit: queue.penaltymemberslimit,
    ...skillsOf(queue),
    callerSkills: queue['caller-skills'],
    stickyMs: queue.sticky,
    veto: vetoOf(file, queue),
  };
}

/** What each agent has of his own, by his id. */
function membershipsOf(queues: readonly QueueFile[]): Map<string, MembershipConfig[]> {
  const found = new Map<string, MembershipConfig[]>();
  for (const queue of queues) {
    queue.members.forEach((member, order) => {
      const { penalty, share, ringinuse, wrapuptime } = member;
      const own: MembershipConfig = {
        queue: queue.name,
        penalty,
        share,
        order,
        ...(ringinuse === undefined ? {} : { ringInUse: ringinuse }),
        ...(wrapuptime === undefined ? {} : { wrapupMs: wrapuptime }),
      };
      found.set(member.agent, [...(found.get(member.agent) ?? []), own]);
    });
  }
  return found;
}

function agentConfig(
  agent: AgentFile,
  memberships: readonly MembershipConfig[],
  directs: readonly string[],
): AgentConfig {
  const listed = memberships.map((each) => each.queue);
  return {
    id: agent.id,
    name: agent.name ?? '',
    queues: [...new Set([...agent.queues, ...listed, ...directs])],
    ...(memberships.length === 0 ? {} : { memberships }),
    ...(agent.device === undefined
      ? {}
      : { device: { uri: agent.device, registrar: agent.registrar ?? null } }),
    ...(agent.wrapuptime === undefined ? {} : { wrapupMs: agent.wrapuptime }),
    ...(agent.skills.length === 0
      ? {}
      : { skills: Object.fromEntries(agent.skills.map(({ name, level }) => [name, level])) }),
    ...(agent.never.length === 0 ? {} : { never: agent.never }),
    ...(agent['no-answer'].length === 0 ? {} : { noAnswer: agent['no-answer'] }),
  };
}

export function coreConfig(file: ConfigFile): CoreConfig {
  const memberships = membershipsOf(file.queues);
  const clock = file['idle-clock'];
  const directs = file.queues.filter(({ direct }) => direct).map(({ name }) => name);
  return {
    queues: file.queues.map((queue) => queueConfig(file, queue)),
    agents: file.agents.map((agent) =>
      agentConfig(agent, memberships.get(agent.id) ?? [], directs),
    ),
    secondLogin: file.sip.login['second-login'],
    maxCalls: file.limits.calls,
    outbound: {
      ringMs: file.outbound.ring,
      dialMs: file.outbound.dial,
      toneMs: file.outbound.tone,
    },
    ...(file['pause-reasons'].length === 0 ? {} : { pauseReasons: file['pause-reasons'] }),
    idleClock: {
      login: clock.login,
      wrapup: clock.wrapup,
      pause: clock.pause,
      ownCall: clock['own-call'],
      missed: clock.missed,
    },
  };
}
