/**
 * Watching the agents' phones: two subscriptions per device, combined into one state that is told
 * to the core. Either package may take availability away; idle needs the word of all that were
 * accepted. Phones that refuse both, or called us and answer neither, are trusted while the ACD
 * has no call on them.
 *
 * Comes in: AgentLoggedIn, AgentLoggedOut, NOTIFYs, login's probes. Goes out: ReportDevice, and
 * LogOutAgent where presence is required and the phone has none after all.
 */
import type { PresenceRule } from '../config/types.ts';
import type { CoreEvent } from '../core/events.ts';
import type { Device, DeviceState } from '../core/types.ts';
import type { EdgeContext } from './context.ts';
import type { LoginPresence } from './login.ts';
import type { HeldDialog } from './port.ts';
import { callIdPrefix } from './packages.ts';
import type { Package } from './packages.ts';
import { worse } from './presence-documents.ts';
import type { Routes } from './routes.ts';
import { Subscription } from './subscription.ts';
import type { SubscriptionView } from './subscription.ts';
import { doneWithin } from './within.ts';

/** Both packages have this long to say something before one alone may call the phone idle. */
const SETTLE_MS = 2_000;
/** After a takeover a phone has this long to say again what the journal says of it. */
const RESUME_MS = 10_000;
/** A login under `presence: required` waits this long for the first acceptance. */
const PROBE_MS = 5_000;
const STOP_MAX_MS = 1_000;
/**
 * A phone that is not idle is asked again after this long, then after ever longer: FreeSWITCH, for
 * one, does not tell that a phone is back, and may tell of an end before the call itself.
 */
const ASK_FIRST_MS = 5_000;
const ASK_MAX_MS = 300_000;
/** A phone that changes its mind more often than this, in this time, is told of with delay. */
const CHANGES_MAX = 20;
const CHANGES_MS = 10_000;

interface Watch {
  device: Device;
  readonly subscriptions: readonly Subscription[];
  readonly since: number;
  /** An agent is logged in on it; false while a login only probes. */
  adopted: boolean;
  /** It has called us, so it is there, whether it answers a SUBSCRIBE or not. */
  hasCalled: boolean;
  /** Last told to the core. */
  told: string;
  settled: boolean;
  /** Until when what the journal says of it counts, while the phone itself says nothing. */
  resumeUntil: number;
  probes: ((accepted: boolean) => void)[];
  settle: NodeJS.Timeout;
  /** How often it was told to the core since when. */
  changes: number;
  changesSince: number;
  /** It is looked at again when that time is over. */
  isDelayed: boolean;
  /** When it is asked again; null: it is idle. */
  asking: NodeJS.Timeout | null;
  /** After how long the next time. */
  askMs: number;
}

/** Phones that left in one moment, with their PBX, are not all asked in one. */
const spread = (ms: number): number => ms * (0.75 + Math.random() * 0.5);

export interface Combined {
  readonly state: DeviceState;
  readonly source: string;
  /** Neither package is to be had. */
  readonly refused: boolean;
}

/** What has a say in the state of a phone besides its subscriptions. */
export interface Circumstances {
  /** Undecided subscriptions no longer hold back the rest. */
  readonly settled: boolean;
  /** The phone has a call with us of its own making (it logs in, or waits in a queue). */
  readonly isCalling: boolean;
  /** No answer to any SUBSCRIBE counts as a refusal: the phone is known to be there. */
  readonly trustsSilence: boolean;
  /** It is asked itself, and no PBX in its place. */
  readonly isDirect: boolean;
}

/** Some phones (baresip) drop a SUBSCRIBE that they do not know, where RFC 6665 wants a 489. */
function wasIgnored({ status, wasAccepted, cause }: SubscriptionView): boolean {
  if (status === 'lost') return !wasAccepted && (cause === 'no-answer' || cause === '408');
  return status === 'asking' || status === 'refused';
}

/** Others (Linphone) accept it and say nothing, where RFC 6665 §4.2.1.2 wants a NOTIFY at once. */
function isMute({ status, wasAccepted, told, cause }: SubscriptionView): boolean {
  return wasAccepted && told === 'nobody' && (status === 'active' || cause === 'no-notify');
}

