/**
 * One line per entry on stderr. Hostile input can provoke entries, so lines per second are bounded
 * and what was left out is counted.
 */
import { MAX_LOG_LINES_PER_SECOND } from './limits.ts';

export interface Log {
  info(text: string): void;
  warn(text: string): void;
}

/**
 * @param write receives finished lines, newline included
 * @param now milliseconds, any epoch
 */
export function createLog(write: (line: string) => void, now: () => number): Log {
  let second = 0;
  let lines = 0;
  let dropped = 0;
  const entry = (level: string, text: string): void => {
    const at = now();
    const thisSecond = Math.floor(at / 1000);
    if (thisSecond !== second) {
      if (dropped > 0) write(`${stamp(at)} warn ${dropped} log lines left out\n`);
      second = thisSecond;
      lines = 0;
      dropped = 0;
    }
    if (lines >= MAX_LOG_LINES_PER_SECOND) {
      dropped += 1;
      return;
    }
    lines += 1;
    // Control characters of a peer's message must not forge log lines.
    write(`${stamp(at)} ${level} ${text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 500)}\n`);
  };
  return {
    info: (text) => {
      entry('info', text);
    },
    warn: (text) => {
      entry('warn', text);
    },
  };
}

function stamp(at: number): string {
  return new Date(at).toISOString();
}
