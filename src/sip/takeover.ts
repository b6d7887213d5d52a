/**
 * Taking over from a server process that is no more. The journal says which calls, offers and
 * logins there were; the SIP server says which dialogs it held meanwhile and what ended. Each call
 * and each offer is adopted, or ended as of when it really ended; what is in the journal but was
 * never done is done now; what the SIP server has and the journal does not is ended there. The
 * audio process tells its legs; one that died too has them made again from what the dialogs say.
 *
 * A drachtio-server keeps dialogs, too, but tells nothing, answers 481 to what a peer says in
 * them, and lets nobody resume an INVITE: there every call is adopted and asked whether it still
 * lives, now and every few seconds, and what rang is taken back.
 */
import type { Call, Offer } from '../core/state.ts';
import type { Callers } from './callers.ts';
import { dialogIdOf, isGone, TRANSACTION_DEADLINE_MS } from './client.ts';
import type { EdgeContext } from './context.ts';
import type { Holds } from './holds.ts';
import type { LegFacts } from '../media/port.ts';
import { answerGoodbye, answerLastWords } from './last-words.ts';
import type { Logins } from './login.ts';
import { readLoginFacts } from './login-memory.ts';
import type { Credentials } from './digest.ts';
import { identityOf } from './offers.ts';
import type { Offers } from './offers.ts';
import type { Outbounds } from './outbound.ts';
import type { EndedDialog, HeldDialog, Inventory, KnownDialog, Stack } from './port.ts';
import type { Presence } from './presence.ts';
import type { Routes } from './routes.ts';
import { packageOf } from './packages.ts';
import { acknowledgeOwed } from './reconnection.ts';
import { hangUp, NOT_WANTED, takeBack } from './take-back.ts';
import { adoptOutbound, outboundLegs } from './takeover-outbound.ts';
import { adoptTransfers, transferLegs } from './takeover-transfers.ts';
import type { Package } from './packages.ts';

/** A SIP server that came back this recently may have missed what peers said meanwhile. */
const RESTORED_RECENTLY_MS = 60_000;
/** Legs made again at once. */
const LEGS_AT_ONCE = 50;
/** A peer is asked for so long before we go on without his answer. */
const ASKED_MAX_MS = 2_000;

export interface TakeoverParts {
  readonly context: EdgeContext;
  readonly stack: Stack;
  readonly callers: Callers;
  readonly offers: Offers;
  readonly outbounds: Outbounds;
  readonly holds: Holds;
  readonly logins: Logins;
  readonly presence: Presence;
  readonly routes: Routes;
}

/** Settles when everything that was there has an owner again, or an end. Never rejects. */
export async function takeOver(parts: TakeoverParts): Promise<void> {
  const { context, stack, holds } = parts;
  const { calls, offers } = context.runtime.state;
  const sipd = stack.sipd();
  const adopted = await context.media.adopt();
  if (!adopted.ok) context.log.error({ detail: adopted.detail }, 'audio was not taken over');
  const there = adopted.ok ? adopted.legs : [];
  const legs = new Set(there.map(({ leg }) => leg));
  const told = sipd === null ? null : await sipd.inventory();
  const inventory = told === null ? null : inOurTime(told, context.runtime.now());
  const found = new Map<string, KnownDialog>();
  for (const one of [...(inventory?.held ?? []), ...(inventory?.ended ?? [])])
    if (!found.has(one.dialogId)) found.set(one.dialogId, one);
  const before = [...calls.values()];
  // Of those that ask the queue's veto no phone knows.
  const rung = [...offers.values()].filter(({ phase }) => phase !== 'asking');
  const sent = [...context.runtime.state.transfers.values()];
  const outbound = [...context.runtime.state.outbound.values()];
  const wanted = new Map([
    ...wantedLegs(before, rung, found),
    ...transferLegs(sent, found),
    ...outboundLegs(outbound, found),
  ]);
  const lost = await remakeLegs(parts, wanted, legs);
  // A phone that rings without a leg behind it is better rung anew.
  for (const offer of rung) if (lost.has(offer.id)) giveUpRinging(parts, found, offer);
  const answers = await lateAnswers(parts, there);
  if (inventory === null) await trustAll(parts, before, rung, answers);
  const owned = inventory === null ? [] : await adoptAll(parts, before, rung, found, answers);
  holds.recall(there);
  const away = adoptTransfers(parts, sent, inventory === null ? null : found);
  const dialled = adoptOutbound(parts, outbound, inventory === null ? null : found);
  const keyed = adoptLogins(parts, there, inventory === null ? null : found, answers);
  const watched = parts.presence.resume(inventory?.held ?? []);
  endStrays(parts, found, rung, new Set([...owned, ...away, ...dialled, ...keyed, ...watched]));
  if (before.length + rung.length > 0)
    context.log.info({ calls: before.length, offers: rung.length }, 'calls taken over');
  acknowledgeOwed(context, inventory?.held ?? []);
  const since = context.runtime.now() - RESTORED_RECENTLY_MS;
  if (sipd === null) context.dialogs.watchOver();
  // Who left meanwhile was not told, or not even heard by the SIP server: those are asked.
  else if (inventory === null || inventory.restoredAt > since) context.dialogs.probe();
}