/**
 * It told the process before us something, or nothing ever, as the mute do; it is there, and has
 * the time that a first NOTIFY may take to say it again, before it is taken for mute.
 */
function maySpeakYet({ status, isAnswered, told, state }: SubscriptionView): boolean {
  const isHeld = status === 'active' && told === 'a process before us';
  return isHeld && isAnswered && state === null;
}

/** The one state of several subscriptions. */
export function combine(
  views: readonly (SubscriptionView & { readonly name: string })[],
  { settled, isCalling, trustsSilence, isDirect }: Circumstances,
): Combined {
  const refused = views.every((view) => view.status === 'refused');
  const saysNothing = (view: SubscriptionView): boolean =>
    wasIgnored(view) || (isDirect && isMute(view));
  if (refused || (settled && trustsSilence && views.every(saysNothing))) {
    const state = isCalling ? 'inuse' : 'idle';
    return { state, source: 'trusted', refused };
  }
  let state: DeviceState = 'idle';
  let source = '';
  const take = (next: DeviceState, from: string): void => {
    if (source === '' || worse(next, state) !== state) source = from;
    state = worse(state, next);
  };
  for (const view of views) {
    // Never accepted and not refused either, or mute: it holds nobody back for long.
    const isIdleTalk =
      (!view.wasAccepted && view.status !== 'refused') || (isDirect && isMute(view));
    if (view.state === null && view.isSilent) continue;
    if (isIdleTalk && view.state === null) {
      if (!settled) take('unknown', `asking:${view.name}`);
    } else if (view.state !== null) take(view.state, view.name);
    else if (view.wasAccepted && view.status === 'lost') take('unknown', `lost:${view.cause}`);
    else if (view.wasAccepted && view.status === 'active') take('unknown', `waiting:${view.name}`);
  }
  // Nobody said anything yet: idle is a word that somebody must say.
  if (source === '') return { state: 'unknown', source: 'asking', refused };
  // A phone may call itself idle, or its NOTIFY be late, while it talks with us: we know better.
  if (isCalling && state === 'idle') return { state: 'inuse', source: 'own call', refused };
  return { state, source, refused };
}

export class Presence implements LoginPresence {
  private readonly context: EdgeContext;
  private readonly routes: Routes;
  private readonly isOurs: (callId: string) => boolean;
  private readonly watches = new Map<string, Watch>();
  /** Calls with us that a device made and that are up now. */
  private readonly calling = new Map<string, number>();

  constructor(context: EdgeContext, routes: Routes, isOurs: (callId: string) => boolean) {
    this.context = context;
    this.routes = routes;
    this.isOurs = isOurs;
    context.runtime.react(({ event }) => this.react(event));
  }

  /**
   * Takes up the watches of agents who were logged in before we started, with the subscriptions
   * that the SIP server still has. Gives the dialogs used; the others are nobody's.
   */
  resume(held: readonly HeldDialog[]): ReadonlySet<string> {
    const used = new Set<string>();
    for (const agent of this.context.runtime.state.agents.values()) {
      const { device, deviceState } = agent;
      if (device === null) continue;
      const found = (event: Package): string | null => {
        const prefix = callIdPrefix(device.uri, event);
        const isIt = ({ callId, state }: HeldDialog): boolean =>
          state === 'confirmed' && callId.startsWith(prefix);
        const one = held.find(isIt);
        if (one === undefined) return null;
        used.add(one.dialogId);
        return one.dialogId;
      };
      const watch = this.watch(device, found);
      watch.adopted = true;
      // Nobody stands between us and it who could be silent in its place.
      watch.hasCalled = device.registrar === null && deviceState === 'idle';
      watch.told = deviceState;
      watch.resumeUntil = this.context.runtime.now() + RESUME_MS;
      this.later(watch, RESUME_MS);
    }
    return used;
  }

  /** The SIP server has forgotten whose the subscriptions are. */
  beginAnew(): void {
    for (const { subscriptions } of this.watches.values())
      for (const subscription of subscriptions) subscription.beginAnew();
  }

  private later(watch: Watch, ms: number): void {
    setTimeout(() => this.update(watch.device.uri), ms).unref();
  }

