/** Where the programs of the ACD lie, and how one of them is started. */
import path from 'node:path';
import type { ChildSpec } from './life.ts';

const extension = path.extname(import.meta.filename);
/** The folder of all programs: src/, or dist/ when built. */
export const PROGRAMS = path.join(import.meta.dirname, '..');
/** What sipd and mediad import from beside their folders: part of what they are. */
export const SHARED = path.join(PROGRAMS, 'shared');

/** A program of ours: built (.js) or as source (.ts, under tsx). */
export function ours(file: string, args: readonly string[]): Pick<ChildSpec, 'command' | 'args'> {
  const program = path.join(PROGRAMS, `${file}${extension}`);
  return { command: process.execPath, args: [...process.execArgv, program, ...args] };
}
