/** The trace file: every SIP message in and out, as sngrep users like to read it. */
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Direction, Path } from './path.ts';
import { bracketed } from './uri.ts';

/** Bytes waiting for a slow disk. Beyond: messages are left out of the trace, and counted. */
const MAX_TRACE_BACKLOG_BYTES = 32 * 1024 * 1024;

export class Trace {
  private readonly stream: WriteStream;
  private leftOut = 0;

  /** @param onTrouble the file cannot be written; the server goes on without */
  constructor(file: string, onTrouble: (text: string) => void) {
    this.stream = createWriteStream(file, { flags: 'a' });
    this.stream.on('error', (error) => {
      onTrouble(`trace file: ${error.message}`);
    });
  }

  add(direction: Direction, path: Path, text: string): void {
    if (this.stream.writableLength > MAX_TRACE_BACKLOG_BYTES) {
      this.leftOut += 1;
      return;
    }
    const own = `${bracketed(path.ownHost)}:${path.ownPort}`;
    const peer = `${bracketed(path.address)}:${path.port}`;
    const way = direction === 'in' ? `${peer} -> ${own}` : `${own} -> ${peer}`;
    const note = this.leftOut > 0 ? ` (${this.leftOut} messages left out before)` : '';
    this.leftOut = 0;
    const head = `${new Date().toISOString()} ${path.proto.toUpperCase()} ${way}${note}`;
    this.stream.write(`${head}\r\n${text}\r\n\r\n`, 'latin1');
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.stream.end(() => {
        resolve();
      });
    });
  }
}
