/** Files that hold one value: a password, a token, a certificate. */
import { readFileSync } from 'node:fs';

/** Its text; else `code` of why it cannot be read (`ENOENT` …), null: it is larger than `most`. */
export type SmallFile = { readonly text: string } | { readonly code: string | null };

/** `most`: characters. */
export function readSmall(file: string, most: number): SmallFile {
  try {
    const text = readFileSync(file, 'utf8');
    return text.length > most ? { code: null } : { text };
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    return { code };
  }
}
