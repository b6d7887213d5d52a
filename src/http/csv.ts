/**
 * Rows as CSV (RFC 4180), with a head of their keys. A text that a spreadsheet would take for a
 * formula gets an apostrophe: callers choose their display names.
 */

type Row = Readonly<Record<string, unknown>>;

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const plain = typeof value === 'string' ? value : JSON.stringify(value);
  const text = /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Every row has the keys of the first; lists are written as JSON. */
export function writeCsv(rows: readonly Row[], keys: readonly string[]): string {
  const lines = [keys.join(',')];
  for (const row of rows) lines.push(keys.map((key) => cell(row[key])).join(','));
  return `${lines.join('\r\n')}\r\n`;
}
