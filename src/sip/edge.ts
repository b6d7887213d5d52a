/**
 * The SIP edge as a whole: connects to the SIP server, gives every incoming request to the part
 * that owns it, and tells its health. `app/app.ts` starts and stops it; nothing else does.
 */
import type { AcdConfig } from '../config/types.ts';
import type { MediaEvents, MediaPort } from '../media/port.ts';
import type { LoadGate } from '../runtime/load.ts';
import type { Runtime } from '../runtime/port.ts';
import { calledBy, isAnybody } from './called.ts';
import type { Phones } from './caller.ts';
import { Callers } from './callers.ts';
import { withoutOptional } from './bodies.ts';
import { createClient } from './client.ts';
import { ALLOW, dialogIdFor, Dialogs, hasToTag, SDP } from './context.ts';
import type { EdgeContext } from './context.ts';
import { identifyDevice, originOf, type KnownRegistrar } from './device.ts';
import { REFUSALS } from './destination.ts';
import { Door } from './door.ts';
import { connectStack } from './drachtio.ts';
import { refuseExtensions } from './extensions.ts';
import { clean } from './headers.ts';
import { Holds } from './holds.ts';
import { Locks } from './locks.ts';
import { Logins } from './login.ts';
import { Notices } from './notices.ts';
import { Offers } from './offers.ts';
import { Outbounds } from './outbound.ts';
import type { IncomingRequest, SipLog, Stack } from './port.ts';
import { PhoneLogins, type LoginWish, type NamedLogin } from './phone-login.ts';
import { Presence } from './presence.ts';
import { compareDialogs } from './reconnection.ts';
import { Registration } from './registration.ts';
import { Renewals } from './renewal.ts';
import type { RegistrationHealth } from './registration.ts';
import { Routes } from './routes.ts';
import { shedLoad } from './shedding.ts';
import type { Counts, Sources } from './sources.ts';
import { SilentLegs } from './silent-legs.ts';
import { UntilHandedOver } from './handover.ts';
import { takeOver } from './takeover.ts';
import { Transfers } from './transfers.ts';
import { Trust } from './trust.ts';
import { doneWithin } from './within.ts';

export interface EdgeOptions {
  readonly config: AcdConfig;
  readonly runtime: Runtime;
  readonly media: MediaPort;
  /** Where the SIP server (sipd or drachtio-server) listens for us. */
  readonly drachtio: { readonly host: string; readonly port: number; readonly secret: string };
  readonly log: SipLog;
  /** Says when new calls and logins are too much. */
  readonly load: LoadGate;
}

export interface EdgeHealth {
  /** The SIP server is connected. */
  readonly up: boolean;
  readonly detail: string;
  /** `udp/192.168.0.5:5071` … as the SIP server told. */
  readonly addresses: readonly string[];
  readonly callers: number;
  readonly offers: number;
  /** Agents' own calls. */
  readonly outbound: number;
  readonly logins: number;
  readonly presence: { readonly watched: number; readonly active: number };
  readonly registrars: readonly RegistrationHealth[];
}

export interface SipEdge {
  health(): EdgeHealth;
  /** Who cannot log in for now. */
  readonly locks: Locks;
  /** Which addresses get no answer for now. */
  readonly sources: Sources;
  /** What was refused for where it came from; asks the SIP server. */
  guard(): Promise<Counts>;
  /** Logs an agent in on a phone that is named; `by`: who asks, for the journal. */
  logIn(agentId: string, phone: LoginWish, by: string): Promise<NamedLogin>;
  /** New calls and logins are turned away; those that are here go on. */
  drain(): void;
  /** Lets go whom no call has any more, and who is still on his way elsewhere. */
  letGo(): void;
  /**
   * Hears and ends nothing any more: calls, logins under way, subscriptions and registrations
   * stay for another process. Only `stop` may follow, which then only disconnects.
   */
  handOver(): Promise<void>;
  /** Takes no more calls, unregisters, leaves the SIP server; calls and dialogs stay there. */
  stop(): Promise<void>;
}

