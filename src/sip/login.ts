/**
 * What agents dial: login and logout (`acdlogin`, `*44`, `*44<id>`, `*45`), pause and back to work
 * (`*46`, `*46<reason>`, `*47`), the end of their wrap-up (`*48`), or more of it (`*48<seconds>`);
 * all but the last also for one queue (`*44*<queue>`, `*45*<queue>` …).
 *
 * Comes in: an INVITE whose user is one of those, digits, the end of prompts. Goes out:
 * LogInAgent, LogOutAgent, PauseAgent and the like; the result is spoken, then we hang up. A phone
 * that hangs up midway leaves nothing: a login that was not submitted never happened, one that was
 * stands. A dialogue outlives the process (login-memory.ts): the next one goes on where the agent
 * is.
 */
import { fitsPin } from '../config/pin.ts';
import type { Device } from '../core/types.ts';
import { isDone, order, queueOf, spokenOf } from './agent-orders.ts';
import { checkInvite } from './invites.ts';
import { dialogIdFor } from './context.ts';
import type { EdgeContext } from './context.ts';
import { identifyDevice, originOf } from './device.ts';
import type { KnownRegistrar } from './device.ts';
import type { LoginRequest } from './dial-codes.ts';
import type { Credentials } from './digest.ts';
import type { DigitSource } from './dtmf.ts';
import { clean } from './headers.ts';
import { Keying } from './keying.ts';
import type { Locks } from './locks.ts';
import { LoginMemory, type LoginFacts } from './login-memory.ts';
import type { IncomingRequest, Response } from './port.ts';
import { credentialsAt } from './routes.ts';
import { ACK_MAX_MS, okWithSdp, refusalOf, Session } from './session.ts';
import { hangUp } from './take-back.ts';
import { logInOn, type PhoneWatching } from './phone-login.ts';
import { overloaded } from './shedding.ts';
import { turnAway } from './turn-away.ts';

/** Most login calls at a time. */
const LOGINS_MAX = 100;
/** Nobody needs longer; a forgotten handset is not kept on the line. */
const LOGIN_MAX_MS = 180_000;

/** What login needs of presence. */
export interface LoginPresence extends PhoneWatching {
  /** The phone has a call with us that the core knows nothing of. */
  callBegan(deviceUri: string): void;
  callEnded(deviceUri: string): void;
}

interface LoginCall {
  readonly leg: string;
  readonly keying: Keying;
  readonly device: Device;
  readonly memory: LoginMemory;
  /** A process before us began it, and may have done what is not told yet. */
  readonly isTakenOver: boolean;
  /** Ours at the PBX it came from, for challenges in its dialog; null: none, or taken over. */
  readonly credentials: Credentials | null;
}

export class Logins {
  private readonly context: EdgeContext;
  private readonly presence: LoginPresence;
  private readonly registrars: () => readonly KnownRegistrar[];
  private readonly locks: Locks;
  private readonly calls = new Map<string, LoginCall>();
  private readonly serving = new Set<Promise<void>>();
  /** Taken over; they go on as soon as requests and keys are heard. */
  private waiting: (() => Promise<void>)[] = [];
  private stopping = false;

  constructor(
    context: EdgeContext,
    presence: LoginPresence,
    registrars: () => readonly KnownRegistrar[],
    locks: Locks,
  ) {
    this.context = context;
    this.presence = presence;
    this.registrars = registrars;
    this.locks = locks;
  }

  get size(): number {
    return this.calls.size;
  }

  owns(leg: string): boolean {
    return this.calls.has(leg);
  }

  /** No more logins; those under way go on. */
  drain(): void {
    this.stopping = true;
  }

  /** No more logins; those under way are hung up. */
  async stop(): Promise<void> {
    this.drain();
    for (const call of this.calls.values()) call.keying.hangUp();
    await Promise.all(this.serving);
  }

  digit(leg: string, digit: string, source: DigitSource): void {
    const call = this.calls.get(leg);
    if (call?.keying.digit(digit, source) === true) call.memory.pressed(digit);
  }

