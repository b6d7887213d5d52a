/**
 * What sipd keeps for a client that was restarted, over the same connection as everything else:
 * frames that only it knows (`dialogs`, `cancel`, `resume`; and `busy`), each with a deadline and
 * one outcome.
 * A real drachtio-server closes the connection on them, so they are sent only to a server whose
 * version says that it is sipd.
 */
import { EventEmitter } from 'node:events';
import type { DialogSdp } from '../media/port.ts';
import type {
  EndedDialog,
  Headers,
  HeldDialog,
  Sipd,
  Inventory,
  SipLog,
  TransactionEvents,
} from './port.ts';
import type { SrfAgent, SrfReceived, SrfRequest, SrfSocket } from './srf-shapes.ts';

const ANSWER_MAX_MS = 5_000;
/** sipd waits for the end of a server before us that only says nothing: for 15 s. */
const CALLS_MAX_MS = 20_000;
/** sipd gives 500 dialogs a page, and has fewer than this many pages. */
const PAGES_MAX = 1_000;

/** A request of ours between its sending and its outcome. */
export interface Pending {
  readonly isOver: boolean;
  /** The server has it: from now on its own timers count. */
  confirmed(): void;
  /** The one outcome. */
  finish(act: () => void): void;
}

/** What the connection gives to this part of it. */
export interface Line {
  agent(): SrfAgent | undefined;
  pending(events: TransactionEvents): Pending;
  follow(request: SrfRequest, events: TransactionEvents, pending: Pending): void;
}

type Told =
  HeldDialog | { readonly dialogId: string; readonly ended: Omit<EndedDialog, 'dialogId'> };

/** Which words the sipd of that version knows; it closes at what it knows not. */
export function wordsOf(version: string): number {
  return Number(/^v0\.9\.(\d+)-sipd$/.exec(version)?.[1] ?? 0);
}

/** `users` and `ban`; `silences`: see sipd/commands.ts. */
const [GUARD, SILENCES] = [11, 12];

export class SipdWords implements Sipd {
  private readonly line: Line;
  private readonly log: SipLog;
  private readonly words: number;

  /** `words`: after an upgrade in place sipd may be older than we are. */
  constructor(line: Line, log: SipLog, words = Infinity) {
    this.line = line;
    this.log = log;
    this.words = words;
  }

  async inventory(): Promise<Inventory | null> {
    const held: HeldDialog[] = [];
    const ended: EndedDialog[] = [];
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const answer = await (page === 0
        ? this.ask('dialogs', CALLS_MAX_MS)
        : this.ask('dialogs|next'));
      if (answer?.[0] !== 'OK') {
        this.log.error({ answer: answer?.[1] ?? 'none' }, 'the SIP server did not tell its calls');
        return null;
      }
      for (const one of JSON.parse(answer[1] ?? '[]') as Told[]) {
        if ('ended' in one) ended.push({ dialogId: one.dialogId, ...one.ended });
        else held.push(one);
      }
      if (answer[2] !== 'next') return { held, ended, restoredAt: Number(answer[3] ?? 0) };
    }
    this.log.error({ pages: PAGES_MAX }, 'the SIP server tells of more calls than it can have');
    return null;
  }

  async sdp(dialogId: string): Promise<DialogSdp | null> {
    const answer = await this.ask(`sdp|${dialogId}`);
    if (answer?.[0] !== 'OK') return null;
    const { localSdp = '', remoteSdp = '' } = JSON.parse(answer[1] ?? '{}') as Partial<DialogSdp>;
    return { localSdp, remoteSdp };
  }

  cancel(dialogId: string, headers: Headers): void {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const text = `cancel|${dialogId}\r\nCANCEL sip:placeholder SIP/2.0\r\n${lines.join('')}\r\n`;
    void this.ask(text).then((answer) => {
      this.log.debug({ dialogId, answer: answer?.join(' ') ?? 'none' }, 'old INVITE taken back');
    });
  }

  async refuseCalls(ms: number): Promise<number> {
    const answer = await this.ask(`busy|${ms}`);
    return answer?.[0] === 'OK' ? Number(answer[1]) : 0;
  }

  tellUsers(users: readonly string[]): Promise<void> {
    return this.order(`users|${users.join(',')}`);
  }

  ban(address: string, ms: number): Promise<void> {
    return this.order(`ban|${address}|${Math.ceil(ms)}`);
  }

  async silences(): Promise<number | null> {
    if (this.words < SILENCES) return null;
    const answer = await this.ask('silences');
    return answer?.[0] === 'OK' ? Number(answer[1]) : null;
  }

  /** A sipd of before goes on as it did until the next start. */
  private async order(text: string): Promise<void> {
    if (this.words < GUARD) return;
    const answer = await this.ask(text);
    if (answer?.[0] === 'OK') return;
    const told = { order: text.split('|')[0], answer: answer?.join(' ') ?? 'none' };
    this.log.warn(told, 'the SIP server did not do as it was told');
  }

  resume(dialogId: string, events: TransactionEvents): void {
    const pending = this.line.pending(events);
    const isAsked = this.send(`resume|${dialogId}`, ([verdict, transaction = ''], socket) => {
      if (pending.isOver) return;
      pending.confirmed();
      if (verdict !== 'OK') {
        pending.finish(() => events.failed('no-dialog', transaction));
        return;
      }
      // Before the next frame is read: the last response may be right behind this answer.
      const request = resumedRequest(transaction);
      const server = this.line.agent()?.mapServer.get(socket);
      server?.pendingSipRequests.set(transaction, { req: request });
      this.line.follow(request, events, pending);
    });
    if (!isAsked) pending.finish(() => events.failed('not-sent', 'no connection'));
  }

  /** null: no answer in time, or no connection. */
  private ask(text: string, maxMs = ANSWER_MAX_MS): Promise<readonly string[] | null> {
    return new Promise((resolve) => {
      // After a pause of our own the answer may lie in the socket: it is read first.
      const overdue = setTimeout(() => setImmediate(resolve, null), maxMs);
      const isAsked = this.send(text, (answer) => {
        clearTimeout(overdue);
        resolve(answer);
      });
      if (isAsked) return;
      clearTimeout(overdue);
      resolve(null);
    });
  }

  private send(
    text: string,
    answered: (answer: readonly string[], socket: SrfSocket) => void,
  ): boolean {
    const agent = this.line.agent();
    for (const [socket, server] of agent?.mapServer ?? []) {
      if (!server.ready || socket.destroyed || agent === undefined) continue;
      const id = agent.wp.send(socket, text);
      server.pendingRequests.set(id, (answer) => answered(answer ?? [], socket));
      return true;
    }
    return false;
  }
}

/** Stands for the request that a process before us sent: srf gives it the responses. */
function resumedRequest(transaction: string): SrfRequest {
  const request = new EventEmitter();
  let last: SrfReceived | null = null;
  request.on('response', (response: SrfReceived) => (last = response));
  return Object.assign(request, {
    method: 'INVITE',
    uri: 'sip:placeholder',
    stackTxnId: transaction,
    source: 'application',
    source_address: '',
    source_port: 0,
    protocol: '',
    // A response repeats what is asked of the request: CSeq for a PRACK (RFC 3262 §4).
    get: (name: string) => last?.get(name),
    // srf copies what a response must repeat; these responses are complete.
    has: () => false,
  });
}