/** Phones get this long to answer our last BYEs, challenges included. */
const FAREWELL_MAX_MS = 2_000;

export type EdgeStart =
  { readonly ok: true; readonly edge: SipEdge } | { readonly ok: false; readonly detail: string };

/** Connects and serves. `ok: false` with one clear text where the SIP server cannot be used. */
export async function startEdge(options: EdgeOptions): Promise<EdgeStart> {
  const { config, runtime, media, log } = options;
  const connected = await connectStack({ ...options.drachtio, log });
  if (!connected.ok) return connected;
  const { stack } = connected;
  const trust = new Trust(log);
  const client = createClient(stack, trust);
  const { sessionExpiresMs } = config.sip;
  const context: EdgeContext = {
    config,
    runtime,
    media,
    log,
    client,
    trust,
    load: options.load,
    dialogs: new Dialogs(),
    renewals: new Renewals({ media, client, log, sessionExpiresMs }),
    addresses: () => stack.addresses(),
  };
  const edge = assemble(context, stack);
  await edge.open();
  return { ok: true, edge };
}

interface Parts {
  readonly context: EdgeContext;
  readonly callers: Callers;
  readonly offers: Offers;
  readonly logins: Logins;
  readonly holds: Holds;
  readonly silent: SilentLegs;
  readonly transfers: Transfers;
  readonly outbounds: Outbounds;
  readonly door: Door;
}

/** An edge that takes no requests yet. */
interface ClosedEdge extends SipEdge {
  /** Takes over what a process before us left, then takes requests, those held meanwhile first. */
  open(): Promise<void>;
}

/** All parts of an edge, joined. */
function build(context: EdgeContext, stack: Stack) {
  const routes = new Routes(context);
  // Lives as long as the runtime whose events it hears.
  new Notices(context, routes);
  const holds = new Holds(context);
  const offers = new Offers(context, routes, holds);
  const outbounds = new Outbounds(context, routes, offers);
  const presence = new Presence(context, routes, (callId) => offers.owns(callId));
  const registrations = context.config.sip.register.map(
    (config) => new Registration(context, config),
  );
  const known = () => registrations.map((each) => each.known());
  context.trust.follow(known);
  const { lockAfter: after, lockForMs: forMs } = context.config.sip;
  const locks = new Locks({ after, forMs }, () => performance.now(), context.log);
  const logins = new Logins(context, presence, known, locks);
  const transfers = new Transfers(context, routes);
  const phones = phonesOf(context, presence, known);
  const callers = new Callers(context, transfers, holds, phones);
  const silent = watchSilence(context);
  const door = new Door({
    config: context.config.sip,
    registrars: known,
    server: () => stack.sipd(),
    now: () => performance.now(),
    log: context.log,
  });
  const legs = { callers, offers, outbounds, logins, transfers };
  const parts = { context, ...legs, holds, silent, door };
  return { parts, routes, presence, registrations, locks };
}

