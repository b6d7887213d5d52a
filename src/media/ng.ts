/**
 * Commands to one rtpengine, over `rtpengine-client`, with the promises that package does not
 * keep: every request has one outcome within its deadline, and it is a value. What is made up for:
 *
 * - It sends each command once. The ng protocol runs over UDP and expects the same datagram again
 *   until a reply comes; the engine knows it by its cookie and executes it once. So the datagram
 *   is caught as it leaves the client's socket and repeated from there, cookie and all.
 * - Replies that come late or twice make it print to the console and raise `error`. They are
 *   dropped before they reach it.
 * - Errors of the engine resolve like success. Here they are `refused`.
 *
 * What could not be made up for: engines are reached over IPv4 only.
 */
import library from 'rtpengine-client';

export type NgCommand = 'ping' | 'offer' | 'answer' | 'query' | 'delete';
/** Parameters of a command: keys are rtpengine's, with their blanks. */
export type NgParams = Readonly<Record<string, string | number | readonly string[] | object>>;

/**
 * `refused`: the engine answered with an error, `detail` is its text. `timeout`: no reply to any
 * of the datagrams. `limit`: too many requests under way. `unsent`: the local socket failed, or
 * the client was closed.
 */
export type NgResult =
  | { readonly ok: true; readonly reply: Readonly<Record<string, unknown>> }
  | {
      readonly ok: false;
      readonly why: 'refused' | 'timeout' | 'limit' | 'unsent';
      readonly detail: string;
    };

export interface NgClient {
  /** Sends a command; settles once, within the deadline, and never rejects. */
  request(command: NgCommand, params: NgParams): Promise<NgResult>;
  /** Replies that nobody waited for any more, and datagrams that were no reply at all. */
  readonly strays: () => number;
  /** Settles what is under way as `unsent` and closes the socket. */
  close(): void;
}

export interface NgOptions {
  readonly host: string;
  readonly port: number;
  /** Time for one command, all repetitions included. */
  readonly deadlineMs?: number;
  /** When the datagram is repeated, counted from the first. */
  readonly repeatAtMs?: readonly number[];
}

const NG_DEADLINE_MS = 2000;
const REPEAT_AT_MS = [250, 500, 1000];
/** Requests under way to one engine; a further one is refused as `limit`. */
const MAX_PENDING = 2000;
/** rtpengine-client makes its cookies of UUIDs. */
const COOKIE_LENGTH = 36;

/** The client with its socket taken in hand: what leaves can be repeated, strays stay outside. */
function guardedClient(options: NgOptions) {
  const client = new library.Client({
    timeout: options.deadlineMs ?? NG_DEADLINE_MS,
    // An engine on this machine needs no socket that others can reach.
    ...(options.host.startsWith('127.') ? { localAddress: '127.0.0.1' } : {}),
  });
  const { socket } = client;
  const awaited = new Set<string>();
  let strays = 0;
  let lastSent: Buffer | null = null;

  const send = socket.send.bind(socket) as (
    message: Buffer,
    port: number,
    host: string,
    done: (error: Error | null) => void,
  ) => void;
  Object.assign(socket, {
    send(message: Buffer, port: number, host: string, done: (error: Error | null) => void) {
      lastSent = message;
      send(message, port, host, done);
    },
  });

  const receivers = socket.listeners('message');
  socket.removeAllListeners('message');
  socket.on('message', (message: Buffer, from) => {
    // `delete` also keeps the second of two replies out.
    const wanted = awaited.delete(message.toString('latin1', 0, COOKIE_LENGTH));
    const dictionary = message[COOKIE_LENGTH + 1] === 0x64 && message.at(-1) === 0x65; // "d…e"
    if (wanted && dictionary) for (const receive of receivers) receive.call(socket, message, from);
    else strays += 1;
  });
  // Without a listener an error of the socket would end the process; requests tell by timing out.
  client.on('error', () => {
    strays += 1;
  });

  return {
    client,
    awaited,
    strays: () => strays,
    /** Runs the client's call, which sends at once, and gives the datagram that left. */
    catchDatagram<T>(call: () => T): { readonly result: T; readonly datagram: Buffer } {
      lastSent = null;
      const result = call();
      const datagram = lastSent as Buffer | null;
      if (datagram === null) throw new Error('rtpengine-client did not send within the call');
      return { result, datagram };
    },
    repeat: (datagram: Buffer) => {
      // A repetition that cannot be sent changes nothing: the deadline decides.
      send(datagram, options.port, options.host, () => undefined);
    },
  };
}

function asResult(reply: Record<string, unknown>): NgResult {
  if (reply['result'] === 'ok' || reply['result'] === 'pong') return { ok: true, reply };
  // Beside `error` there is `load limit`, which says why in `message`.
  const text = reply['error-reason'] ?? reply['message'] ?? reply['result'];
  return { ok: false, why: 'refused', detail: typeof text === 'string' ? text : 'no reason given' };
}

function asFailure(error: unknown): NgResult {
  const detail = error instanceof Error ? error.message : String(error);
  return { ok: false, why: detail.startsWith('rtpengine timeout') ? 'timeout' : 'unsent', detail };
}

/** A client for one engine; holds one UDP socket until it is closed. */
export function createNgClient(options: NgOptions): NgClient {
  const guard = guardedClient(options);
  const target = { host: options.host, port: options.port };
  const pending = new Set<(result: NgResult) => void>();
  let closed = false;

  function request(command: NgCommand, params: NgParams): Promise<NgResult> {
    if (closed) return Promise.resolve({ ok: false, why: 'unsent', detail: 'closed' });
    if (pending.size >= MAX_PENDING) {
      return Promise.resolve({ ok: false, why: 'limit', detail: `${MAX_PENDING} under way` });
    }
    const { result, datagram } = guard.catchDatagram(() => guard.client[command](target, params));
    const cookie = datagram.toString('latin1', 0, COOKIE_LENGTH);
    guard.awaited.add(cookie);
    return new Promise((resolve) => {
      const repeats = (options.repeatAtMs ?? REPEAT_AT_MS).map((ms) =>
        setTimeout(() => guard.repeat(datagram), ms),
      );
      const settle = (outcome: NgResult) => {
        for (const repeat of repeats) clearTimeout(repeat);
        guard.awaited.delete(cookie);
        pending.delete(settle);
        resolve(outcome);
      };
      pending.add(settle);
      result.then(
        (reply) => settle(asResult(reply)),
        (error: unknown) => settle(asFailure(error)),
      );
    });
  }

  return {
    request,
    strays: guard.strays,
    close() {
      if (closed) return;
      closed = true;
      for (const settle of [...pending]) settle({ ok: false, why: 'unsent', detail: 'closed' });
      guard.client.close();
    },
  };
}
