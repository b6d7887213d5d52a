/**
 * One subscription to one event package of one phone (RFC 6665), kept alive: SUBSCRIBE with digest,
 * NOTIFYs whichever way they cross, refresh before expiry, anew after 481, `terminated`, timeouts,
 * with growing pauses; given up only where the phone says it has no such thing. Its Call-ID names
 * device and package, so that a process that takes over finds it and goes on with it.
 */
import type { DeviceState } from '../core/types.ts';
import { dialogIdOf, newTag, TRANSACTION_DEADLINE_MS } from './client.ts';
import type { RequestOutcome } from './client.ts';
import type { EdgeContext } from './context.ts';
import { clean, mediaType, nameAddr, parseParams, seconds, tagIn } from './headers.ts';
import { NotifyOrder } from './notify-order.ts';
import { ACCEPT, callIdPrefix, type Package } from './packages.ts';
import { DialogTable, readPidf } from './presence-documents.ts';
import type { IncomingRequest, OutgoingRequest } from './port.ts';
import type { Route } from './routes.ts';

/** "I have no such thing": 405, 489, 501, 603, and what phones say in their place. */
const REFUSED = new Set([400, 403, 404, 405, 406, 415, 416, 420, 489, 501, 603, 604, 606]);
/** After a success only these mean that the phone will never again tell (RFC 5057 §5). */
const REFUSED_LATER = new Set([405, 489, 501, 603]);

const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 60_000;
/** The SIP server went down in the midst of a refresh: it is tried so often in its dialog. */
const HELD_TRIES = 5;
/** After a 2xx the first NOTIFY must come (RFC 6665 §4.1.2.4, timer N). */
const NOTIFY_MAX_MS = 32_000;
const UNSUBSCRIBE_MAX_MS = 5_000;
/** The SIP server was away: its end is asked for again so soon, and so often in all. */
const UNSUBSCRIBE_AGAIN_MS = 1_000;
const UNSUBSCRIBE_TRIES = 5;
const LAST_NOTIFY_MS = 2_000;
/** One that held so long ended for a reason of its own; sooner, its end counts as a failure. */
const STEADY_MS = 30_000;
/** Longest life that a phone may demand, seconds. */
const EXPIRES_MAX_S = 86_400;

export type SubscriptionStatus =
  | 'asking' // the first SUBSCRIBE has no outcome yet
  | 'active'
  | 'refused' // no such package at this phone
  | 'lost'; // was active or unanswered; tried again

type Told = 'nobody' | 'a process before us' | 'us';
export interface SubscriptionView {
  readonly status: SubscriptionStatus;
  /** The phone accepted it at least once; `isAnswered`: it or its refresh, from us. */
  readonly wasAccepted: boolean;
  readonly isAnswered: boolean;
  /** Whom a NOTIFY has told anything. */
  readonly told: Told;
  /** What the last readable document says; null: nothing yet. */
  readonly state: DeviceState | null;
  /** A NOTIFY came, but without a statement (RFC 6665 §4.2.2, neutral state). */
  readonly isSilent: boolean;
  /** Why it is lost or refused, for the journal: `481`, `timeout`, `terminated`. */
  readonly cause: string;
}

export interface SubscriptionOptions {
  readonly context: EdgeContext;
  readonly event: Package;
  readonly deviceUri: string;
  /** Dialog of one that a process before us made; null: begin anew. */
  readonly heldDialogId: string | null;
  /** Looked up anew for each SUBSCRIBE; null: cannot be reached now. */
  readonly route: () => Route | null;
  readonly isOurs: (callId: string) => boolean;
  readonly changed: () => void;
}

export class Subscription {
  private readonly options: SubscriptionOptions;
  private status: SubscriptionStatus = 'asking';
  private wasAccepted = false;
  private told: Told = 'nobody';
  private value: DeviceState | null = null;
  private isSilent = false;
  private cause = '';
  private table = new DialogTable();
  /** A part came of which the whole is not known. */
  private isGapped = false;
  /** Asked for; a phone may want more. */
  private expiresS: number;
  /** When it, or its refresh, was first accepted, ms of the runtime; 0: it is not. */
  private acceptedAt = 0;
  /** Tag of the phone; '': not known. */
  private peerTag = '';
  private dialogId = '';
  private established = false;
  private readonly order = new NotifyOrder();
  private failures = 0;
  private timer: NodeJS.Timeout | null = null;
  /** The SUBSCRIBE whose outcome counts; null: none is under way. */
  private asking: object | null = null;
  private ended = false;

  constructor(options: SubscriptionOptions) {
    this.options = options;
    this.expiresS = Math.max(1, Math.round(options.context.config.sip.subscribeExpiresMs / 1000));
    if (options.heldDialogId === null) void this.subscribe();
    else this.takeOver(options.heldDialogId);
  }