/** Puts the parts on a connected stack; tests do so on one in memory. */
export function assemble(given: EdgeContext, stack: Stack): ClosedEdge {
  const runtime = new UntilHandedOver(given.runtime);
  const context: EdgeContext = { ...given, runtime };
  const { parts, routes, presence, registrations, locks } = build(context, stack);
  const { callers, offers, outbounds, logins, silent, transfers } = parts;
  const named = new PhoneLogins(given.runtime, presence, context.config.sip);
  shedLoad(context, stack);
  let handedOver = false;
  let tookOver: () => void = () => undefined;
  const isOurs = new Promise<void>((resolve) => (tookOver = resolve));
  stack.onReconnected((awayMs) => {
    context.client.reconnected();
    parts.door.tell();
    // Before that nothing that the SIP server has is known here.
    void isOurs.then(async () => compareDialogs({ context, callers, routes }, stack, awayMs));
    if (stack.sipd() === null) presence.beginAnew();
    for (const registration of registrations) registration.renew();
  });
  return {
    locks,
    sources: parts.door.sources,
    guard: () => parts.door.counts(),
    logIn: (agentId, phone, by) => named.logIn(agentId, phone, by),
    open: async () => {
      parts.door.tell();
      await takeOver({ ...parts, stack, presence, routes });
      tookOver();
      const found = await context.media.legs();
      if (found.ok) mediaBack(parts, found.legs);
      context.media.listen(mediaEvents(parts));
      let isHeld = true;
      stack.onRequest((request) => route(parts, request, isHeld));
      isHeld = false;
      logins.goOn();
    },
    health: () => ({
      ...stack.health(),
      addresses: stack.addresses(),
      callers: callers.size,
      offers: offers.size,
      outbound: outbounds.size,
      logins: logins.size,
      presence: presence.health(),
      registrars: registrations.map((each) => each.health()),
    }),
    drain: () => {
      callers.stop();
      logins.drain();
      named.drain();
    },
    letGo: () => outbounds.stop(),
    handOver: async () => {
      handedOver = true;
      named.drain();
      // What was keyed so far is kept with their audio.
      logins.leave();
      // A drachtio-server gives nobody what we leave unanswered.
      if (stack.sipd() !== null) runtime.handOver();
      silent.stop();
      stack.freeze();
    },
    stop: async () => {
      if (handedOver) return stack.close();
      callers.stop();
      named.drain();
      transfers.stop();
      silent.stop();
      await hangUpLogins(parts);
      await Promise.all([presence.stop(), ...registrations.map((each) => each.stop())]);
      return stack.close();
    },
  };
}

async function hangUpLogins({ context, logins }: Parts): Promise<void> {
  await doneWithin(logins.stop(), FAREWELL_MAX_MS);
  await context.client.farewell(FAREWELL_MAX_MS);
}

function phonesOf(
  { config }: EdgeContext,
  presence: Presence,
  known: () => readonly KnownRegistrar[],
): Phones {
  return {
    origin: (request) => originOf(request, known()),
    watch: (request) => {
      const uri = identifyDevice(request, known(), config.sip.deviceFrom)?.uri;
      if (uri === undefined) return () => undefined;
      presence.callBegan(uri);
      return () => presence.callEnded(uri);
    },
  };
}

function watchSilence({ config, dialogs }: EdgeContext): SilentLegs {
  return new SilentLegs({
    limitMs: config.media.silenceLimitMs,
    ask: (leg) => dialogs.probeLeg(leg),
    end: (leg) => dialogs.lostLeg(leg),
  });
}

/** Legs that no call of ours has (left by a process before us) would hold their ports for ever. */
function sweep(parts: Parts, legs: readonly string[]): void {
  const { context, callers, offers, outbounds, logins, transfers } = parts;
  for (const leg of legs)
    if (
      ![
        callers.owns(leg),
        offers.ownsLeg(leg),
        outbounds.ownsLeg(leg),
        logins.owns(leg),
        transfers.ownsLeg(leg),
      ].includes(true)
    )
      void context.media.release(leg);
}

/** Who has no leg is ended; legs of nobody are released. */
function mediaBack(parts: Parts, found: readonly string[]): void {
  const legs = new Set(found);
  parts.callers.mediaRestored(legs);
  parts.offers.mediaRestored(legs);
  parts.outbounds.mediaRestored(legs);
  parts.transfers.mediaRestored(legs);
  parts.holds.again();
  sweep(parts, found);
}

function mediaEvents(parts: Parts): MediaEvents {
  const { callers, logins, silent } = parts;
  const { context } = parts;
  const { log } = context;
  return {
    dtmf: (leg, digit) => {
      logins.digit(leg, digit, 'rtp');
      callers.digit(leg, digit);
    },
    playEnded: (leg, playId) => {
      logins.playEnded(leg, playId);
      callers.playEnded(leg, playId);
    },
    firstPacket: (leg) => {
      log.debug({ leg }, 'first packet');
      // Of a mediad that was killed nobody hears that he speaks again.
      silent.report(leg, 0, true);
    },
    silence: (leg, silentMs, wasHeard) => {
      log.debug({ leg, silentMs, wasHeard }, 'silence');
      silent.report(leg, silentMs, wasHeard);
    },
    down: (detail) => log.warn({ detail }, 'media is down'),
    up: (restored) => {
      log.info({ restored: restored.length }, 'media is up');
      mediaBack(parts, restored);
    },
    moved: (legs) => context.renewals.moved(legs),
  };
}