  /** Ends all subscriptions; settles after a second at the latest. Agents stay logged in. */
  async stop(): Promise<void> {
    const ends = [...this.watches.keys()].map((uri) => this.drop(uri));
    await doneWithin(Promise.all(ends), STOP_MAX_MS);
  }

  health(): { readonly watched: number; readonly active: number } {
    const views = [...this.watches.values()].flatMap((watch) => this.views(watch));
    return {
      watched: this.watches.size,
      active: views.filter((view) => view.status === 'active').length,
    };
  }

  private react(event: CoreEvent): void {
    switch (event.kind) {
      case 'AgentLoggedIn':
        return this.adopt(event.device);
      case 'AgentLoggedOut':
        return void this.drop(event.device.uri);
      default:
    }
  }

  private ruleOf(device: Device): PresenceRule {
    const { sip } = this.context.config;
    if (device.registrar === null) return sip.presence;
    return sip.register.find((each) => each.name === device.registrar)?.presence ?? sip.presence;
  }

  isRequired(device: Device): boolean {
    return this.ruleOf(device) === 'required';
  }

  probe(device: Device): Promise<boolean> {
    const watch = this.watch(device);
    return new Promise((resolve) => {
      const settle = (accepted: boolean): void => {
        clearTimeout(timer);
        resolve(accepted);
      };
      const timer = setTimeout(() => {
        watch.probes = watch.probes.filter((each) => each !== settle);
        resolve(false);
      }, PROBE_MS);
      watch.probes.push(settle);
      this.answerProbes(watch);
    });
  }

  abandon(deviceUri: string): void {
    if (this.watches.get(deviceUri)?.adopted === false) void this.drop(deviceUri);
  }

  callBegan(deviceUri: string): void {
    this.calling.set(deviceUri, (this.calling.get(deviceUri) ?? 0) + 1);
    this.update(deviceUri);
  }

  callEnded(deviceUri: string): void {
    const left = (this.calling.get(deviceUri) ?? 1) - 1;
    if (left > 0) this.calling.set(deviceUri, left);
    else this.calling.delete(deviceUri);
    this.update(deviceUri);
  }

  private adopt(device: Device): void {
    const watch = this.watch(device);
    watch.adopted = true;
    watch.hasCalled ||= this.calling.has(device.uri);
    watch.resumeUntil = 0;
    // The core knows nothing of a device that has just been logged in.
    watch.told = '';
    this.update(device.uri);
  }

  private watch(device: Device, held: (event: Package) => string | null = () => null): Watch {
    const known = this.watches.get(device.uri);
    if (known !== undefined) {
      // Behind a NAT it may be reached another way than before.
      known.device = device;
      return known;
    }
    const packages = this.ruleOf(device) === 'off' ? [] : (['presence', 'dialog'] as const);
    const watch: Watch = {
      device,
      subscriptions: packages.map(
        (event) =>
          new Subscription({
            context: this.context,
            event,
            deviceUri: device.uri,
            heldDialogId: held(event),
            route: () => this.routes.to(this.watches.get(device.uri)?.device ?? device),
            isOurs: this.isOurs,
            changed: () => this.update(device.uri),
          }),
      ),
      since: this.context.runtime.now(),
      adopted: false,
      hasCalled: false,
      told: '',
      settled: false,
      resumeUntil: 0,
      probes: [],
      ...{ changes: 0, changesSince: 0, isDelayed: false, asking: null, askMs: ASK_FIRST_MS },
      settle: setTimeout(() => {
        watch.settled = true;
        this.update(device.uri);
      }, SETTLE_MS),
    };
    watch.settle.unref();
    this.watches.set(device.uri, watch);
    return watch;
  }

  private async drop(deviceUri: string): Promise<void> {
    const watch = this.watches.get(deviceUri);
    if (watch === undefined) return;
    this.watches.delete(deviceUri);
    clearTimeout(watch.settle);
    this.stopAsking(watch);
    for (const settle of watch.probes) settle(false);
    await Promise.all(watch.subscriptions.map((subscription) => subscription.end()));
  }

  private views(watch: Watch): (SubscriptionView & { readonly name: string })[] {
    return watch.subscriptions.map((subscription, index) => ({
      ...subscription.view(),
      name: index === 0 ? 'presence' : 'dialog',
    }));
  }