  playEnded(leg: string, playId: string): void {
    this.calls.get(leg)?.keying.playEnded(playId);
  }

  /** Never rejects. */
  async arrive(request: IncomingRequest, wanted: LoginRequest): Promise<void> {
    const { config, dialogs, log, load } = this.context;
    const overload = overloaded(load, 'login');
    if (overload !== null) {
      await request.respond(overload);
      return;
    }
    const device = identifyDevice(request, this.registrars(), config.sip.deviceFrom);
    const refusal: Response | null =
      checkInvite(request) ??
      (dialogs.has(dialogIdFor(request)) ? { status: 482, reason: 'Loop Detected' } : null) ??
      (this.stopping ? turnAway(request, config.drain.redirect) : null) ??
      (this.calls.size < LOGINS_MAX
        ? null
        : { status: 503, reason: 'Too Many Logins', headers: { 'Retry-After': '5' } }) ??
      (device === null ? { status: 403, reason: 'Phone Not Identified' } : null);
    if (refusal !== null || device === null) {
      const from = clean(request.header('From'));
      log.warn({ from, source: request.sourceHost }, `login refused: ${refusal?.reason ?? ''}`);
      await request.respond(refusal ?? { status: 403, reason: 'Forbidden' });
      return;
    }
    await this.follow(this.serve(request, wanted, device));
  }

  /**
   * A dialogue of a process before us, in a dialog that is up; `goOn` lets it begin.
   * @param lateAnswer what came with the ACK and was not used; undefined: the ACK is to come
   */
  adopt(leg: string, facts: LoginFacts, lateAnswer: string | null | undefined): void {
    const call = this.begin(leg, facts, true);
    if (typeof lateAnswer === 'string') void this.context.media.answered(leg, lateAnswer);
    const opened = this.open(call, lateAnswer === undefined);
    this.waiting.push(() => this.live(call, opened));
  }

  /** Requests and keys are heard from now on, and what is taken over goes on. */
  goOn(): void {
    for (const live of this.waiting) void this.follow(live());
    this.waiting = [];
  }

  /** Another process goes on with them: nothing more is said, heard or ended here. */
  leave(): void {
    this.drain();
    for (const call of this.calls.values()) call.keying.leave();
  }

  private async follow(served: Promise<void>): Promise<void> {
    this.serving.add(served);
    await served;
    this.serving.delete(served);
  }

  private async serve(
    request: IncomingRequest,
    wanted: LoginRequest,
    device: Device,
  ): Promise<void> {
    const { runtime, config } = this.context;
    const call = this.begin(
      `login-${runtime.newId()}`,
      {
        ...{ dialogId: dialogIdFor(request), device, wanted, isLateOffer: request.body === '' },
        ...{ tries: config.sip.loginTries, keys: '', result: null },
        registrar: originOf(request, this.registrars()),
      },
      false,
    );
    request.onCancel(() => call.keying.hangUp());
    await this.live(call, this.answer(request, call));
  }

  private begin(leg: string, facts: LoginFacts, isTakenOver: boolean): LoginCall {
    const { media, runtime, config } = this.context;
    const { device, keys } = facts;
    const keying = new Keying({
      media,
      leg,
      digitTimeoutMs: config.sip.digitTimeoutMs,
      now: () => performance.now(),
      ahead: keys,
      ...(isTakenOver ? { name: `say-${runtime.newId()}` } : {}),
    });
    const memory = new LoginMemory(media, leg, facts);
    const credentials = credentialsAt(this.context.config, facts.registrar ?? null);
    const call: LoginCall = { leg, keying, device, memory, isTakenOver, credentials };
    this.calls.set(leg, call);
    this.presence.callBegan(device.uri);
    return call;
  }

