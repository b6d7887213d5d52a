/**
 * How verbs of `acd` end: the exit statuses, the same for every verb (docs/CLI.md explains them),
 * how a fault is told, and which signals count.
 */
export const EXIT = {
  ok: 0,
  /** The command, its arguments or the configuration are wrong, or it cannot be done here. */
  wrong: 1,
  /** The ACD answered, and refused. */
  refused: 2,
  /** There is no such queue, agent, call, version, ban or lock. */
  unknown: 3,
  /** No ACD answers there, or not in time. */
  away: 4,
  /** `status`: it answers, and a part of it does not work. */
  unwell: 5,
  /** `serve`, of sysexits.h: an internal fault; the supervisor starts it again. */
  fatal: 70,
  /** Killed by a third Ctrl-C. */
  killed: 130,
} as const;

/** npm passes a Ctrl-C on that the terminal has sent us already: nearer signals are the same. */
export const SAME_SIGNAL_MS = 500;

/** Says what is wrong on standard error; gives the exit status. */
export function fault(text: string, status: number = EXIT.wrong): number {
  process.stderr.write(`${text}\n`);
  return status;
}