  private get busy(): boolean {
    return this.asking !== null;
  }

  /** Sends it in the dialog of now. One that was given up for the next says nothing of that. */
  private async ask(request: OutgoingRequest, { uri, credentials }: Route): Promise<void> {
    const { client, log } = this.options.context;
    const { dialogId } = this;
    this.asking = request;
    const options = { credentials, deadlineMs: TRANSACTION_DEADLINE_MS };
    const outcome = await client.request(request, options);
    log.debug({ uri, event: this.options.event, ...brief(outcome) }, 'SUBSCRIBE');
    // In one go with what comes of it: nobody may find it neither under way nor judged.
    if (this.asking === request) this.asking = null;
    // A NOTIFY may have ended it before its answer was here; then another is under way.
    if (this.dialogId === dialogId) this.judge(outcome);
  }

  /** The dialog is there; what the phone last said is not. A refresh makes it say it again. */
  private takeOver(dialogId: string): void {
    this.own(dialogId);
    this.established = true;
    this.wasAccepted = true;
    this.told = 'a process before us';
    this.status = 'active';
    void this.refresh();
  }

  private own(dialogId: string): void {
    this.dialogId = dialogId;
    this.options.context.dialogs.add(
      dialogId,
      (request) => this.take(request),
      () => this.askAgain(),
    );
  }

  /** A refresh: who is asked tells all that he knows (RFC 6665 §4.2.1.4). */
  askAgain(): void {
    if (this.established && !this.busy && !this.ended) void this.refresh();
  }

  /**
   * The server gives this dialog's NOTIFYs to nobody any more: another takes its place. What the
   * phone last said counts until it says it again. The old one ends by the 481 of its next NOTIFY.
   */
  beginAnew(): void {
    if (this.established && !this.busy && !this.ended) void this.subscribe();
  }

  view(): SubscriptionView {
    const { status, wasAccepted, told, cause, isSilent, value: state } = this;
    return { status, wasAccepted, isAnswered: this.acceptedAt > 0, told, state, isSilent, cause };
  }

  /** Ends it at the phone too (Expires: 0). Settles when that is answered or 5 s have passed. */
  async end(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    this.clearTimer();
    // A SUBSCRIBE under way ends itself when its outcome is known.
    if (this.established && !this.busy) await this.unsubscribe();
    else if (!this.busy) this.forgetDialog();
  }

  private after(ms: number, act: () => void): void {
    this.clearTimer();
    this.timer = setTimeout(act, ms);
    this.timer.unref();
  }

  private clearTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private forgetDialog(): void {
    this.options.context.dialogs.remove(this.dialogId);
    this.dialogId = '';
    this.established = false;
  }

  private clearValue(): void {
    this.value = null;
    this.isSilent = false;
  }

  /** A new subscription: a dialog of its own. */
  private async subscribe(): Promise<void> {
    const { context, event, deviceUri } = this.options;
    const route = this.options.route();
    if (route === null) return this.lost('no-route');
    this.clearTimer();
    const callId = `${callIdPrefix(deviceUri, event)}${context.runtime.newId()}`;
    const identity = { callId, fromTag: newTag() };
    this.forgetDialog();
    const dialogId = dialogIdOf(identity);
    this.table = new DialogTable();
    this.order.forget();
    Object.assign(this, { peerTag: '', isGapped: false });
    // The owner is there before the SUBSCRIBE leaves: NOTIFY may overtake its 2xx.
    this.own(dialogId);
    const request = {
      method: 'SUBSCRIBE',
      uri: route.uri,
      ...(route.nextHop === null ? {} : { nextHop: route.nextHop }),
      headers: {
        ...this.headers(),
        'Call-ID': identity.callId,
        From: `${nameAddr('', route.account ?? 'sip:acd@localhost')};tag=${identity.fromTag}`,
        To: nameAddr('', route.uri),
      },
    };
    await this.ask(request, route);
  }

  private headers(): Record<string, string> {
    const { event } = this.options;
    return { Event: event, Accept: ACCEPT[event], Expires: String(this.expiresS) };
  }

  /** Refresh in the dialog (RFC 6665 §4.1.2.3). */
  private async refresh(): Promise<void> {
    const route = this.options.route();
    if (route === null) return this.lost('no-route');
    const request = { method: 'SUBSCRIBE', dialogId: this.dialogId, headers: this.headers() };
    await this.ask(request, route);
  }

