/**
 * The only file that knows drachtio-srf. It uses srf's lower half: the connection, requests,
 * responses and the middleware chain. Dialog objects of srf are not used, because they die with
 * their connection, block after a failed re-INVITE and never end a subscription; the SIP server
 * keeps the dialogs, and an id is all that is needed to speak in them.
 *
 * Comes in: frames of the server. Goes out: `Stack` (port.ts). Every promise here settles within
 * a deadline, and a lost connection settles everything that was waiting.
 */
import Srf from 'drachtio-srf';
import { joinWrites } from '../shared/one-write.ts';
import { SipdWords, wordsOf } from './sipd-words.ts';
import type { Pending } from './sipd-words.ts';
import type {
  Headers,
  Sipd,
  IncomingRequest,
  IncomingResponse,
  OutgoingRequest,
  Responded,
  Response,
  SipLog,
  Stack,
  TransactionEvents,
} from './port.ts';
import { cancellationOf, linesOf, readerOf } from './srf-messages.ts';
import type { SrfRequest, SrfReceived, SrfResponse, SrfInstance } from './srf-shapes.ts';

/** Methods the server hands to us outside of dialogs; in-dialog requests come in any case. */
const ROUTED = [
  'invite',
  'options',
  'register',
  'subscribe',
  'notify',
  'message',
  'info',
  'publish',
  'refer',
] as const;

const PING_INTERVAL_MS = 10_000;
/** A server that does not answer a ping or an order within this long is taken as gone. */
const SERVER_DEADLINE_MS = 5_000;
const RECONNECT_MAX_DELAY_MS = 2_000;
const CLOSE_MAX_MS = 500;
/** Requests that may wait until we are ready for them; sipd itself holds fewer. */
const EARLY_MAX = 10_000;
/** To sipd: we take over from whoever had these tags, and want what he left unanswered. */
const TAGS = ['acd', 'takeover'];

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  readonly log: SipLog;
  /** How long the first connection may take, ms. */
  readonly firstDeadlineMs?: number;
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function codeOf(error: unknown): 'no-dialog' | 'not-sent' {
  return (error as { code?: string }).code === 'ENODIALOG' ? 'no-dialog' : 'not-sent';
}

/** The connection and what waits on it. */
class DrachtioStack implements Stack {
  private readonly srf: SrfInstance = new (Srf as unknown as new () => SrfInstance)();
  private readonly log: SipLog;
  private readonly waiting = new Set<() => void>();
  private listener: ((request: IncomingRequest) => void) | null = null;
  /** Came before there was a listener: held by the server for us, or very early. */
  private readonly early: IncomingRequest[] = [];
  private isSipd = false;
  private words = 0;
  private reconnected: ((awayMs: number) => void) | null = null;
  private lostAt = 0;
  private up = false;
  private everUp = false;
  private closing = false;
  private frozen = false;
  private detail = 'not connected yet';
  private hostports: readonly string[] = [];
  private pingTimer: NodeJS.Timeout | null = null;

  constructor(log: SipLog) {
    this.log = log;
  }

  /** Settles with '' when connected, or with the reason why not. */
  connect(options: ConnectOptions): Promise<string> {
    for (const method of ROUTED) this.srf.use(method, (req, res) => this.take(req, res));
    // Methods without a route of their own still come in dialogs: BYE, ACK, UPDATE, PRACK …
    this.srf.use('*', (req, res) => this.take(req, res));
    const { host, port, secret } = options;
    return new Promise((resolve) => {
      const deadline = setTimeout(() => {
        const told = `no SIP server answers at ${host}:${port} (${this.detail})`;
        resolve(`${told}: start the drachtio-server, or mend sip.drachtio`);
      }, options.firstDeadlineMs ?? 10_000);
      this.srf.on('connect', (error, hostports, version) => {
        if (error) {
          clearTimeout(deadline);
          this.detail = `the SIP server at ${host}:${port} refuses our secret`;
          this.log.error({ host, port }, `${this.detail}: check sip.drachtio.secret`);
          resolve(this.detail);
          return;
        }
        this.isSipd = version?.endsWith('-sipd') === true;
        for (const socket of this.srf.app.client?.mapServer.keys() ?? []) joinWrites(socket);
        this.words = wordsOf(version ?? '');
        // A pong behind our routes' orders tells that requests will be given to us from now on.
        this.ping(() => {
          clearTimeout(deadline);
          this.connected(hostports ?? '');
          resolve('');
        });
      });
      this.srf.on('error', (error) => {
        const detail = textOf(error);
        // srf tries again and again, and fails alike.
        if (detail === this.detail) return;
        this.detail = detail;
        this.log.warn({ host, port, error: this.detail }, 'connection to the SIP server');
      });
      this.srf.on('close', () => this.lost());
      this.srf.connect({
        host,
        port,
        secret,
        tags: TAGS,
        reconnect: { retryMaxDelay: RECONNECT_MAX_DELAY_MS },
      });
    });
  }

