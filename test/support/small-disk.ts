/**
 * A real disk of a few megabytes (tmpfs) that can be filled to the last byte and emptied again.
 * Mounting takes root; where it is not permitted `mayMount` says so, and tests are skipped.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface SmallDisk {
  readonly folder: string;
  /** Leaves not one byte. */
  fill(): void;
  /** Gives the space back. */
  free(): void;
  /** For files that nobody has open for writing. */
  readOnly(is: boolean): void;
  stop(): Promise<void>;
}

function mount(args: readonly string[]): boolean {
  return spawnSync('mount', [...args], { stdio: 'ignore' }).status === 0;
}

/** Empty where a small disk can be had, else why not. */
export function mayMount(): string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'mounting takes root';
  const folder = mkdtempSync(path.join(tmpdir(), 'acd-mount-'));
  const is = mount(['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  if (is) spawnSync('umount', [folder]);
  rmSync(folder, { recursive: true, force: true });
  return is ? '' : 'mounting is not permitted here';
}

export function openSmallDisk(megabytes: number): SmallDisk {
  const folder = mkdtempSync(path.join(tmpdir(), 'acd-disk-'));
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  const filler = path.join(folder, 'filler');
  return {
    folder,
    fill: () => {
      const fd = openSync(filler, 'a');
      for (const size of [1 << 20, 1 << 12]) {
        try {
          for (;;) writeSync(fd, Buffer.alloc(size));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
      closeSync(fd);
    },
    free: () => rmSync(filler, { force: true }),
    readOnly: (is) =>
      void execFileSync('mount', ['-o', `remount,${is ? 'ro' : 'rw'}`, folder], { stdio: 'pipe' }),
    stop: async () => {
      spawnSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
