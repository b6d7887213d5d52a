/** A SIP stack in the test's hands: what is sent is kept, what comes back the test says. */
import type { DialogSdp } from '../../../src/media/port.ts';
import type {
  EndedDialog,
  Headers,
  HeldDialog,
  Sipd,
  IncomingRequest,
  IncomingResponse,
  Inventory,
  OutgoingRequest,
  Responded,
  Response,
  Stack,
  TransactionEvents,
} from '../../../src/sip/port.ts';
import { waitFor } from './fakes.ts';

export class Transaction {
  readonly request: OutgoingRequest;
  readonly cancels: Headers[] = [];
  acks = 0;
  private readonly events: TransactionEvents;

  constructor(request: OutgoingRequest, events: TransactionEvents) {
    this.request = request;
    this.events = events;
  }

  header(name: string): string {
    const entries = Object.entries(this.request.headers ?? {});
    return entries.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1] ?? '';
  }

  /** The server's echo: it left. */
  echo(): void {
    this.events.sent({
      uri: this.request.uri ?? 'sip:remote@target',
      transaction: 'transaction',
      body: this.request.body ?? '',
      header: (name) => this.header(name) || (name === 'CSeq' ? `1 ${this.request.method}` : ''),
      cancel: (headers = {}) => this.cancels.push(headers),
    });
  }

  /** `own`: the reason of the server's own answer, as the network brought none. */
  answer(status: number, headers: Headers = {}, body = '', own = ''): void {
    const response: IncomingResponse = {
      status,
      reason: own || `Reason ${status}`,
      local: own !== '',
      sourceHost: '127.0.0.1',
      sourcePort: 5060,
      dialogId: '',
      body,
      header: (name) => headers[name] ?? '',
      acknowledge: () => (this.acks += 1),
    };
    if (status < 200) this.events.provisional(response);
    else this.events.final(response);
  }

  fail(code: 'no-dialog' | 'not-sent' | 'connection-lost', detail: string = code): void {
    this.events.failed(code, detail);
  }
}

/** What a SIP server has kept for us; the test fills it, and sees what is done with it. */
export class FakeSipd implements Sipd {
  readonly held: HeldDialog[] = [];
  readonly ended: EndedDialog[] = [];
  readonly sdps = new Map<string, DialogSdp>();
  readonly cancelled: string[] = [];
  readonly resumed: Transaction[] = [];
  restoredAt = 0;
  toldAt: number | null = null;
  /** It does not tell in time. */
  isSilent = false;
  /** Until then what it tells is under way. */
  arrives: Promise<void> = Promise.resolve();

  async inventory(): Promise<Inventory | null> {
    const { held, ended, restoredAt, toldAt } = this;
    const told = this.isSilent ? null : { held: [...held], ended: [...ended], restoredAt, toldAt };
    await this.arrives;
    return told;
  }

  sdp(dialogId: string): Promise<DialogSdp | null> {
    return Promise.resolve(this.sdps.get(dialogId) ?? null);
  }

  cancel(dialogId: string): void {
    this.cancelled.push(dialogId);
  }

  refuseCalls(): Promise<number> {
    return Promise.resolve(0);
  }

  readonly banned: [string, number][] = [];
  users: readonly string[] = [];

  async tellUsers(users: readonly string[]): Promise<void> {
    this.users = users;
  }

  async ban(address: string, ms: number): Promise<void> {
    this.banned.push([address, ms]);
  }

  left = 0;

  async silences(): Promise<number> {
    return this.left;
  }

  resume(dialogId: string, events: TransactionEvents): void {
    this.resumed.push(new Transaction({ method: 'INVITE', dialogId }, events));
  }
}

export class FakeStack implements Stack {
  readonly sent: Transaction[] = [];
  readonly transactionsCancelled: string[] = [];
  /** null: a drachtio-server. */
  kept: FakeSipd | null = null;
  private readonly watchers = new Set<() => void>();
  private listener: ((request: IncomingRequest) => void) | null = null;
  private readonly early: IncomingRequest[] = [];
  /** The connection to the SIP server is back after so long. */
  reconnected: (awayMs: number) => void = () => undefined;

  send(request: OutgoingRequest, events: TransactionEvents): void {
    this.sent.push(new Transaction(request, events));
    for (const watch of [...this.watchers]) watch();
  }

  of(method: string): Transaction[] {
    return this.sent.filter((each) => each.request.method === method);
  }

  /** The count-th transaction of that method, as soon as it is there. */
  wait(method: string, count = 1): Promise<Transaction> {
    return waitFor(() => this.of(method)[count - 1], this.watchers);
  }

  onRequest(listener: (request: IncomingRequest) => void): void {
    this.listener = listener;
    for (const request of this.early.splice(0)) listener(request);
  }

  cancelTransaction(transaction: string): void {
    this.transactionsCancelled.push(transaction);
  }

  sipd(): Sipd | null {
    return this.kept;
  }

  onReconnected(listener: (awayMs: number) => void): void {
    this.reconnected = listener;
  }

  addresses = (): string[] => ['udp/127.0.0.1:5071'];
  health = () => ({ up: true, detail: '' });
  freeze = (): void => undefined;
  close = (): Promise<void> => Promise.resolve();

  /** A request from the network; keeps how it was answered. */
  receive(method: string, headers: Headers, more: Partial<IncomingRequest> = {}): Incoming {
    const incoming = new Incoming(method, headers, more);
    if (this.listener === null) this.early.push(incoming.request);
    else this.listener(incoming.request);
    return incoming;
  }
}

export class Incoming {
  readonly request: IncomingRequest;
  readonly answers: Response[] = [];
  outcome: Responded = { ok: true, dialogId: '' };
  private cancelled: (() => void) | null = null;
  private readonly watchers = new Set<() => void>();

  constructor(method: string, headers: Headers, more: Partial<IncomingRequest>) {
    const find = (name: string): string =>
      Object.entries(headers).find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1] ??
      '';
    this.request = {
      method,
      uri: 'sip:queue1@acd',
      dialogId: '',
      source: 'network',
      sourceHost: '127.0.0.1',
      sourcePort: 6000,
      protocol: 'udp',
      body: '',
      header: find,
      respond: (response) => {
        this.answers.push(response);
        for (const watch of [...this.watchers]) watch();
        return Promise.resolve(this.outcome);
      },
      onCancel: (listener) => {
        this.cancelled = () => listener({ header: () => '', body: '' });
      },
      ...more,
    };
  }

  /** As the stack does: the server has answered 487, what we answer from now on is not sent. */
  cancel(): void {
    this.outcome = { ok: false, detail: 'unknown transaction', isLost: false };
    this.cancelled?.();
  }

  answered(): Promise<Response> {
    return waitFor(() => this.answers[0], this.watchers);
  }
}
