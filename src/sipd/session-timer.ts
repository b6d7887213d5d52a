/**
 * Session timers (RFC 4028): who refreshes, when to refresh, and when to give a dialog up for dead.
 * Our own refreshes are invisible to clients, but for one of our own kind where it has to act.
 */
import { composeRequest } from './compose.ts';
import type { Context } from './context.ts';
import { hearSdp, type DialogEntry, type DialogState, type SessionTimer } from './dialogs.ts';
import { leadingNumber, lists, param } from './headers.ts';
import { header, headerValues, type Header, type SipMessage } from './message.ts';
import { MIN_SESSION_SECONDS, RESTORE_GRACE_MS } from './limits.ts';
import {
  dialogPath,
  dialogRequest,
  endDialog,
  sendAck,
  sendOwn,
  tellUnsolicited,
} from './outgoing.ts';
import type { Received } from './received.ts';
import { refreshTargetBy2xx } from './uas-dialogs.ts';

/** Seconds between attempts where a refresh met a passing obstacle (491, 500, 503). */
const RETRY_SECONDS = 5;
/** A session that has no more left than this is ended. */
const LAST_MS = 10_000;

export interface SessionExpires {
  seconds: number;
  refresher: 'uac' | 'uas' | null;
}

function parseSessionExpires(value: string): SessionExpires | null {
  const seconds = leadingNumber(value);
  if (seconds < 0) return null;
  const semicolon = value.indexOf(';');
  const named = param(semicolon < 0 ? '' : value.slice(semicolon), 'refresher')?.toLowerCase();
  return { seconds, refresher: named === 'uac' || named === 'uas' ? named : null };
}

/** Must this request be refused with 422 (RFC 4028 section 9)? */
export function isIntervalTooSmall(request: SipMessage): boolean {
  const offered = parseSessionExpires(header(request, 'session-expires'));
  return (
    offered !== null &&
    offered.seconds < MIN_SESSION_SECONDS &&
    lists(headerValues(request, 'supported'), 'timer')
  );
}

/**
 * What a 2xx of ours says about the session timer, given the request and the client's headers.
 * Where the peer leaves the choice open it refreshes: it knows best whether it still lives.
 */
export function answerSession(
  request: SipMessage,
  ours: Header[],
  now: number,
): { extra: Header[]; timer: SessionTimer | null } {
  const own = ours.find((one) => one.name.toLowerCase() === 'session-expires');
  const offered = parseSessionExpires(own?.value ?? header(request, 'session-expires'));
  const peerKnows = lists(headerValues(request, 'supported'), 'timer');
  if (offered === null || (own === undefined && !peerKnows)) return { extra: [], timer: null };
  const refresher = offered.refresher ?? (peerKnows ? 'uac' : 'uas');
  const seconds = Math.max(offered.seconds, MIN_SESSION_SECONDS);
  const timer: SessionTimer = {
    intervalSeconds: seconds,
    refresher: refresher === 'uac' ? 'remote' : 'local',
    refreshedAt: now,
  };
  if (own !== undefined) return { extra: [], timer };
  const extra = [{ name: 'Session-Expires', value: `${seconds};refresher=${refresher}` }];
  const isRequired = ours.some(
    (one) => one.name.toLowerCase() === 'require' && lists([one.value], 'timer'),
  );
  if (refresher === 'uac' && !isRequired) extra.push({ name: 'Require', value: 'timer' });
  return { extra, timer };
}

/** What a 2xx from the peer says. */
export function sessionOfResponse(response: SipMessage, now: number): SessionTimer | null {
  const agreed = parseSessionExpires(header(response, 'session-expires'));
  if (agreed === null) return null;
  return {
    intervalSeconds: Math.max(agreed.seconds, MIN_SESSION_SECONDS),
    refresher: agreed.refresher === 'uas' ? 'remote' : 'local',
    refreshedAt: now,
  };
}

/** Starts, restarts or (null) stops the timer of a dialog. */
export function armSession(ctx: Context, entry: DialogEntry, timer: SessionTimer | null): void {
  entry.sessionAlarm?.cancel();
  entry.sessionAlarm = null;
  entry.state.sessionTimer = timer;
  ctx.dialogs.touch(entry);
  if (timer === null || entry.isGone) return;
  const interval = timer.intervalSeconds;
  const age = ctx.clock.now() - timer.refreshedAt;
  if (timer.refresher === 'local') {
    // RFC 4028 section 7.2: half the interval; a few seconds less keep equal dialogs apart.
    const seconds = interval / 2 - Math.random() * 5;
    entry.sessionAlarm = ctx.clock.after(Math.max(seconds * 1000 - age, 0), () => {
      refresh(ctx, entry, timer);
    });
    return;
  }
  // RFC 4028 section 10: the side that waits ends the session a little before it expires.
  const seconds = interval - Math.min(32, interval / 3);
  // After a restart the peer's refresh may still be on its way.
  const wait = Math.max(seconds * 1000 - age, RESTORE_GRACE_MS);
  entry.sessionAlarm = ctx.clock.after(wait, () => {
    endDialog(ctx, entry, 'Session timer expired');
  });
}

