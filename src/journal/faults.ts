/**
 * Disk faults in words: what SQLite and the file system say, as one sentence for the operator
 * that names the cause and what to do.
 */
import { accessSync, constants, statfsSync } from 'node:fs';
import path from 'node:path';
import { Database } from './database.ts';
import type { JournalFailure } from './port.ts';

export function refuse(detail: string): JournalFailure {
  return { ok: false, reason: 'unavailable', detail };
}

export function codeOf(error: unknown): string {
  if (error instanceof Database.SqliteError) return error.code;
  return (error as NodeJS.ErrnoException | null)?.code ?? '';
}

/** SQLITE_ERROR: the file's own schema is spoilt, our statements find no table or column. */
const DAMAGE = new Set(['SQLITE_NOTADB', 'SQLITE_IOERR_SHORT_READ', 'SQLITE_ERROR']);

/** Of a fault met while looking a file over: is it the file's content? */
export function isDamage(error: unknown): boolean {
  const code = codeOf(error);
  return DAMAGE.has(code) || code.startsWith('SQLITE_CORRUPT');
}

/** What the file system says of the folder; SQLite hides the system's own error number. */
function systemCode(file: string): string {
  const folder = path.dirname(path.resolve(file));
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, files, ffree } = statfsSync(folder);
    return bavail === 0 || (files > 0 && ffree === 0) ? 'ENOSPC' : '';
  } catch (error) {
    return codeOf(error);
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'its disk is full; free some space',
  EDQUOT: 'its disk quota is used up; free some space',
  EROFS: 'its file system is read-only; mount it writable, and look why it is not',
  EACCES: 'it may not be written; check the permissions of the file and its folder',
  EPERM: 'it may not be written; check the permissions of the file and its folder',
  EIO: 'its disk reports errors; look at the system log',
  ENOENT: 'its folder is gone; put it back',
  SQLITE_FULL: 'its disk is full; free some space',
  SQLITE_READONLY: 'it is read-only; check the permissions of the file and its folder',
  SQLITE_IOERR: 'its disk reports errors; look at the system log',
  SQLITE_BUSY: 'another program has locked it; end that program',
  SQLITE_CORRUPT: 'it is damaged; stop the ACD and run: acd journal check',
  SQLITE_CANTOPEN: 'it cannot be opened; check the path and its permissions',
};

/** SQLITE_IOERR_WRITE is a kind of SQLITE_IOERR. */
function wordsFor(code: string): string | null {
  return WORDS[code] ?? WORDS[code.split('_').slice(0, 2).join('_')] ?? null;
}

/** Why `file` cannot be used, and what to do. Nothing was written. */
export function explain(error: unknown, file: string): JournalFailure {
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  const isVague = /^SQLITE_(IOERR|READONLY|CANTOPEN)/.test(code);
  const system = isVague ? systemCode(file) : '';
  const words = wordsFor(system) ?? wordsFor(code);
  if (words === null)
    return refuse(`${file} cannot be used (${text}); check the path, and its permissions`);
  const codes = [code, system].filter((one) => one !== '').join(', ');
  return refuse(`${file} cannot be used: ${words} (${text}; ${codes})`);
}
