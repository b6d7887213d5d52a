/** The processes of the product, to be killed: found by what they run, below the one we started. */
import { readdirSync, readFileSync } from 'node:fs';

interface Seen {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function look(): Seen[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
        const parent = Number(/\) \S (\d+) /.exec(stat)?.[1]);
        const command = readFileSync(`/proc/${entry}/cmdline`, 'latin1').replaceAll('\0', ' ');
        // What has ended may lie about as a zombie.
        return /\) [ZX] /.test(stat) ? [] : [{ pid: Number(entry), parent, command }];
      } catch (trouble) {
        // Gone while we looked.
        const { code = '' } = trouble as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'ESRCH') return [];
        throw trouble;
      }
    });
}

/** Ids of the children of `parent` whose command line fits. */
export function childrenOf(parent: number, command: RegExp): number[] {
  return look()
    .filter((one) => one.parent === parent && command.test(one.command))
    .map(({ pid }) => pid);
}

/** Kills the one child whose command line fits, by SIGKILL; gives when, ms since the epoch. */
export function killChild(parent: number, command: RegExp): number {
  const [pid, ...others] = childrenOf(parent, command);
  if (pid === undefined || others.length > 0) {
    throw new Error(`not one child ${String(command)} of ${parent}: ${[pid, ...others].join(' ')}`);
  }
  process.kill(pid, 'SIGKILL');
  return Date.now();
}