/** Of the session, unless it is refreshed. */
function msLeft({ clock }: Context, timer: SessionTimer): number {
  return timer.refreshedAt + timer.intervalSeconds * 1000 - clock.now();
}

function refresh(ctx: Context, entry: DialogEntry, timer: SessionTimer): void {
  const { state } = entry;
  if (entry.isGone) return;
  const retry = (): void => {
    const left = msLeft(ctx, timer);
    if (left < LAST_MS) {
      endDialog(ctx, entry, 'Session timer expired');
      return;
    }
    entry.sessionAlarm = ctx.clock.after(RETRY_SECONDS * 1000, () => {
      refresh(ctx, entry, timer);
    });
  };
  if (entry.isInviting || entry.invitedBy !== '') {
    retry();
    return;
  }
  const byUpdate = state.peerAllowsUpdate;
  const extra = [
    { name: 'Contact', value: state.contact },
    { name: 'Supported', value: 'timer' },
    { name: 'Session-Expires', value: `${timer.intervalSeconds};refresher=uac` },
  ];
  if (!byUpdate && state.localSdp !== '') {
    extra.push({ name: 'Content-Type', value: 'application/sdp' });
  }
  const method = byUpdate ? 'UPDATE' : 'INVITE';
  entry.isInviting = !byUpdate;
  const body = byUpdate ? '' : state.localSdp;
  const cseq = state.localCSeq + 1;
  sendOwn(ctx, state, { method, extra, body }, (status, response) => {
    entry.isInviting = false;
    if (entry.isGone) return;
    if (status >= 200 && status < 300 && response !== null) {
      const former = state.remoteSdp;
      hearSdp(entry, response.message.body);
      refreshTargetBy2xx(entry, response.message, response.path);
      if (!byUpdate) acknowledge(ctx, entry, cseq);
      const agreed = sessionOfResponse(response.message, ctx.clock.now());
      armSession(ctx, entry, agreed);
      // RFC 3264 section 8: the peer's media has moved. A re-INVITE of the client's hears where to.
      if (!byUpdate && saysOther(former, state.remoteSdp)) showClient(ctx, state, response);
    } else if (status === 422 && response !== null) {
      const least = leadingNumber(header(response.message, 'min-se'));
      // Only a longer interval is worth a second try: anything else could go on for ever.
      if (least <= timer.intervalSeconds || least > 86_400) retry();
      else refresh(ctx, entry, { ...timer, intervalSeconds: least });
    } else if (status === 481 || status === 408) {
      endDialog(ctx, entry, 'Session timer expired');
    } else if (status === 405 || status === 501) {
      state.peerAllowsUpdate = false;
      retry();
    } else if ((status === 401 || status === 407) && response !== null) {
      leaveToClient(ctx, entry, timer, response);
    } else {
      retry();
    }
  });
}

/** But for the origin, whose version some count up with every answer (RFC 4566 section 5.2). */
function saysOther(former: string, sdp: string): boolean {
  const [one, other] = [former, sdp].map((each) => each.replace(/^o=.*$/m, ''));
  return one !== other;
}

/**
 * The refresh was challenged, and only the client knows the password. It sends its own, whose
 * answer starts the timer again; else the session ends in time.
 */
function leaveToClient(
  ctx: Context,
  entry: DialogEntry,
  timer: SessionTimer,
  refusal: Received,
): void {
  const left = msLeft(ctx, timer);
  entry.sessionAlarm = ctx.clock.after(Math.max(left - LAST_MS, 0), () => {
    endDialog(ctx, entry, 'Session timer expired');
  });
  showClient(ctx, entry.state, refusal);
}

/** A client of our own kind is shown our refresh that had this answer, and sends its own. */
function showClient(ctx: Context, state: DialogState, answer: Received): void {
  if (!ctx.clients.takesOver(state.owner)) return;
  const { method, seq: cseq } = answer.cseq;
  const parts = dialogRequest(state, answer.path, { method, cseq, extra: [], body: '' });
  tellUnsolicited(ctx, state, composeRequest(parts), answer.path);
}

function acknowledge(ctx: Context, entry: DialogEntry, cseq: number): void {
  dialogPath(ctx, entry.state, (found) => {
    if (found.ok) sendAck(entry.state, found.path, cseq, [], '');
  });
}