  private connected(hostports: string): void {
    this.up = true;
    this.detail = 'connected';
    this.hostports = hostports.split(',').filter(Boolean);
    this.log.info({ addresses: this.hostports }, 'connected to the SIP server');
    if (this.pingTimer !== null) clearInterval(this.pingTimer);
    this.pingTimer = setInterval(() => this.ping(), PING_INTERVAL_MS);
    this.pingTimer.unref();
    if (this.everUp) this.reconnected?.(performance.now() - this.lostAt);
    this.everUp = true;
  }

  private lost(): void {
    if (this.pingTimer !== null) clearInterval(this.pingTimer);
    this.pingTimer = null;
    if (this.up) {
      this.lostAt = performance.now();
      this.detail = 'connection lost, trying again';
      if (!this.closing) this.log.warn({}, 'connection to the SIP server lost');
    }
    this.up = false;
    if (this.frozen) return;
    // srf never calls back what was pending on a dropped connection.
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const give of waiting) give();
  }

  /** srf sends pings but never looks at the answer; a hung server would go unnoticed. */
  private ping(answered: () => void = () => undefined): void {
    const { client } = this.srf.app;
    if (client === undefined) return;
    const { mapServer, wp } = client;
    for (const [socket, server] of mapServer) {
      if (!server.ready || socket.destroyed) continue;
      const overdue = setTimeout(() => {
        this.log.warn({}, 'the SIP server does not answer pings: connecting anew');
        socket.destroy();
      }, SERVER_DEADLINE_MS);
      overdue.unref();
      const forget = () => clearTimeout(overdue);
      socket.once('close', forget);
      server.pendingRequests.set(wp.send(socket, 'ping'), () => {
        forget();
        socket.off('close', forget);
        answered();
      });
    }
  }

  private take(req: SrfRequest, res: SrfResponse): void {
    // Unanswered: the server gives it to the next process.
    if (this.frozen) return;
    const request = this.incoming(req, res);
    if (this.listener !== null) this.give(request, this.listener);
    else if (this.early.length < EARLY_MAX) this.early.push(request);
    else void request.respond({ status: 503, reason: 'Starting', headers: RETRY_SOON });
  }

  private give(request: IncomingRequest, listener: (request: IncomingRequest) => void): void {
    try {
      listener(request);
    } catch (error) {
      // A handler's bug costs its own request, never the process.
      this.log.error({ method: request.method, error: textOf(error) }, 'request handler failed');
      void request.respond({ status: 500, reason: 'Server Internal Error' });
    }
  }

  private incoming(req: SrfRequest, res: SrfResponse): IncomingRequest {
    const own = req.source === 'application';
    return {
      ...readerOf(req),
      method: req.method,
      uri: req.uri,
      dialogId: req.stackDialogId ?? '',
      source: own ? 'server' : 'network',
      sourceHost: req.source_address,
      sourcePort: req.source_port,
      protocol: req.protocol,
      isOfRegistrar: this.isSipd && req.sessionToken === 'registrar',
      respond: (response) =>
        // Requests the server made itself have nobody to answer to.
        own || req.method === 'ACK'
          ? Promise.resolve({ ok: true, dialogId: req.stackDialogId ?? '' })
          : this.respond(res, response),
      onCancel: cancellationOf(req),
    };
  }

  /** What we leave unsaid sipd has the next process say; a drachtio-server would have nobody. */
  private get isLeft(): boolean {
    return this.frozen && this.isSipd;
  }

  private respond(res: SrfResponse, response: Response): Promise<Responded> {
    if (this.isLeft) return Promise.resolve(HANDED_OVER);
    return new Promise((resolve) => {
      const settle = (outcome: Responded): void => {
        clearTimeout(deadline);
        this.waiting.delete(gone);
        resolve(outcome);
      };
      const lost = (detail: string): void => settle({ ok: false, detail, isLost: true });
      const gone = (): void => lost('connection lost');
      const deadline = setTimeout(
        () => lost('the SIP server did not confirm the response'),
        SERVER_DEADLINE_MS,
      );
      this.waiting.add(gone);
      const options = { headers: linesOf(response.headers ?? {}), body: response.body };
      try {
        res.send(response.status, response.reason, options, (error) => {
          if (!error) settle({ ok: true, dialogId: res.stackDialogId ?? '' });
          // The server's own words come as text, srf's about its connection as an Error.
          else settle({ ok: false, detail: textOf(error), isLost: error instanceof Error });
        });
      } catch (error) {
        lost(textOf(error));
      }
    });
  }

  private pending(events: TransactionEvents): Pending {
    let ended = false;
    const finish = (act: () => void): void => {
      if (ended || this.frozen) return;
      ended = true;
      clearTimeout(deadline);
      this.waiting.delete(gone);
      this.guard(act);
    };
    const gone = (): void => finish(() => events.failed('connection-lost', 'connection lost'));
    // The echo must come at once; the transaction's own timers are the server's (64·T1).
    const deadline = setTimeout(
      () => finish(() => events.failed('not-sent', 'the SIP server did not confirm the request')),
      SERVER_DEADLINE_MS,
    );
    this.waiting.add(gone);
    return {
      get isOver() {
        return ended;
      },
      confirmed: () => clearTimeout(deadline),
      finish,
    };
  }

  /** Gives the responses to a request that the server has. */
  private follow(req: SrfRequest, events: TransactionEvents, pending: Pending): void {
    req.on('response', (res, ack) => {
      const response = this.received(res, ack);
      if (this.frozen) return;
      if (res.status < 200) this.guard(() => events.provisional(response));
      else pending.finish(() => events.final(response));
    });
    // UPDATE before the final answer (RFC 3311 §5.2): no offer can be answered that early.
    req.on('update', (update, res) => {
      const hasOffer = (update.body ?? '') !== '';
      const notYet = { status: 500, reason: 'Not Yet', headers: RETRY_SOON };
      void this.respond(res, hasOffer ? notYet : { status: 200, reason: 'OK' });
    });
    this.guard(() => events.sent(this.sent(req)));
  }

  send(request: OutgoingRequest, events: TransactionEvents): void {
    if (this.isLeft) return;
    const pending = this.pending(events);
    const options = {
      method: request.method,
      // srf insists on a URI; the server replaces this one by the dialog's remote target.
      uri: request.uri ?? 'sip:placeholder',
      headers: { ...request.headers },
      ...(request.body === undefined ? {} : { body: request.body }),
      ...(request.nextHop === undefined ? {} : { proxy: request.nextHop }),
      ...(request.dialogId === undefined ? {} : { stackDialogId: request.dialogId }),
    };
    try {
      this.srf.request(options, (error, req) => {
        pending.confirmed();
        if (error || req === undefined)
          pending.finish(() => events.failed(codeOf(error), textOf(error)));
        else if (!pending.isOver) this.follow(req, events, pending);
        // Confirmed after we had given up on it: nobody waits for its answer any more.
        else if (request.method === 'INVITE') this.sent(req).cancel();
      });
    } catch (error) {
      pending.finish(() => events.failed('not-sent', textOf(error)));
    }
  }

  private guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.log.error({ error: textOf(error) }, 'response handler failed');
    }
  }

  private sent(req: SrfRequest): Parameters<TransactionEvents['sent']>[0] {
    return {
      ...readerOf(req),
      uri: req.uri,
      transaction: req.stackTxnId,
      // By its transaction id, not by srf's request: that one dies with its connection, while
      // the server goes on with the transaction.
      cancel: (headers?: Headers) => this.cancelTransaction(req.stackTxnId, headers ?? {}, req.uri),
    };
  }

  cancelTransaction(stackTxnId: string, headers: Headers, uri = 'sip:placeholder'): void {
    if (this.isLeft) return;
    const cancel = { method: 'CANCEL', uri, stackTxnId, headers: { ...headers } };
    const failed = (error: unknown): void =>
      this.log.debug({ error: textOf(error) }, 'CANCEL was not sent');
    try {
      this.srf.request(cancel, (error) => {
        if (error) failed(error);
      });
    } catch (error) {
      failed(error);
    }
  }

  sipd(): Sipd | null {
    if (!this.isSipd) return null;
    const line = {
      agent: () => this.srf.app.client,
      pending: (events: TransactionEvents) => this.pending(events),
      follow: (req: SrfRequest, events: TransactionEvents, pending: Pending) =>
        this.follow(req, events, pending),
    };
    return new SipdWords(line, this.log, this.words);
  }

  private received(res: SrfReceived, ack: (options?: object) => void): IncomingResponse {
    return {
      ...readerOf(res),
      status: res.status,
      reason: res.reason,
      // Answers that the server made itself (408, 503) carry no peer address.
      local: res.source_address === '',
      sourceHost: res.source_address,
      sourcePort: res.source_port,
      dialogId: res.stackDialogId ?? '',
      acknowledge: (body) =>
        this.guard(() =>
          ack(body === undefined ? {} : { body, headers: { 'Content-Type': 'application/sdp' } }),
        ),
    };
  }

  onRequest(listener: (request: IncomingRequest) => void): void {
    this.listener = listener;
    for (const request of this.early.splice(0)) this.give(request, listener);
  }

  onReconnected(listener: (awayMs: number) => void): void {
    this.reconnected = listener;
  }

  addresses(): readonly string[] {
    return this.hostports;
  }

  health(): { up: boolean; detail: string } {
    return { up: this.up, detail: this.detail };
  }

  freeze(): void {
    this.frozen = true;
  }

  close(): Promise<void> {
    this.closing = true;
    if (this.pingTimer !== null) clearInterval(this.pingTimer);
    const { client } = this.srf.app;
    if (client !== undefined) {
      // srf's own disconnect throws without a connection, and then keeps connecting.
      client.wp.closing = true;
      clearTimeout(client.wp.reconnectVars?.retryTimer ?? undefined);
      for (const socket of client.mapServer.keys()) {
        // drachtio-server may give one more call to a client that left with requests under way.
        // Without these orders sipd holds new calls for the client that comes next.
        const leaves = this.frozen ? [] : ROUTED;
        for (const method of leaves) client.wp.send(socket, `remove_route|${method}`);
        socket.end();
        setTimeout(() => socket.destroy(), CLOSE_MAX_MS).unref();
      }
    }
    this.lost();
    return Promise.resolve();
  }
}

const HANDED_OVER: Responded = { ok: false, detail: 'handed over', isLost: true };

const RETRY_SOON: Headers = { 'Retry-After': '2' };

/** Connects; `ok: false` with one clear text where the server is not there or refuses us. */
export async function connectStack(
  options: ConnectOptions,
): Promise<
  { readonly ok: true; readonly stack: Stack } | { readonly ok: false; readonly detail: string }
> {
  const stack = new DrachtioStack(options.log);
  const fault = await stack.connect(options);
  if (fault === '') return { ok: true, stack };
  await stack.close();
  return { ok: false, detail: fault };
}
