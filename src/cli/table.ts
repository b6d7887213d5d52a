/** Rows as a table for a terminal: words to the left, numbers to the right. */

import { columnsOf, padTo } from './columns.ts';
import { plain } from './plain.ts';

/** Key of the row, and what stands above it. */
export type Column = readonly [key: string, title: string];

function shown(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'number') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return plain(text);
}

export function writeTable(
  rows: readonly Readonly<Record<string, unknown>>[],
  columns: readonly Column[],
): string {
  const cells = rows.map((row) => columns.map(([key]) => shown(row[key])));
  const widths = columns.map(([, title], index) =>
    Math.max(title.length, ...cells.map((line) => columnsOf(line[index] ?? ''))),
  );
  const isNumber = columns.map(([key]) =>
    rows.some((row) => typeof row[key] === 'number' || row[key] === null),
  );
  const line = (texts: readonly string[]) =>
    texts
      .map((text, index) => {
        const width = widths[index] ?? 0;
        return padTo(text, isNumber[index] === true ? -width : width);
      })
      .join('  ')
      .trimEnd();
  const head = line(columns.map(([, title]) => title));
  return [head, ...cells.map(line)].join('\n');
}
