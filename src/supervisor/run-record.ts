/**
 * What a supervisor must know of the one before it, in a file beside the journal (`journal.db.run`,
 * mode 0600): the secret and the port by which server and sipd find each other, the ports that the
 * system chose, the folder of the sockets. With a journal in memory there is nothing to come back
 * to, and no file.
 */
import { randomBytes } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface RunRecord {
  /** Folder of the sockets. */
  readonly folder: string;
  /** Of sipd's clients. */
  readonly secret: string;
  /** `host:port` where sipd takes its clients; port 0: none was chosen yet. */
  readonly admin: string;
  /** `sip.listen` as it was written, and what came of it where it had port 0. */
  readonly listen: { readonly wanted: readonly string[]; readonly told: readonly string[] };
  /** Control port of our own rtpengine; 0: none was chosen yet. */
  readonly rtpengine: number;
}

/** sun_path holds 107 bytes on Linux and 103 on macOS. */
const SOCKET_PATH_MAX = 100;

/** Where the first of these lets us: a /tmp that is read-only is no reason not to start. */
function makeFolder(file: string | null, temporary: readonly string[]): string {
  const places = [...temporary, ...(file === null ? [] : [path.dirname(file)])];
  const isShort = (place: string) =>
    Buffer.byteLength(path.join(place, 'acd-123456', 'control.sock')) <= SOCKET_PATH_MAX;
  let fault: unknown = new Error(`no folder for sockets: too long are ${places.join(', ')}`);
  for (const place of places.filter(isShort)) {
    try {
      return mkdtempSync(path.join(place, 'acd-'));
    } catch (error) {
      fault = error;
    }
  }
  throw fault;
}

/** In a folder that all may write to, only what is ours alone is believed. */
function isOurs(folder: string): boolean {
  try {
    const found = lstatSync(folder);
    return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
  } catch (error) {
    // Cleared since, as by a new start of the machine.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function parse(text: string): Partial<RunRecord> {
  try {
    const record = JSON.parse(text) as Partial<RunRecord> | null;
    return typeof record === 'object' && record !== null ? record : {};
  } catch (error) {
    // A file cut off is as good as none: everything in it can be chosen anew.
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** File of the record of the ACD with this journal; null: it has none. */
export function recordFile(journal: string): string | null {
  return journal === ':memory:' ? null : `${journal}.run`;
}

/** The former one, as far as there is one. */
export function readRecord(file: string | null): Partial<RunRecord> {
  if (file === null) return {};
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** The former record with what it lacks made up for; its folder exists. */
export function openRecord(
  file: string | null,
  temporary: readonly string[] = [tmpdir(), '/tmp'],
): RunRecord {
  const former = readRecord(file);
  const { folder, secret, admin, listen, rtpengine } = former;
  return {
    folder: typeof folder === 'string' && isOurs(folder) ? folder : makeFolder(file, temporary),
    secret: typeof secret === 'string' ? secret : randomBytes(24).toString('base64url'),
    admin: typeof admin === 'string' ? admin : '127.0.0.1:0',
    listen: {
      wanted: Array.isArray(listen?.wanted) ? listen.wanted : [],
      told: Array.isArray(listen?.told) ? listen.told : [],
    },
    rtpengine: typeof rtpengine === 'number' ? rtpengine : 0,
  };
}

/** Throws the system's error where it cannot be written. */
export function writeRecord(file: string | null, record: RunRecord): void {
  if (file === null) return;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