  private answerProbes(watch: Watch): void {
    const views = this.views(watch);
    const accepted = views.some((view) => view.status === 'active');
    if (!accepted && !views.every((view) => view.status === 'refused')) return;
    for (const settle of watch.probes.splice(0)) settle(accepted);
  }

  private update(deviceUri: string): void {
    const watch = this.watches.get(deviceUri);
    if (watch === undefined) return;
    this.answerProbes(watch);
    if (!watch.adopted) return;
    const views = this.views(watch);
    const combined = combine(views, {
      settled: watch.settled,
      isCalling: this.calling.has(deviceUri),
      trustsSilence: watch.hasCalled && this.ruleOf(watch.device) === 'auto',
      isDirect: watch.device.registrar === null,
    });
    if (combined.refused && this.isRequired(watch.device)) {
      // `presence: required`: his phone was watched at login and refuses it now.
      this.context.log.warn({ device: deviceUri }, 'presence required and refused: logged out');
      void this.context.runtime.submit({
        kind: 'LogOutAgent',
        by: 'sip',
        who: { deviceUri },
        reason: 'refused',
      });
      return;
    }
    if (combined.state === 'idle') this.stopAsking(watch);
    else if (combined.state !== 'unknown') this.askLater(watch);
    let said = combined.state;
    let { source } = combined;
    if (said === 'unknown' && this.isResuming(watch, views)) {
      // Nothing heard yet since we took over is no news: the agent stays what he was, unless one
      // package says already that he is busy.
      const busy = views.find(({ state }) => state !== null && state !== 'idle');
      if (busy === undefined) return;
      said = busy.state ?? said;
      source = busy.name;
    }
    if (said === watch.told || !this.mayTell(watch)) return;
    watch.told = said;
    void this.context.runtime.submit({
      kind: 'ReportDevice',
      by: 'sip',
      deviceUri,
      state: said,
      source,
    });
  }

  private askLater(watch: Watch): void {
    if (watch.asking !== null) return;
    watch.asking = setTimeout(() => {
      watch.asking = null;
      // While it talks with us there is nothing to learn.
      if (this.isWithUs(watch.device.uri)) watch.askMs = ASK_FIRST_MS;
      else {
        for (const subscription of watch.subscriptions) subscription.askAgain();
        watch.askMs = Math.min(2 * watch.askMs, ASK_MAX_MS);
      }
      this.update(watch.device.uri);
    }, spread(watch.askMs));
    watch.asking.unref();
  }

  private isWithUs(deviceUri: string): boolean {
    const { agents, devices } = this.context.runtime.state;
    const agent = agents.get(devices.get(deviceUri) ?? '');
    return agent !== undefined && (agent.callId !== null || agent.offerId !== null);
  }

  private stopAsking(watch: Watch): void {
    if (watch.asking !== null) clearTimeout(watch.asking);
    Object.assign(watch, { asking: null, askMs: ASK_FIRST_MS });
  }

  /** What the journal says of it counts, and what it does not say yet does not. */
  private isResuming({ device, resumeUntil }: Watch, views: readonly SubscriptionView[]): boolean {
    if (this.context.runtime.now() < resumeUntil) return true;
    // Between us and a PBX nobody is mute.
    if (device.registrar !== null || resumeUntil === 0) return false;
    const isNoNews = (view: SubscriptionView) =>
      maySpeakYet(view) || isMute(view) || wasIgnored(view);
    return views.some(maySpeakYet) && views.every(isNoNews);
  }

  /**
   * A storm of NOTIFYs must not become one of events and offers: beyond the limit only the change
   * away from idle is told at once; what the phone says in the end is told when its time is over.
   */
  private mayTell(watch: Watch): boolean {
    const now = this.context.runtime.now();
    if (now - watch.changesSince >= CHANGES_MS)
      Object.assign(watch, { changes: 0, changesSince: now });
    if (watch.changes < CHANGES_MAX || watch.told === 'idle') {
      watch.changes += 1;
      return true;
    }
    if (watch.isDelayed) return false;
    watch.isDelayed = true;
    setTimeout(
      () => {
        watch.isDelayed = false;
        this.update(watch.device.uri);
      },
      watch.changesSince + CHANGES_MS - now,
    ).unref();
    return false;
  }
}