  private judge(outcome: RequestOutcome): void {
    if (outcome.kind === 'response' && outcome.response.status < 300) {
      this.established = true;
      if (this.ended) return void this.unsubscribe();
      this.peerTag ||= tagIn(outcome.response.header('To'));
      return this.accepted(seconds(outcome.response.header('Expires')));
    }
    // A refresh that came to nothing leaves the dialog as it was.
    if (this.ended) return this.established ? void this.unsubscribe() : this.forgetDialog();
    // Our own server went down in the midst of it: it and the phone still have the dialog.
    const isHeld = outcome.kind === 'lost' && this.established;
    if (isHeld && this.failures < HELD_TRIES) return this.again(() => this.refresh());
    if (outcome.kind !== 'response') return this.lost(outcome.kind);
    const { status } = outcome.response;
    const refusals = this.wasAccepted ? REFUSED_LATER : REFUSED;
    if (refusals.has(status)) return this.refused(String(status));
    if (status === 423 && this.lengthen(seconds(outcome.response.header('Min-Expires')))) {
      const act = () => (this.established ? this.refresh() : this.subscribe());
      // At once, but only once: there may be one that wants ever more.
      return this.again(act, this.failures === 0 ? 0 : null);
    }
    this.lost(String(status), retryAfter(outcome.response.header('Retry-After')));
  }

  /** RFC 3261 §21.4.17: the interval was too brief. False: nothing is won by asking again. */
  private lengthen(least: number | null): boolean {
    if (least === null || least <= this.expiresS || least > EXPIRES_MAX_S) return false;
    this.expiresS = least;
    return true;
  }

  private accepted(expires: number | null): void {
    // It is over as soon as it began: no reason to ask again at once.
    if (expires === 0) return this.lost('expired');
    const wasLost = this.status !== 'active';
    this.status = 'active';
    this.wasAccepted = true;
    this.cause = '';
    if (this.acceptedAt === 0) this.acceptedAt = this.options.context.runtime.now();
    if (!wasLost) this.failures = 0;
    this.schedule(expires ?? this.expiresS);
    if (this.value === null && !this.isSilent) this.awaitFirstNotify();
    // It came before its 2xx.
    if (wasLost && this.isGapped) void this.refresh();
    if (wasLost) this.options.changed();
  }

  private awaitFirstNotify(): void {
    const { dialogId } = this;
    const overdue = setTimeout(() => {
      if (this.ended || this.dialogId !== dialogId || this.value !== null || this.isSilent) return;
      if (this.told !== 'us') this.told = 'nobody';
      this.lost('no-notify');
    }, NOTIFY_MAX_MS);
    overdue.unref();
  }

  /** Refresh well before the end: at nine tenths, at least 5 s before (short ones at half). */
  private schedule(expiresSeconds: number): void {
    const ms = Math.min(expiresSeconds, EXPIRES_MAX_S) * 1000;
    this.after(ms > 20_000 ? Math.min(ms * 0.9, ms - 5_000) : ms / 2, () => void this.refresh());
  }

  private refused(cause: string): void {
    this.clearTimer();
    this.forgetDialog();
    this.status = 'refused';
    this.cause = cause;
    this.clearValue();
    this.options.changed();
  }

  private lost(cause: string, waitMs: number | null = null): void {
    if (this.ended) return;
    this.forgetDialog();
    this.status = 'lost';
    this.cause = cause;
    this.clearValue();
    // Who accepts and ends it again and again is asked ever more seldom.
    const heldMs = this.options.context.runtime.now() - this.acceptedAt;
    if (this.acceptedAt > 0 && heldMs >= STEADY_MS) this.failures = 0;
    this.acceptedAt = 0;
    // 481 after a restart of the PBX: it is there, only our dialog is not; no need to wait.
    const isFirstStale = this.failures === 0 && (cause === '481' || cause === 'terminated');
    this.again(() => this.subscribe(), waitMs ?? (isFirstStale ? 50 : null));
    this.options.changed();
  }

  /** `waitMs` null: the longer the more often it failed. */
  private again(act: () => Promise<void>, waitMs: number | null = null): void {
    const growing = Math.min(BACKOFF_FIRST_MS * 2 ** this.failures, BACKOFF_MAX_MS);
    this.failures = Math.min(this.failures + 1, 10);
    this.after(waitMs ?? growing, () => void act());
  }

  private async unsubscribe(): Promise<void> {
    const { context } = this.options;
    const headers = { ...this.headers(), Expires: '0' };
    const { dialogId } = this;
    const credentials = this.options.route()?.credentials ?? null;
    for (let tries = 1; ; tries += 1) {
      const outcome = await context.client.request(
        { method: 'SUBSCRIBE', dialogId, headers },
        { credentials, deadlineMs: UNSUBSCRIBE_MAX_MS },
      );
      if (outcome.kind !== 'lost' || tries === UNSUBSCRIBE_TRIES) break;
      await new Promise((resolve) => setTimeout(resolve, UNSUBSCRIBE_AGAIN_MS).unref());
    }
    // The final NOTIFY may come behind the 2xx; it is answered until then.
    setTimeout(() => context.dialogs.remove(dialogId), LAST_NOTIFY_MS).unref();
  }

