/**
 * What keeps a child of the supervisor alive, seen from the child: its standard input, whose end
 * tells that the parent is gone, and then a local socket on which the next supervisor may take it
 * over. A child that nobody takes over in time ends by itself: never an orphan for ever.
 *
 * The socket greets with one JSON line, `{"pid","mark","told"}` (who we are, of which version and
 * configuration, what our readiness line said); after it come our log lines, as the former
 * parent's pipes lead nowhere. What the guardian sends are orders, one word a line; `alive?` is
 * answered at once, on standard output or the socket, by who is not hung (supervisor/pulse.ts).
 */
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { KeptSocket } from './kept-socket.ts';
import { writeLine } from './unread.ts';

export interface LifelineOptions {
  /** Of the socket; '' : none, we end with our parent. */
  readonly path: string;
  readonly mark: string;
  /** How long nobody may hold us, ms. */
  readonly lingerMs: number;
  /** Nobody holds us any more. */
  readonly end: (why: string) => void;
  /** Our parent is gone; whoever takes us over may come yet. */
  readonly orphaned?: () => void;
  /** A word of the parent or of who took us over. */
  readonly order?: (word: string) => void;
}

/** Whoever holds us asks this, and is answered that. */
export const ASK = 'alive?';
export const ALIVE = 'alive!';

/** Guardians at a time. Beyond: refused. */
const MAX_GUARDIANS = 4;

/** Beyond: what stands in it is dropped. */
const MAX_LINE = 64 * 1024;

/** Calls `take` for each whole line. Unlike node:readline it makes no error event of its own. */
export function eachLine(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(-MAX_LINE);
    for (const line of lines) take(line.endsWith('\r') ? line.slice(0, -1) : line);
  });
}

/** Of a spare in its new place: who looks at the list of processes shall see what it is now. */
export function showAs(args: readonly string[]): void {
  const [, program = ''] = process.argv;
  process.title = [process.argv0, ...process.execArgv, program, ...args].join(' ');
}

export class Lifeline {
  private readonly options: LifelineOptions;
  private readonly guardians = new Set<Socket>();
  private socket: KeptSocket | null = null;
  private told: object = {};
  private hasParent = true;
  private timer: NodeJS.Timeout | null = null;

  constructor(options: LifelineOptions) {
    this.options = options;
  }

  /** Holds on to standard input. */
  watchParent(): void {
    const gone = (): void => {
      if (!this.hasParent) return;
      this.hasParent = false;
      this.options.orphaned?.();
      this.look('the supervisor is gone');
    };
    eachLine(process.stdin, (line) => this.obey(line, process.stdout));
    process.stdin.on('end', gone);
    process.stdin.on('error', gone);
    // A process whose pipes were closed has lost its parent, and must live all the same.
    process.stdout.on('error', gone);
    process.stderr.on('error', gone);
  }

  /** Opens the socket. Null: done, or none is wanted; else why not. */
  async listen(told: object): Promise<string | null> {
    const { path } = this.options;
    this.told = told;
    if (path === '') return null;
    this.socket = new KeptSocket(path, (socket) => this.welcome(socket));
    return this.socket.listen();
  }

  /** Takes a log line: for the pipe to our parent, or for whoever took us over. */
  say(line: string, pipe: Writable): void {
    for (const to of this.hasParent ? [pipe] : this.guardians) writeLine(to, line);
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.socket?.close();
    for (const socket of this.guardians) socket.destroy();
  }

  private welcome(socket: Socket): void {
    // Its close follows and says all there is to say.
    socket.on('error', () => socket.destroy());
    if (this.guardians.size >= MAX_GUARDIANS) {
      socket.destroy();
      return;
    }
    this.guardians.add(socket);
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    eachLine(socket, (line) => this.obey(line, socket));
    socket.on('close', () => {
      this.guardians.delete(socket);
      this.look('whoever took us over is gone');
    });
    const { mark } = this.options;
    socket.write(`${JSON.stringify({ pid: process.pid, mark, told: this.told })}\n`);
  }

  private obey(line: string, to: Writable): void {
    if (line === ASK) to.write(`${ALIVE}\n`);
    else if (line !== '') this.options.order?.(line);
  }

  private look(why: string): void {
    const { lingerMs, path, end } = this.options;
    if (this.hasParent || this.guardians.size > 0 || this.timer !== null) return;
    if (lingerMs === 0 || path === '') {
      end(why);
      return;
    }
    this.timer = setTimeout(() => end(`${why}, and nobody took over`), lingerMs);
  }
}
