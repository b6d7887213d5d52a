/**
 * The supervisor's own socket: `acd restart` speaks on it, and whoever starts a second ACD on the
 * same journal finds it taken. One JSON object a line: `{"do":"restart"}` asks, `{"ok":…,"text":…}`
 * answers.
 */
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { KeptSocket } from '../shared/kept-socket.ts';
import { eachLine } from '../shared/lifeline.ts';

export interface ControlAnswer {
  readonly ok: boolean;
  /** For people. */
  readonly text: string;
  /** Nobody was there, or answered; absent: the answer is the other side's. */
  readonly isAway?: true;
}

/** Whatever is asked takes longer than this only if something is broken. */
const ANSWER_MS = 60_000;
/** One that lives tells its process at once. */
const PID_ANSWER_MS = 2_000;
/** People at a time. Beyond: refused. */
const MAX_CLIENTS = 8;

export class ControlSocket {
  private readonly path: string;
  private readonly perform: (word: string) => Promise<ControlAnswer>;
  private readonly clients = new Set<Socket>();
  private socket: KeptSocket | null = null;

  constructor(path: string, perform: (word: string) => Promise<ControlAnswer>) {
    this.path = path;
    this.perform = perform;
  }

  /** Null: it is ours now. Else why not. */
  async open(): Promise<string | null> {
    const { path } = this;
    if (existsSync(path)) {
      const other = await ask(path, 'pid', PID_ANSWER_MS);
      if (other.ok) return `another ACD (process ${other.text}) runs with the same journal`;
      if (other.text !== GONE) return `another ACD runs with the same journal (${other.text})`;
    }
    this.socket = new KeptSocket(path, (socket) => this.welcome(socket));
    return this.socket.listen();
  }

  close(): void {
    this.socket?.close();
    for (const socket of this.clients) socket.destroySoon();
  }

  private welcome(socket: Socket): void {
    // Its close follows and says all there is to say.
    socket.on('error', () => socket.destroy());
    if (this.clients.size >= MAX_CLIENTS) {
      socket.destroy();
      return;
    }
    this.clients.add(socket);
    socket.on('close', () => this.clients.delete(socket));
    eachLine(socket, (line) => void this.answer(socket, line));
  }

  private async answer(socket: Socket, line: string): Promise<void> {
    const word = wordOf(line);
    const answer: ControlAnswer =
      word === 'pid' ? { ok: true, text: String(process.pid) } : await this.perform(word);
    if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`);
  }
}

function wordOf(line: string): string {
  try {
    const asked = JSON.parse(line) as { readonly do?: unknown } | null;
    return typeof asked?.do === 'string' ? asked.do : '';
  } catch (error) {
    if (error instanceof SyntaxError) return '';
    throw error;
  }
}

/** The answer's text where nobody listens. */
export const GONE = 'nobody is there';

/** Asks the supervisor at this socket; never rejects, and answers in time. */
export async function ask(path: string, word: string, ms = ANSWER_MS): Promise<ControlAnswer> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answer: ControlAnswer): void => {
      clearTimeout(overdue);
      socket.destroy();
      resolve(answer);
    };
    const away = (text: string): void => settle({ ok: false, text, isAway: true });
    const overdue = setTimeout(() => away(`no answer within ${ms / 1000} s`), ms);
    socket.once('error', () => away(GONE));
    socket.once('close', () => away('it ended without an answer'));
    eachLine(socket, (line) => settle(JSON.parse(line) as ControlAnswer));
    socket.write(`${JSON.stringify({ do: word })}\n`);
  });
}
