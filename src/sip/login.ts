/**
 * Login and logout by telephone: `acdlogin`, `*44`, `*44<id>`, `acdlogout`, `*45`.
 *
 * Comes in: an INVITE whose user is one of those, digits, the end of prompts. Goes out: LogInAgent
 * and LogOutAgent; the result is spoken, then we hang up. A phone that hangs up midway leaves
 * nothing: a login that was not submitted never happened, one that was stands.
 */
import { fitsPin } from '../config/pin.ts';
import type { Refusal } from '../core/commands.ts';
import type { Device } from '../core/types.ts';
import { checkInvite } from './invites.ts';
import { dialogIdFor } from './context.ts';
import type { EdgeContext } from './context.ts';
import { identifyDevice } from './device.ts';
import type { KnownRegistrar } from './device.ts';
import type { DigitSource } from './dtmf.ts';
import { clean } from './headers.ts';
import { Keying } from './keying.ts';
import type { Locks } from './locks.ts';
import type { IncomingRequest, Response } from './port.ts';
import { ACK_MAX_MS, okWithSdp, refusalOf, Session } from './session.ts';
import { overloaded } from './shedding.ts';
import { turnAway } from './turn-away.ts';

/** Most login calls at a time. */
const LOGINS_MAX = 100;
/** Nobody needs longer; a forgotten handset is not kept on the line. */
const LOGIN_MAX_MS = 180_000;

export type LoginRequest =
  { readonly kind: 'login'; readonly agentId: string | null } | { readonly kind: 'logout' };

/** What login needs of presence. */
export interface LoginPresence {
  /** The rule for phones reached this way says that presence is required. */
  isRequired(device: Device): boolean;
  /** Subscribes; true as soon as one package is accepted. */
  probe(device: Device): Promise<boolean>;
  /** A probed device whose login came to nothing. */
  abandon(deviceUri: string): void;
  /** The phone has a call with us that the core knows nothing of. */
  callBegan(deviceUri: string): void;
  callEnded(deviceUri: string): void;
}

interface LoginCall {
  readonly leg: string;
  readonly keying: Keying;
  readonly device: Device;
}

const SPOKEN: Partial<Record<Refusal | 'unavailable', string>> = {
  'already-logged-in': 'agent-already-on',
  'device-taken': 'agent-device-taken',
  'not-logged-in': 'agent-not-logged-in',
  'unknown-device': 'agent-not-logged-in',
};

/** Reads the Request-URI's user; null: not about logging in or out. */
export function loginRequestOf(
  user: string,
  codes: { readonly loginUsers: readonly string[]; readonly logoutUsers: readonly string[] },
): LoginRequest | null {
  if (codes.loginUsers.includes(user)) return { kind: 'login', agentId: null };
  if (codes.logoutUsers.includes(user)) return { kind: 'logout' };
  for (const code of codes.loginUsers) {
    const rest = user.startsWith(code) ? user.slice(code.length) : '';
    if (/^\d{1,32}$/.test(rest)) return { kind: 'login', agentId: rest };
  }
  return null;
}