  /** From its answer to its end. */
  private async live(call: LoginCall, opened: Promise<Session | null>): Promise<void> {
    const { leg, keying, device, memory } = call;
    const { media } = this.context;
    const limit = setTimeout(() => keying.hangUp(), LOGIN_MAX_MS);
    const session = await opened;
    if (session !== null && !keying.isGone) {
      const result = memory.facts.result ?? (await this.talk(call));
      if (result !== null) {
        memory.keep({ result });
        await keying.say([result, 'goodbye']);
      }
    }
    clearTimeout(limit);
    session?.hangUp('Q.850;cause=16;text="Normal call clearing"');
    this.calls.delete(leg);
    void media.release(leg);
    this.presence.callEnded(device.uri);
  }

  /** Answers and waits for the ACK; null: it came to nothing and was answered accordingly. */
  private async answer(request: IncomingRequest, call: LoginCall): Promise<Session | null> {
    const { media } = this.context;
    const { leg, keying, memory } = call;
    const sdp = memory.facts.isLateOffer
      ? await media.offer(leg, request.sourceHost)
      : await media.accept(leg, request.body);
    if (keying.isGone) return null;
    if (!sdp.ok) {
      await request.respond(refusalOf(sdp));
      return null;
    }
    memory.keep();
    const responded = request.respond(okWithSdp(sdp.sdp)).then((outcome) => {
      const { dialogId } = memory.facts;
      // The SIP server may have sent it and died before it said so; he can dial again.
      if (!outcome.ok && outcome.isLost) hangUp(this.context, dialogId, call.credentials);
      return outcome.ok;
    });
    return this.open(call, true, responded);
  }

  /** Settles with the ACK, or null: there was none, or the dialog never came to be. */
  private async open(
    { leg, keying, memory, credentials }: LoginCall,
    awaitsAck: boolean,
    responded = Promise.resolve(true),
  ): Promise<Session | null> {
    const { media } = this.context;
    const { dialogId, isLateOffer } = memory.facts;
    return new Promise((resolve) => {
      const overdue = setTimeout(() => {
        session.forget();
        resolve(null);
      }, ACK_MAX_MS);
      const settle = (outcome: Session | null): void => {
        clearTimeout(overdue);
        resolve(outcome);
      };
      const session = new Session(
        this.context,
        { dialogId, leg, credentials, awaitsAck },
        {
          acknowledged: (body) => {
            if (isLateOffer) void media.answered(leg, body);
            settle(session);
          },
          ended: () => {
            keying.hangUp();
            settle(null);
          },
          digit: (digit) => this.digit(leg, digit, 'info'),
        },
      );
      if (!awaitsAck) settle(session);
      void responded.then((isSent) => {
        if (isSent) return;
        session.forget();
        settle(null);
      });
    });
  }

  /** The conversation; gives the prompt that tells its result, or null if nobody listens. */
  private async talk(call: LoginCall): Promise<string | null> {
    const { uri } = call.device;
    const { wanted } = call.memory.facts;
    if (wanted.kind === 'logout' && wanted.queue === undefined) {
      const outcome = await this.context.runtime.submit({
        kind: 'LogOutAgent',
        by: 'sip',
        who: { deviceUri: uri },
      });
      if (isDone(call, outcome, 'not-logged-in')) return 'agent-logout-ok';
      return spokenOf(outcome, 'agent-not-logged-in');
    }
    const queue = wanted.kind === 'login' ? wanted.queue : undefined;
    // Into one more queue: whoever is logged in on this phone has said who he is.
    const isKnown = queue !== undefined && this.isHis(call, wanted);
    if (wanted.kind !== 'login' || isKnown) return this.order(call, wanted);
    let given = wanted.agentId;
    for (let { tries } = call.memory.facts; tries > 0; tries -= 1) {
      // Keys pressed ahead are of this try; those of the former one are done with.
      call.memory.keep({ tries, keys: call.keying.unread });
      const agentId: string = given ?? (await this.askFor(call, 'agent-id'));
      const known = agentId !== '' && (await this.knows(call, agentId));
      // An id dialled with the code stays, so that only a mistyped PIN is asked for again.
      if (!this.isAgent(agentId)) given = null;
      if (call.keying.isGone) return null;
      const result = known ? await this.logIn(call, agentId, queue) : 'agent-incorrect';
      if (result !== 'agent-incorrect' || tries === 1) return result;
      await call.keying.say([result]);
      if (call.keying.isGone) return null;
    }
    return 'agent-incorrect';
  }

