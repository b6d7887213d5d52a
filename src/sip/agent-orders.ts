/**
 * What whoever is logged in on a phone dials for himself: pause and back to work, in all queues or
 * in one; into one of his queues and out of it; the end of his wrap-up, or more of it. Comes in:
 * what was dialled. Goes out: one command, and the prompt that tells what came of it.
 */
import type { Refusal } from '../core/commands.ts';
import type { State } from '../core/state.ts';
import type { AgentId, QueueName } from '../core/types.ts';
import type { NewCommand, Outcome, Runtime } from '../runtime/port.ts';
import type { LoginRequest } from './dial-codes.ts';

export interface Ordering {
  readonly runtime: Runtime;
  readonly agentId: AgentId;
  /** Keys the number of a pause reason; '': nothing in time; null: he has hung up. */
  readonly askReason: () => Promise<string | null>;
  /** A process before us began it, and may have done what is not told yet. */
  readonly isTakenOver: boolean;
}

const SPOKEN: Partial<Record<Refusal | 'unavailable', string>> = {
  'already-logged-in': 'agent-already-on',
  'device-taken': 'agent-device-taken',
  'not-logged-in': 'agent-not-logged-in',
  'unknown-device': 'agent-not-logged-in',
  'unknown-reason': 'agent-incorrect',
  'not-paused': 'agent-not-paused',
  'not-in-wrapup': 'agent-no-wrapup',
};

/** The prompt that tells why not. */
export function spokenOf(outcome: Outcome, otherwise: string): string {
  return (outcome.ok ? undefined : SPOKEN[outcome.refusal]) ?? otherwise;
}

/**
 * Done, or refused as needless in a dialogue taken over: the process before us had done it, and
 * did not live to say so.
 */
export function isDone(
  { isTakenOver }: { readonly isTakenOver: boolean },
  outcome: Outcome,
  needless: Refusal,
): boolean {
  return outcome.ok || (isTakenOver && outcome.refusal === needless);
}

/** A queue of his by its name, else by its number among his, 1 for the first; null: none. */
export function queueOf(state: State, agentId: AgentId, dialled: string): QueueName | null {
  const his = (state.agents.get(agentId)?.memberOf ?? []).filter(
    ({ queue }) => queue.config.direct !== true,
  );
  const named = his.find(({ queue }) => queue.name === dialled);
  const numbered = /^\d{1,4}$/.test(dialled) ? his[Number(dialled) - 1] : undefined;
  return (named ?? numbered)?.queue.name ?? null;
}

/** Gives the prompt of its result; null: nobody listens any more. */
export async function order(ordering: Ordering, wanted: LoginRequest): Promise<string | null> {
  if (wanted.kind === 'ready') return wrapup(ordering, wanted.seconds);
  const { runtime, agentId } = ordering;
  const queue =
    wanted.queue === undefined ? undefined : queueOf(runtime.state, agentId, wanted.queue);
  if (queue === null) return 'agent-incorrect';
  const place = queue === undefined ? {} : { queue };
  switch (wanted.kind) {
    case 'pause':
      return pause(ordering, wanted.number, place);
    case 'resume':
      return told(ordering, { kind: 'ResumeAgent', ...place }, 'agent-resume-ok', 'not-paused');
    case 'login':
    case 'logout': {
      // Of all his queues it is a login, or a logout, and no order of his.
      if (queue === undefined) return 'agent-incorrect';
      return wanted.kind === 'login'
        ? told(ordering, { kind: 'JoinQueue', queue }, 'agent-queue-in')
        : told(ordering, { kind: 'LeaveQueue', queue }, 'agent-queue-out');
    }
  }
}

type Ordered = NewCommand extends infer C
  ? C extends NewCommand & { readonly agentId: AgentId }
    ? Omit<C, 'agentId' | 'by'>
    : never
  : never;

async function told(
  ordering: Ordering,
  command: Ordered,
  done: string,
  needless: Refusal | null = null,
): Promise<string> {
  const { runtime, agentId } = ordering;
  const outcome = await runtime.submit({ ...command, agentId, by: `agent:${agentId}` });
  const isSo = needless === null ? outcome.ok : isDone(ordering, outcome, needless);
  return isSo ? done : spokenOf(outcome, 'agent-incorrect');
}

function wrapup(ordering: Ordering, seconds: number | undefined): Promise<string> {
  if (seconds === undefined) {
    return told(ordering, { kind: 'EndWrapup' }, 'agent-ready-ok', 'not-in-wrapup');
  }
  const command = { kind: 'ExtendWrapup', forMs: seconds * 1000 } as const;
  return told(ordering, command, 'agent-wrapup-longer');
}

/** During a call it takes effect at its end, as by REST. */
async function pause(
  ordering: Ordering,
  dialled: string | null,
  place: { readonly queue?: QueueName },
): Promise<string | null> {
  const reasons = ordering.runtime.state.config.pauseReasons ?? [];
  let reason = '';
  if (reasons.length > 0 || dialled !== null) {
    const number = dialled ?? (await ordering.askReason());
    if (number === null) return null;
    const found = reasons[Number(number) - 1]?.reason;
    if (found === undefined) return 'agent-incorrect';
    reason = found;
  }
  return told(ordering, { kind: 'PauseAgent', reason, ...place }, 'agent-pause-ok');
}
