/**
 * The mark of a process: a hash of its program's files and of everything it was started with. Two
 * processes of one mark are the same in all they do, so one may stand for the other.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** A map as its entries, so that everything in a configuration counts. */
function plain(_key: string, value: unknown): unknown {
  return value instanceof Map ? [...(value as Map<unknown, unknown>)] : value;
}

/**
 * @param places files and folders of the program, whole
 * @param given what it was started with; anything JSON can say, and maps
 */
export function fingerprint(places: readonly string[], given: unknown): string {
  const hash = createHash('sha256');
  for (const place of places) {
    for (const file of filesOf(place)) hash.update(file).update('\0').update(readFileSync(file));
  }
  hash.update(JSON.stringify([process.version, process.execArgv, given], plain));
  return hash.digest('hex').slice(0, 32);
}

function filesOf(place: string): string[] {
  if (path.extname(place) !== '') return [place];
  const entries = readdirSync(place, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(js|ts|mjs)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}