export class Logins {
  private readonly context: EdgeContext;
  private readonly presence: LoginPresence;
  private readonly registrars: () => readonly KnownRegistrar[];
  private readonly locks: Locks;
  private readonly calls = new Map<string, LoginCall>();
  private readonly serving = new Set<Promise<void>>();
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
    this.calls.get(leg)?.keying.digit(digit, source);
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
    const served = this.serve(request, wanted, device);
    this.serving.add(served);
    await served;
    this.serving.delete(served);
  }

  private async serve(
    request: IncomingRequest,
    wanted: LoginRequest,
    device: Device,
  ): Promise<void> {
    const { media, runtime, config } = this.context;
    const leg = `login-${runtime.newId()}`;
    const keying = new Keying({
      media,
      leg,
      digitTimeoutMs: config.sip.digitTimeoutMs,
      now: () => performance.now(),
    });
    const call: LoginCall = { leg, keying, device };
    this.calls.set(leg, call);
    this.presence.callBegan(device.uri);
    request.onCancel(() => keying.hangUp());
    const limit = setTimeout(() => keying.hangUp(), LOGIN_MAX_MS);
    const session = await this.answer(request, call);
    if (session !== null && !keying.isGone) {
      const result = await this.talk(call, wanted);
      if (result !== null) await keying.say([result, 'goodbye']);
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
    const { leg, keying } = call;
    const isLateOffer = request.body === '';
    const sdp = isLateOffer
      ? await media.offer(leg, request.sourceHost)
      : await media.accept(leg, request.body);
    if (keying.isGone) return null;
    if (!sdp.ok) {
      await request.respond(refusalOf(sdp));
      return null;
    }
    return new Promise((resolve) => {
      const overdue = setTimeout(() => {
        session.forget();
        resolve(null);
      }, ACK_MAX_MS);
      const session = new Session(
        this.context,
        { dialogId: dialogIdFor(request), leg, credentials: null, awaitsAck: true },
        {
          acknowledged: (body) => {
            clearTimeout(overdue);
            if (isLateOffer) void media.answered(leg, body);
            resolve(session);
          },
          ended: () => {
            clearTimeout(overdue);
            keying.hangUp();
            resolve(null);
          },
          digit: (digit) => keying.digit(digit, 'info'),
        },
      );
      void request.respond(okWithSdp(sdp.sdp)).then((responded) => {
        if (responded.ok) return;
        clearTimeout(overdue);
        session.forget();
        resolve(null);
      });
    });
  }

  /** The conversation; gives the prompt that tells its result, or null if nobody listens. */
  private async talk(call: LoginCall, wanted: LoginRequest): Promise<string | null> {
    const { uri } = call.device;
    if (wanted.kind === 'logout') {
      const outcome = await this.context.runtime.submit({
        kind: 'LogOutAgent',
        by: 'sip',
        who: { deviceUri: uri },
      });
      return outcome.ok ? 'agent-logout-ok' : (SPOKEN[outcome.refusal] ?? 'agent-not-logged-in');
    }
    let given = wanted.agentId;
    for (let tries = this.context.config.sip.loginTries; tries > 0; tries -= 1) {
      const agentId: string = given ?? (await this.askFor(call, 'agent-id'));
      const known = agentId !== '' && (await this.knows(call, agentId));
      // An id dialled with the code stays, so that only a mistyped PIN is asked for again.
      if (!this.isAgent(agentId)) given = null;
      if (call.keying.isGone) return null;
      const result = known ? await this.logIn(call, agentId) : 'agent-incorrect';
      if (result !== 'agent-incorrect' || tries === 1) return result;
      await call.keying.say([result]);
      if (call.keying.isGone) return null;
    }
    return 'agent-incorrect';
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
      if (fits) locks.lift(kind, name);
      else if (isAgent || kind === 'phone') locks.failed(kind, name);
    }
    return fits;
  }

  private async logIn(call: LoginCall, agentId: string): Promise<string | null> {
    const { device } = call;
    const isRequired = this.presence.isRequired(device);
    if (isRequired && !(await this.presence.probe(device))) {
      this.presence.abandon(device.uri);
      return 'agent-no-presence';
    }
    if (call.keying.isGone) {
      this.presence.abandon(device.uri);
      return null;
    }
    const outcome = await this.context.runtime.submit({
      kind: 'LogInAgent',
      by: 'sip',
      agentId,
      device,
    });
    if (outcome.ok) return 'agent-login-ok';
    this.presence.abandon(device.uri);
    this.context.log.info({ agentId, device: device.uri }, `login refused: ${outcome.refusal}`);
    if (outcome.refusal === 'unknown-agent') return 'agent-incorrect';
    return SPOKEN[outcome.refusal] ?? 'agent-incorrect';
  }
}