  private take(request: IncomingRequest): void {
    if (request.method !== 'NOTIFY') {
      const isBye = request.method === 'BYE';
      void request.respond(
        isBye ? { status: 200, reason: 'OK' } : { status: 405, reason: 'Method Not Allowed' },
      );
      return;
    }
    const tag = tagIn(request.header('From'));
    // RFC 6665 §4.4.1: a proxy gave our SUBSCRIBE to another phone as well. One is watched.
    const isOther = request.dialogId === '' && this.peerTag !== '' && tag !== this.peerTag;
    if (!isOther) this.peerTag ||= tag;
    const { status, reason } = isOther
      ? { status: 481, reason: 'Subscription Does Not Exist' }
      : this.notified(request);
    void request.respond({ status, reason });
  }

  private notified(request: IncomingRequest): { status: number; reason: string } {
    const { event, context } = this.options;
    const packageName = (request.header('Event').split(';')[0] ?? '').trim().toLowerCase();
    if (packageName !== event) return { status: 489, reason: 'Bad Event' };
    const cseq = seconds(request.header('CSeq')) ?? 0;
    const order = this.order.judge(cseq);
    if (order === 'old') return { status: 500, reason: 'Out Of Order' };
    if (order === 'again') return { status: 200, reason: 'OK' };
    const header = request.header('Subscription-State');
    const state = (header.split(';')[0] ?? '').trim().toLowerCase();
    const params = parseParams(header.slice(state.length));
    const isTerminated = state === 'terminated';
    const understood = this.ended || this.read(request);
    if (!understood) {
      context.log.warn(
        { event, from: clean(request.header('From')), length: request.body.length },
        'NOTIFY with an unreadable document ignored: the phone keeps its former state',
      );
      // RFC 6665 §4.1.3 leaves the status open; 400 tells the phone, and the state stays.
      if (!isTerminated) return { status: 400, reason: 'Unreadable Document' };
    }
    this.order.note(cseq);
    if (this.ended) return { status: 200, reason: 'OK' };
    if (isTerminated) this.terminated(params);
    else {
      this.told = 'us';
      const expires = seconds(params.get('expires') ?? '');
      // Before its own 2xx the subscription is not up; the 2xx will schedule.
      if (expires !== null && expires > 0 && this.established && !this.busy) this.schedule(expires);
      this.options.changed();
    }
    return { status: 200, reason: 'OK' };
  }

  /** Takes the document in; false: it cannot be read. No body: nothing new. */
  private read(request: IncomingRequest): boolean {
    const { event, isOurs } = this.options;
    if (request.body.trim() === '') {
      if (this.value === null) this.hearSilence();
      return true;
    }
    if (mediaType(request.header('Content-Type')) !== ACCEPT[event]) return false;
    if (event === 'presence') {
      const state = readPidf(request.body);
      if (state === null) return false;
      if (state === 'unknown') this.hearSilence();
      else this.value = state;
      return true;
    }
    const taken = this.table.take(request.body);
    if (taken === 'unreadable') return false;
    // A refresh makes the phone send its full state.
    this.isGapped = taken === 'gap';
    if (this.isGapped) this.askAgain();
    if (taken === 'ok') this.value = this.table.state(isOurs);
    return true;
  }

  /** Kamailio says nothing where nothing was published: no dialogs; of presence, no opinion. */
  private hearSilence(): void {
    this.isSilent = true;
    this.value = this.options.event === 'dialog' ? 'idle' : null;
  }

  /** RFC 6665 §4.1.3: whether and when to come again. Accepted only to be rejected: refused. */
  private terminated(params: ReadonlyMap<string, string>): void {
    const reason = params.get('reason')?.toLowerCase() ?? '';
    const isRefusal = reason === 'rejected' || (reason === 'noresource' && this.told === 'nobody');
    if (isRefusal) return this.refused(reason);
    const asked = retryAfter(params.get('retry-after') ?? '');
    const isFinal = reason === 'noresource' || reason === 'invariant';
    this.lost('terminated', asked ?? (isFinal ? BACKOFF_MAX_MS : null));
  }
}

function retryAfter(text: string): number | null {
  const value = seconds(text);
  return value === null ? null : Math.min(Math.max(value * 1000, 500), BACKOFF_MAX_MS);
}

function brief(outcome: RequestOutcome): object {
  return outcome.kind === 'response'
    ? { status: outcome.response.status }
    : { outcome: outcome.kind };
}
