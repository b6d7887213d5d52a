/**
 * Configuration made whole: what an event leaves out has its standard value here. Journals of
 * earlier versions know fewer options, so this is also how they are read today. The values are
 * those of queues.conf, except where docs/CONFIGURATION.md says why not.
 */
import type {
  AgentConfig,
  CoreConfig,
  IdleClock,
  MembershipConfig,
  OutboundLimits,
  QueueConfig,
  QueueName,
  QueueOptions,
  QueueRules,
} from './types.ts';

const STANDARD: QueueOptions = {
  timeoutRestart: true,
  autofill: true,
  ringInUse: false,
  rejectDelayMs: null,
  busyDelayMs: null,
  noAnswerDelayMs: null,
  autopause: 'no',
  autopauseDelayMs: 0,
  autopauseBusy: false,
  autopauseUnavail: false,
  autopauseMisses: 1,
  autopauseLengthMs: 0,
  progressiveDelayMs: 10_000,
  priority: 0,
  callers: [],
  joinEmpty: [],
  leaveWhenEmpty: [],
  maxCallsPerAgent: 0,
  maxEstimatedWaitMs: 0,
  maxWaitMs: 0,
  timeoutPriority: 'app',
  failover: {},
  exitKeys: {},
  maxTalks: 0,
  penaltySteps: [],
  penaltyMembersLimit: 0,
  skills: null,
  callerSkills: [],
  skillSteps: [],
  stickyMs: 0,
  veto: null,
};

export const STANDARD_IDLE_CLOCK: IdleClock = {
  login: true,
  wrapup: true,
  pause: false,
  ownCall: false,
  missed: false,
};

/** He sits before his own phone; a number may take its time. */
export const STANDARD_OUTBOUND: OutboundLimits = {
  ringMs: 30_000,
  dialMs: 60_000,
  toneMs: 5_000,
};

export function outboundLimits(config: CoreConfig): OutboundLimits {
  return config.outbound ?? STANDARD_OUTBOUND;
}

export function queueRules(config: QueueConfig): QueueRules {
  return { ...STANDARD, ...config };
}

export function idleClock(config: CoreConfig): IdleClock {
  return config.idleClock ?? STANDARD_IDLE_CLOCK;
}

/** A membership with everything in it. */
export interface MemberRules {
  readonly penalty: number;
  readonly ringInUse: boolean;
  readonly wrapupMs: number;
  readonly share: number;
  /** Infinity: none of his own. */
  readonly order: number;
}

const NOTHING_OWN: Omit<MembershipConfig, 'queue'> = {};

function ownOf(agent: AgentConfig, queue: QueueName): Omit<MembershipConfig, 'queue'> {
  return agent.memberships?.find((each) => each.queue === queue) ?? NOTHING_OWN;
}

/** The membership's own value goes before the agent's, and that before the queue's. */
export function memberRules(agent: AgentConfig, queue: QueueRules): MemberRules {
  const own = ownOf(agent, queue.name);
  return {
    penalty: own.penalty ?? 0,
    ringInUse: own.ringInUse ?? queue.ringInUse,
    wrapupMs: own.wrapupMs ?? agent.wrapupMs ?? queue.wrapupMs,
    share: own.share ?? 1,
    order: own.order ?? Infinity,
  };
}

/** Does a pattern fit the user part of an address? `*`: any rest, `?`: any one character. */
export function fits(pattern: string, from: string): boolean {
  const user = from.split('@', 1)[0] ?? '';
  for (let at = 0; at < pattern.length; at += 1) {
    if (pattern[at] === '*') return true;
    if (at >= user.length || (pattern[at] !== '?' && pattern[at] !== user[at])) return false;
  }
  return pattern.length === user.length;
}

/** The number (user part) of an address by which its caller is known again; null: he hides it. */
export function numberOf(from: string): string | null {
  const user = from.split('@', 1)[0] ?? '';
  return user === '' || /^(anonymous|unknown|unavailable|restricted)$/i.test(user) ? null : user;
}

/** By what a queue knows again who called it; null: the caller hides his number. */
export function acquaintance(queue: QueueName, from: string): string | null {
  const number = numberOf(from);
  return number === null ? null : `${queue} ${number}`;
}

/** The caller's priority: what the call brings, else the first rule that fits, else the queue's. */
export function priorityOf(queue: QueueRules, from: string, brought: number | undefined): number {
  if (brought !== undefined) return brought;
  return queue.callers.find((rule) => fits(rule.pattern, from))?.priority ?? queue.priority;
}