/**
 * Clocks of two processes differ after the machine's was set, as each catches up from where it was
 * (clock.ts): how long ago something was is the same for both.
 */
function inOurTime(told: Inventory, now: number): Inventory {
  const { ended, restoredAt, toldAt } = told;
  const ahead = now - (toldAt ?? now);
  return {
    ...told,
    ended: ended.map((one) => ({ ...one, at: one.at + ahead })),
    restoredAt: restoredAt === 0 ? 0 : restoredAt + ahead,
  };
}

/** Legs that calls and offers must have, each with its dialog. */
function wantedLegs(
  calls: readonly Call[],
  offers: readonly Offer[],
  found: ReadonlyMap<string, KnownDialog>,
): ReadonlyMap<string, string> {
  const wanted = new Map<string, string>();
  const add = (leg: string, dialogId: string | null): void => {
    const one = dialogId === null ? undefined : found.get(dialogId);
    if (one === undefined || !('state' in one)) return;
    // An INVITE to us that waits for its answer makes its leg with it.
    if (one.state !== 'early' || one.role === 'uac') wanted.set(leg, one.dialogId);
  };
  for (const call of calls) add(call.id, call.dialogId);
  for (const offer of offers) add(offer.id, dialogIdOf(identityOf(offer.id)));
  return wanted;
}

/** The audio process was killed, too: its legs are made again on the ports the parties know. */
async function remakeLegs(
  { context, stack }: TakeoverParts,
  wanted: ReadonlyMap<string, string>,
  living: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const lost = new Set<string>();
  const sipd = stack.sipd();
  const missing = [...wanted].filter(([leg]) => !living.has(leg));
  if (sipd === null || missing.length === 0) return lost;
  const remake = async (leg: string, dialogId: string): Promise<void> => {
    const sdp = await sipd.sdp(dialogId);
    const made = sdp === null ? null : await context.media.restore(leg, sdp);
    if (made?.ok === true) return;
    lost.add(leg);
    context.log.warn({ leg, detail: made?.detail ?? 'its SDP is not known' }, 'leg is lost');
  };
  while (missing.length > 0) {
    const some = missing.splice(0, LEGS_AT_ONCE);
    await Promise.all(some.map(async ([leg, dialogId]) => remake(leg, dialogId)));
  }
  context.log.info({ lost: lost.size }, 'audio made again from the dialogs');
  return lost;
}

function giveUpRinging(
  { context, stack }: TakeoverParts,
  found: Map<string, KnownDialog>,
  offer: Offer,
) {
  if (offer.phase === 'answered' || offer.phase === 'connected') return;
  const dialogId = dialogIdOf(identityOf(offer.id));
  stack.sipd()?.cancel(dialogId, NOT_WANTED);
  found.set(dialogId, { dialogId, at: context.runtime.now(), why: 'its audio was lost' });
}

