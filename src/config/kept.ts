/**
 * acd.yaml as it was last loaded, kept beside the journal (`journal.db.yaml`, mode 0600): a server
 * that dies while the file is being edited, or is gone, is followed by one that goes on with this.
 * Only a server that follows another reads it; whoever starts the ACD hears of his mistakes.
 */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';

/** A former text in the place of one that cannot be used. */
export interface Instead {
  readonly text: string;
  /** When it was loaded, ms since the epoch. */
  readonly loadedAt: number;
  /** What is wrong with acd.yaml now, a line each. */
  readonly faults: readonly string[];
}

/** File of the copy for the ACD with this journal; null: it has none. */
export function keptFile(journal: string): string | null {
  return journal === ':memory:' ? null : `${journal}.yaml`;
}

/** Throws the system's error where it cannot be written; the former copy is then as it was. */
export function keepText(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Null: there is none that could be read. */
export function readKept(file: string): Omit<Instead, 'faults'> | null {
  try {
    return { text: readFileSync(file, 'utf8'), loadedAt: Math.floor(statSync(file).mtimeMs) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return null;
  }
}

/** For health and log: what is wrong, what holds in its place, what to do. */
export function wordsOf(file: string, { faults, loadedAt }: Instead): string {
  const [first = ''] = faults;
  const more = faults.length > 1 ? ` and ${faults.length - 1} more` : '';
  const since = new Date(loadedAt).toISOString();
  return (
    `${file} could not be used when the server was started anew (${first}${more}); it goes on ` +
    `with what was loaded at ${since}: mend the file, then acd reload`
  );
}
