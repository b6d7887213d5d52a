/**
 * One log entry as text: JSON for machines, one readable line for people. The supervisor reads the
 * entries of its children (JSON lines, or sipd's plain ones) back into the same shape, so that one
 * stream with one format comes out.
 */

export type Level = 'debug' | 'info' | 'warn' | 'error';

const NUMBERS: Readonly<Record<Level, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly level: Level;
  /** Which process or part speaks. */
  readonly name: string;
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const MAX_LINE = 4_000;

export function levelNumber(level: Level): number {
  return NUMBERS[level];
}

function levelOf(value: unknown): Level {
  const number = typeof value === 'number' ? value : 30;
  if (number >= 50) return 'error';
  if (number >= 40) return 'warn';
  return number >= 30 ? 'info' : 'debug';
}

/** What a process printed, understood as an entry; unknown forms become its text. */
export function readLine(written: string, name: string, now: number): LogLine {
  const line = written.slice(0, MAX_LINE);
  if (line.startsWith('{')) {
    const entry = parseObject(line);
    if (entry !== null && typeof entry['msg'] === 'string') {
      const { level, time, name: own, msg, ...fields } = entry;
      return {
        time: typeof time === 'number' ? time : now,
        level: levelOf(level),
        name: typeof own === 'string' ? own : name,
        text: msg,
        fields,
      };
    }
  }
  const plain = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (debug|info|warn|error) (.*)$/.exec(line);
  if (plain !== null) {
    const [, at = '', level = 'info', text = ''] = plain;
    const time = Date.parse(at);
    return { time: Number.isNaN(time) ? now : time, level: level as Level, name, text, fields: {} };
  }
  return { time: now, level: 'info', name, text: line, fields: {} };
}

function parseObject(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch (error) {
    // Not an entry but text that begins with a brace: it is printed as it stands.
    return error instanceof SyntaxError ? null : null;
  }
}

function writeField(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === 'object' && value !== null && 'message' in value) {
    return JSON.stringify(value.message);
  }
  return JSON.stringify(value) ?? 'undefined';
}

/** `12:03:55.120 warn  sip: registrar is away  registrar=pbx status=503` */
export function writePretty(line: LogLine): string {
  const at = new Date(line.time);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock =
    `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.` +
    String(at.getMilliseconds()).padStart(3, '0');
  const fields = Object.entries(line.fields)
    .map(([key, value]) => ` ${key}=${writeField(value)}`)
    .join('');
  const text = `${clock} ${line.level.padEnd(5)} ${line.name}: ${line.text} ${fields}`.trimEnd();
  // Control characters out of a peer's message must not forge lines or move the cursor.
  return text.replace(/\p{Cc}/gu, ' ').slice(0, MAX_LINE);
}

export function writeJson(line: LogLine): string {
  const { time, level, name, text, fields } = line;
  return JSON.stringify({ level: NUMBERS[level], time, name, ...fields, msg: text });
}