/**
 * Answers that came with an ACK (RFC 3264 §5 in RFC 3261 §13.2.1: INVITE without SDP) to a process
 * that did not live to use them: by leg, as the SIP server heard them; '' where it did not.
 */
async function lateAnswers(
  { context, stack }: TakeoverParts,
  legs: readonly LegFacts[],
): Promise<ReadonlyMap<string, string>> {
  const answers = new Map<string, string>();
  const sipd = stack.sipd();
  for (const { leg, isAnswered, remembered } of legs) {
    if (isAnswered) continue;
    const login = readLoginFacts(remembered)?.dialogId;
    const dialogId = login ?? context.runtime.state.calls.get(leg)?.dialogId ?? null;
    // Offers are calls of ours: their answer comes again.
    if (dialogId === null) continue;
    const sdp = sipd === null ? null : await sipd.sdp(dialogId);
    answers.set(leg, sdp?.remoteSdp ?? '');
  }
  return answers;
}

/** Gives the dialogs that have an owner now, who ends them, too. */
async function adoptAll(
  parts: TakeoverParts,
  calls: readonly Call[],
  offers: readonly Offer[],
  found: ReadonlyMap<string, KnownDialog>,
  answers: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const { context } = parts;
  const owned: string[] = [];
  const ends: Promise<unknown>[] = [];
  // All owners first: an end may move others, and an offer needs its caller.
  for (const call of calls) {
    const one = call.dialogId === null ? undefined : found.get(call.dialogId);
    if (one !== undefined && 'state' in one) {
      owned.push(one.dialogId);
      parts.callers.adopt(call, one, answers.get(call.id) ?? null);
    } else ends.push(endCall(context, call, one));
  }
  await Promise.all(ends);
  for (const offer of offers) {
    // Its caller may just have been found gone.
    if (context.runtime.state.offers.get(offer.id) !== offer) continue;
    const dialogId = dialogIdOf(identityOf(offer.id));
    const one = found.get(dialogId);
    answerGoodbye(context, one);
    owned.push(dialogId);
    parts.offers.adopt(offer, one);
  }
  return owned;
}

/**
 * Agents who are keying their numbers go on where they are, if their audio lives: what they have
 * keyed is kept with it. Else their dialogs are strays, and end politely.
 * @param found null: the server does not tell; they are taken as still there, and watched
 */
function adoptLogins(
  { context, logins }: TakeoverParts,
  legs: readonly LegFacts[],
  found: ReadonlyMap<string, KnownDialog> | null,
  answers: ReadonlyMap<string, string>,
): readonly string[] {
  const owned: string[] = [];
  for (const { leg, remembered } of legs) {
    const facts = readLoginFacts(remembered);
    if (facts === null) continue;
    const { dialogId } = facts;
    const one = found === null ? { state: 'confirmed' } : found.get(dialogId);
    answerGoodbye(context, found?.get(dialogId));
    // An INVITE that was not answered comes again, as a new one.
    if (one === undefined || !('state' in one) || one.state === 'early') continue;
    owned.push(dialogId);
    const isAcked = one.state !== 'awaiting-ack';
    logins.adopt(leg, facts, isAcked ? (answers.get(leg) ?? null) : undefined);
  }
  if (owned.length > 0) context.log.info({ logins: owned.length }, 'logins under way go on');
  return owned;
}

/** Nobody is there for the caller any more: journalled as of when he left, where that is known. */
function endCall(context: EdgeContext, call: Call, ended: EndedDialog | undefined) {
  if (ended !== undefined) answerLastWords(context, ended.dialogId);
  const causes: Readonly<Record<string, 'bye' | 'cancel'>> = { BYE: 'bye', CANCEL: 'cancel' };
  const cause = causes[ended?.why ?? ''] ?? 'failed';
  const when = ended === undefined ? {} : { endedAt: ended.at };
  return context.runtime.submit({
    ...{ kind: 'EndCall', by: 'takeover', callId: call.id },
    ...{ cause, ...when },
  });
}

