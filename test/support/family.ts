/**
 * The processes of an ACD as the kernel lists them, and whether they live.
 */
import { readFileSync } from 'node:fs';
import type { Acd } from './acd.ts';
import { until } from './inbox.ts';

/** Children of a process, by the kernel's own list: number and command line. */
export function childrenOf(pid: number): { readonly pid: number; readonly command: string }[] {
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  if (listed === '') return [];
  return listed.split(' ').flatMap((text) => {
    const command = readOrGone(`/proc/${text}/cmdline`)?.replaceAll('\0', ' ');
    return command === undefined ? [] : [{ pid: Number(text), command }];
  });
}

/** A file of /proc; null: its process has ended since, also between opening and reading it. */
function readOrGone(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}

/** The test starts programs through setpriv, which becomes the program: same number. */
export function childNamed(
  acd: Acd,
  name: string,
): { readonly pid: number; readonly command: string } {
  const found = childrenOf(acd.process.pid).find(({ command }) => command.includes(name));
  if (found === undefined) throw new Error(`no child ${name}`);
  return found;
}

/** Kills the one child whose command line fits, by SIGKILL; gives when, ms since the epoch. */
export function killChild(parent: number, command: RegExp): number {
  const fitting = childrenOf(parent).filter((one) => command.test(one.command));
  const [child, ...others] = fitting;
  if (child === undefined || others.length > 0) {
    throw new Error(`not one child ${String(command)}: ${JSON.stringify(fitting)}`);
  }
  process.kill(child.pid, 'SIGKILL');
  return Date.now();
}

export function isAlive(pid: number): boolean {
  const stat = readOrGone(`/proc/${pid}/stat`);
  // A zombie has ended, though its number is still there.
  return stat !== null && !/\) Z /.test(stat);
}

export async function allGone(pids: readonly number[]): Promise<void> {
  await until(
    'all processes are gone',
    async () => pids.filter((pid) => isAlive(pid)),
    (alive) => alive.length === 0,
    10_000,
  );
}
