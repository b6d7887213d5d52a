/**
 * The messages of RFC 4475 as bytes. The fixtures are in the RFC's own notation (its section 2.1):
 * what a text file cannot hold is made here.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const folder = path.resolve(import.meta.dirname, '../fixtures/torture');

/** Names of all messages. */
export const tortureNames: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith('.sip'))
  .map((file) => file.slice(0, -'.sip'.length))
  .sort();

/** One message, a character per byte. */
export function torture(name: string): string {
  return expand(readFileSync(path.join(folder, `${name}.sip`), 'utf8'));
}

/** Notation of RFC 4475 section 2.1 to bytes, one character per byte. */
function expand(notation: string): string {
  return notation
    .replaceAll(/<allOneLine>\n([^]*?)\n<\/allOneLine>/g, (_all, lines: string) =>
      lines.replaceAll('\n', ''),
    )
    .replaceAll('\n', '\r\n')
    .replaceAll(/<repeat count=(\d+)>([^]*?)<\/repeat>/g, (_all, count: string, text: string) =>
      text.repeat(Number(count)),
    )
    .replaceAll(/<hex>([^]*?)<\/hex>/g, (_all, digits: string) =>
      Buffer.from(digits, 'hex').toString('latin1'),
    );
}