/** Dialogs of no call, offer or login in the journal: their process died before their end. */
function endStrays(
  { context, stack, routes }: TakeoverParts,
  found: ReadonlyMap<string, KnownDialog>,
  offers: readonly Offer[],
  owned: ReadonlySet<string>,
): void {
  const credentials = new Map<string, Credentials | null>();
  for (const { id, device } of offers)
    credentials.set(dialogIdOf(identityOf(id)), routes.to(device)?.credentials ?? null);
  for (const one of found.values()) {
    if (!('state' in one) || owned.has(one.dialogId)) continue;
    const { dialogId, role, state: phase, method, callId } = one;
    const isUnanswered = phase !== 'confirmed' && role === 'uac' && method === 'INVITE';
    if (isUnanswered) stack.sipd()?.cancel(dialogId, NOT_WANTED);
    // An INVITE to us without an answer is given to us again, as a new call.
    else if (phase === 'early') continue;
    else if (method === 'SUBSCRIBE') unsubscribe(context, dialogId, packageOf(callId));
    else hangUp(context, dialogId, credentials.get(dialogId) ?? routes.accountFor(one));
  }
}

/** Where that is challenged the phone's next NOTIFY gets 481, which ends it, too (RFC 6665). */
function unsubscribe(context: EdgeContext, dialogId: string, event: Package | null): void {
  if (event === null) return;
  void context.client.request(
    { method: 'SUBSCRIBE', dialogId, headers: { Event: event, Expires: '0' } },
    { deadlineMs: TRANSACTION_DEADLINE_MS },
  );
}

/** The server tells nothing: everybody is taken as still there, and found out later if not. */
async function trustAll(
  { context, stack, callers, offers, routes }: TakeoverParts,
  calls: readonly Call[],
  rung: readonly Offer[],
  answers: ReadonlyMap<string, string>,
): Promise<void> {
  const held = (dialogId: string, role: 'uas' | 'uac'): HeldDialog => {
    const state = 'confirmed';
    return { dialogId, state, role, method: 'INVITE', callId: '' };
  };
  const rest: Promise<unknown>[] = [];
  for (const call of calls) {
    const { dialogId } = call;
    const adopt = (id: string): void =>
      callers.adopt(call, held(id, 'uas'), answers.get(call.id) ?? null);
    if (dialogId !== null && call.confirmedAt !== null) adopt(dialogId);
    else
      rest.push(
        askFor(context, dialogId).then(async (isThere) => {
          // His ACK was given to nobody, or to the process that died.
          if (isThere && dialogId !== null) return adopt(dialogId);
          return endCall(context, call, undefined);
        }),
      );
  }
  await Promise.all(rest);
  for (const offer of rung) {
    if (context.runtime.state.offers.get(offer.id) !== offer) continue;
    const isUp = offer.phase === 'answered' || offer.phase === 'connected';
    const dialogId = dialogIdOf(identityOf(offer.id));
    if (isUp) offers.adopt(offer, held(dialogId, 'uac'));
    else {
      const credentials = routes.to(offer.device)?.credentials ?? null;
      takeBack({ context, stack }, dialogId, credentials, offer.transaction);
      const at = context.runtime.now();
      offers.adopt(offer, { dialogId, at, why: 'the server was restarted while the phone rang' });
    }
  }
}

/** Has the INVITE been answered, so that there is a dialog? In doubt yes: he is watched. */
async function askFor({ client }: EdgeContext, dialogId: string | null): Promise<boolean> {
  if (dialogId === null) return false;
  const options = { method: 'OPTIONS', dialogId };
  return !isGone(await client.request(options, { deadlineMs: ASKED_MAX_MS }));
}