/** `isHeld`: it waited for us, with all that came while nobody was here. */
function route(parts: Parts, request: IncomingRequest, isHeld: boolean): void {
  const { context, callers, door } = parts;
  const owner = context.dialogs.ownerOf(request);
  if (owner !== null && !isNewInvite(request)) return owner(request);
  // An answer of ours to it that was lost was never sent: its BYE would meet the next one.
  if (isNewInvite(request)) context.client.begins(dialogIdFor(request));
  // Let in before, and not counted, nor asked for a password, a second time.
  if (isNewInvite(request) && callers.takeAgain(withoutOptional(request))) return;
  const admitted = door.open(request, isHeld);
  if (admitted !== null) begin(parts, admitted);
}

/** A request outside of any dialog of ours, from somebody who may. */
function begin(parts: Parts, request: IncomingRequest): void {
  const { context, callers, logins } = parts;
  switch (request.method) {
    case 'INVITE':
      if (!isNewInvite(request)) return refuse(request, 481, 'Call/Transaction Does Not Exist');
      return invite(context, callers, logins, withoutOptional(request));
    case 'OPTIONS':
      // RFC 3261 §12.2.2: whoever asks for a dialog that is gone hears that it is.
      if (hasToTag(request)) return refuse(request, 481, 'Call/Transaction Does Not Exist');
      return tellOptions(context, request);
    case 'ACK':
      return;
    case 'SUBSCRIBE':
    case 'PUBLISH':
      return refuse(request, 489, 'Bad Event');
    case 'BYE':
    case 'UPDATE':
    case 'INFO':
    case 'PRACK':
    case 'NOTIFY':
      context.log.debug(
        { method: request.method, callId: clean(request.header('Call-ID')) },
        'request for no dialog of ours',
      );
      return refuse(request, 481, 'Call/Transaction Does Not Exist');
    default:
      // RFC 3261 §12.2.2: in a dialog that has ended, a REFER that crossed our BYE for one.
      if (hasToTag(request)) return refuse(request, 481, 'Call/Transaction Does Not Exist');
      // REGISTER, MESSAGE, REFER and what is yet to be invented (RFC 3261 §8.2.1).
      void request.respond({
        status: 405,
        reason: 'Method Not Allowed',
        headers: { Allow: ALLOW },
      });
  }
}

/** RFC 3261 §11.2. */
function tellOptions({ runtime, config }: EdgeContext, request: IncomingRequest): void {
  const refusal = refuseExtensions(request);
  if (refusal !== null) return void request.respond(refusal);
  const isHere = isAnybody(request.uri, runtime.state, config.sip);
  const headers = {
    Allow: ALLOW,
    Accept: SDP,
    'Accept-Language': 'en',
    Supported: 'timer, 100rel',
  };
  void request.respond(
    isHere ? { status: 200, reason: 'OK', headers } : { ...REFUSALS.UNKNOWNQUEUE, headers },
  );
}

function invite(
  { runtime, config }: EdgeContext,
  callers: Callers,
  logins: Logins,
  request: IncomingRequest,
): void {
  const called = calledBy(request.uri, runtime.state, config.sip);
  if (called.kind === 'login') return void logins.arrive(request, called.wanted);
  if (called.kind === 'queue') return void callers.arrive(request, called.queue, called.agentId);
  // Refused there, like every call that gets no place.
  void callers.arrive(request, called.user);
}

/** Without To tag: outside of any dialog (RFC 3261 §12.2.2). */
function isNewInvite(request: IncomingRequest): boolean {
  return request.method === 'INVITE' && !hasToTag(request);
}

function refuse(request: IncomingRequest, status: number, reason: string): void {
  void request.respond({ status, reason });
}