  /** He is logged in on this phone, and nobody else is dialled. */
  private isHis({ device }: LoginCall, wanted: LoginRequest): boolean {
    const there = this.context.runtime.state.devices.get(device.uri);
    const asked = wanted.kind === 'login' ? wanted.agentId : null;
    return there !== undefined && (asked === null || asked === there);
  }

  private isOn(agentId: string, { uri }: Device): boolean {
    return this.context.runtime.state.agents.get(agentId)?.device?.uri === uri;
  }

  /** What whoever is logged in on this phone wants for himself; gives the prompt of its result. */
  private async order(call: LoginCall, wanted: LoginRequest): Promise<string | null> {
    const { runtime } = this.context;
    const agentId = runtime.state.devices.get(call.device.uri);
    if (agentId === undefined) return 'agent-not-logged-in';
    const askReason = async (): Promise<string | null> => {
      const keyed = await this.askFor(call, 'agent-pause-reason');
      return call.keying.isGone ? null : keyed;
    };
    const { isTakenOver } = call;
    return order({ runtime, agentId, askReason, isTakenOver }, wanted);
  }

  private isAgent(agentId: string): boolean {
    return this.context.runtime.state.agents.get(agentId)?.known === true;
  }

  /** '' : nothing was keyed in time, or he hung up. */
  private async askFor(call: LoginCall, prompt: string): Promise<string> {
    const entry = await call.keying.ask([prompt]);
    return entry.kind === 'digits' ? entry.digits : '';
  }

  /** Agent and PIN. The PIN of an agent who does not exist is asked like any other if others have
   *  one, so that ids cannot be tried out. */
  private async knows(call: LoginCall, agentId: string): Promise<boolean> {
    const { config } = this.context;
    const isAgent = this.isAgent(agentId);
    const pin = config.pins.get(agentId);
    if (pin === undefined && (isAgent || config.pins.size === 0)) return isAgent;
    const given = await this.askFor(call, 'agent-pin');
    if (given === '') return false;
    const { locks } = this;
    const { uri } = call.device;
    // Asked and answered as ever: who tries PINs learns nothing of it.
    if (locks.isLocked('agent', agentId) || locks.isLocked('phone', uri)) return false;
    const fits = fitsPin(given, pin ?? '') && isAgent;
    for (const [kind, name] of [
      ['agent', agentId],
      ['phone', uri],
    ] as const) {
      // A phone's count stays: with one right PIN of his own nobody gets ten more of others'.
      if (fits && kind === 'agent') locks.lift(kind, name);
      else if (!fits && (isAgent || kind === 'phone')) locks.failed(kind, name);
    }
    return fits;
  }

  /** `dialled`: to this queue of his only. */
  private async logIn(
    call: LoginCall,
    agentId: string,
    dialled: string | undefined,
  ): Promise<string | null> {
    const { device, keying } = call;
    const { runtime, log } = this.context;
    const queue = dialled === undefined ? null : queueOf(runtime.state, agentId, dialled);
    if (dialled !== undefined && queue === null) return 'agent-incorrect';
    const queues = queue === null ? {} : { queues: [queue] };
    const login = { agentId, device, by: 'sip', ...queues };
    const outcome = await logInOn(runtime, this.presence, login, () => keying.isGone);
    if (outcome === null) return null;
    // As in `isDone`, but by what is so: he may be refused for several reasons.
    const isOn = call.isTakenOver && this.isOn(agentId, device);
    if (outcome.ok || (isOn && outcome.refusal !== 'no-presence'))
      return queue === null ? 'agent-login-ok' : 'agent-queue-in';
    if (outcome.refusal === 'no-presence') return 'agent-no-presence';
    log.info({ agentId, device: device.uri }, `login refused: ${outcome.refusal}`);
    if (outcome.refusal === 'unknown-agent') return 'agent-incorrect';
    return spokenOf(outcome, 'agent-incorrect');
  }
}
