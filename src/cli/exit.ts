/** Exit statuses of `acd`, the same for every verb; docs/CLI.md tells them. */
export const EXIT = {
  ok: 0,
  /** The command, its arguments or the configuration are wrong. */
  wrong: 1,
  /** The ACD answered, and refused. */
  refused: 2,
  /** There is no such queue, agent or call. */
  unknown: 3,
  /** No ACD answers there, or not in time. */
  away: 4,
  /** `status`: it answers, and a part of it does not work. */
  unwell: 5,
} as const;
