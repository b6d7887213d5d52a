/**
 * `queue_log` in Asterisk's format, verbs and meanings (app_queue.c, logger.conf), so that
 * QueueMetrics, Asternic and their like read it: `epoch|callid|queue|agent|verb|data…`. Pure: the
 * lines of one event, given what was before. A call has exactly one terminal verb for each queue
 * it entered (Asterisk writes two or none at times). Where we know more than Asterisk has words
 * for, the word is that which makes its readers count right:
 *
 * - A call whose own side failed while it waited (FAILED) is an ABANDON: it left the line unserved.
 * - A talk out of which the caller was sent elsewhere is a BLINDTRANSFER (`user|host`), in the
 *   place of a talk there an ATTENDEDTRANSFER (`APP|user`), by whoever ordered it. Into a line of
 *   ours it is a BLINDTRANSFER, too (`queue or agent|acd`), and an ENTERQUEUE of the same call.
 * - A talk ended by the system (a limit, a leg lost) is a COMPLETEAGENT: the caller did not end it.
 * - Every offer that came to nothing at the agent's is RINGNOANSWER, busy ones with the few ms
 *   they took, as Asterisk has it; but SYSCOMPAT where he answered and no audio could be had, and
 *   AGENTDUMP where he hung up before the two heard each other.
 * - What a veto refused never rang, and writes nothing: there is no word for it, and RINGNOANSWER
 *   would count as missed.
 * - An agent's own call writes OUTCALL (Asterisk's QueueUpdate(): status as in DIALSTATUS, talk,
 *   whole length, number) once he was on the phone; it is of no queue, which is NONE.
 * - A login writes AGENTLOGIN, and ADDMEMBER for each queue that it is to, a logout likewise; who
 *   joins or leaves one queue is an ADDMEMBER or a REMOVEMEMBER of it; a pause in
 *   all queues writes PAUSEALL, and PAUSE for each.
 */
import type { CallEnded, CoreEvent, OfferFailed } from '../core/events.ts';
import type { OutboundEnded, OutboundOutcome } from '../core/outbound-events.ts';
import type { CallTransferred } from '../core/transfer-events.ts';
import type { AgentId, ExitStatus, QueueName } from '../core/types.ts';
import { attendedOf, pauseIn, placeOf, type House, type Person } from './house.ts';

/** One line; `data` are the fields after the verb. */
export interface QueueLogLine {
  /** ms since the epoch; the line itself has seconds. */
  readonly at: number;
  readonly call: string;
  readonly queue: string;
  readonly agent: string;
  readonly verb: string;
  readonly data: readonly string[];
}

const NONE = 'NONE';
/** Where Asterisk has the dialplan context of a blind transfer. */
const CONTEXT = 'acd';

/** As agents are called: `Agent/2771`. */
export function agentName(agentId: AgentId): string {
  return `Agent/${agentId}`;
}

/** What came from outside must not make fields or lines. */
function clean(text: string): string {
  return text.replace(/[|\p{Cc}]/gu, ' ').trim();
}

const seconds = (ms: number): string => String(Math.max(0, Math.floor(ms / 1000)));

/** User of `user@host`. */
function numberOf(address: string): string {
  return clean(address.split('@')[0] ?? '');
}

/** The line as it stands in the file, without its end. */
export function writeLine({ at, call, queue, agent, verb, data }: QueueLogLine): string {
  return [Math.floor(at / 1000), call, queue, agent, verb, ...data].join('|');
}

interface Writer {
  readonly lines: QueueLogLine[];
  put(
    verb: string,
    data: readonly string[],
    of?: { call?: string; queue?: string; agent?: AgentId },
  ): void;
}

function writer(at: number): Writer {
  const lines: QueueLogLine[] = [];
  return {
    lines,
    put: (verb, data, { call = NONE, queue = NONE, agent } = {}) =>
      lines.push({
        at,
        call: clean(call),
        queue: clean(queue),
        agent: agent === undefined ? NONE : agentName(agent),
        verb,
        data,
      }),
  };
}

const EXITS: Readonly<Record<ExitStatus, string>> = {
  TIMEOUT: 'EXITWITHTIMEOUT',
  LEAVEEMPTY: 'EXITEMPTY',
  LEAVEUNAVAIL: 'EXITEMPTY',
  CONTINUE: 'EXITWITHKEY',
  WITHDRAW: 'WITHDRAW',
  ABANDONED: 'ABANDON',
  FAILED: 'ABANDON',
  // These never had a place, and a connected call is told of by who ended it.
  FULL: 'ABANDON',
  JOINEMPTY: 'ABANDON',
  JOINUNAVAIL: 'ABANDON',
  UNKNOWNQUEUE: 'ABANDON',
  OVERLOAD: 'ABANDON',
  COMPLETED: 'COMPLETEAGENT',
};

interface Exit {
  readonly callId: string;
  readonly queue: QueueName;
  readonly status: ExitStatus;
  readonly position: number;
  readonly firstPosition: number;
  readonly waitedMs: number;
  readonly key?: string | undefined;
}

/** Left the queue without an agent. */
function putExit(out: Writer, exit: Exit): void {
  const places = [String(exit.position), String(exit.firstPosition), seconds(exit.waitedMs)];
  const verb = EXITS[exit.status];
  const of = { call: exit.callId, queue: exit.queue };
  if (verb === 'EXITWITHKEY') return out.put(verb, [clean(exit.key ?? ''), ...places], of);
  // Behind it Asterisk has what was said to the withdrawal; nothing is here.
  return out.put(verb, verb === 'WITHDRAW' ? [...places, ''] : places, of);
}

function putEnd(out: Writer, house: House, event: CallEnded): void {
  const call = house.calls.get(event.callId);
  const { callId, queue, status, agentId, position, waitedMs, talkedMs, key } = event;
  const before = call === undefined ? 0 : call.queuedAt - call.waitsSince;
  const hereMs = waitedMs - before;
  const firstPosition = call?.position ?? position;
  if (agentId === null) {
    return putExit(out, { callId, queue, status, position, firstPosition, waitedMs: hereMs, key });
  }
  const data = [seconds(hereMs), seconds(talkedMs), String(firstPosition)];
  const { destination } = event;
  if (destination?.to === 'uri') {
    const isBlind = destination.replaces === undefined;
    const verb = isBlind ? 'BLINDTRANSFER' : 'ATTENDEDTRANSFER';
    const [to = '', host = ''] = destination.uri.replace(/^sips?:|;.*$/gi, '').split('@');
    const where = isBlind ? [clean(to), clean(host)] : ['APP', clean(to)];
    return out.put(verb, [...where, ...data], { call: callId, queue, agent: agentId });
  }
  const verb = event.endedBy === 'caller' ? 'COMPLETECALLER' : 'COMPLETEAGENT';
  return out.put(verb, data, { call: callId, queue, agent: agentId });
}

function putTransfer(out: Writer, house: House, event: CallTransferred): void {
  const { callId: call, from, agentId, queue, waitedMs, talkedMs, position } = event;
  const known = house.calls.get(call);
  const before = known === undefined ? 0 : known.queuedAt - known.waitsSince;
  const times = [seconds(waitedMs - before), seconds(talkedMs), String(known?.position ?? 0)];
  const data = [clean(event.only ?? queue), CONTEXT, ...times];
  out.put('BLINDTRANSFER', data, { call, queue: from, agent: agentId });
  out.put('ENTERQUEUE', ['', numberOf(known?.from ?? ''), String(position)], { call, queue });
}

/** As DIALSTATUS says it; of one who did not take his own phone nobody was dialled. */
const DIALLED: Readonly<Record<OutboundOutcome, string>> = {
  completed: 'ANSWER',
  'agent-missed': 'CANCEL',
  cancelled: 'CANCEL',
  busy: 'BUSY',
  declined: 'BUSY',
  'no-answer': 'NOANSWER',
  unreachable: 'CHANUNAVAIL',
  failed: 'CONGESTION',
  'hung-up': 'CANCEL',
};

function putOutbound(out: Writer, house: House, event: OutboundEnded): void {
  const { callId: call, agentId: agent, outcome, talkedMs, at, leftAt = at } = event;
  const own = house.outbound.get(call);
  if (own === undefined || own.pickedUpAt === null) return;
  const status = own.connectedAt === null ? DIALLED[outcome] : 'ANSWER';
  const lasted = seconds(leftAt - own.pickedUpAt);
  out.put('OUTCALL', [status, seconds(talkedMs), lasted, numberOf(own.to)], { call, agent });
}

function putCall(out: Writer, house: House, event: CoreEvent): void {
  switch (event.kind) {
    case 'OutboundEnded':
      return putOutbound(out, house, event);
    case 'CallEntered': {
      const data = ['', numberOf(event.from), String(event.position)];
      return out.put('ENTERQUEUE', data, { call: event.callId, queue: event.queue });
    }
    case 'CallMoved': {
      const { callId, from: queue, status, position, waitedMs } = event;
      const call = house.calls.get(callId);
      const firstPosition = call?.position ?? position;
      putExit(out, { callId, queue, status, position, firstPosition, waitedMs });
      if (call === undefined) return;
      const { queue: next, priority } = event;
      const place = placeOf(house, { ...call, queue: next, priority, order: call.entry });
      const data = ['', numberOf(call.from), String(place)];
      return out.put('ENTERQUEUE', data, { call: callId, queue: next });
    }
    case 'CallConnected': {
      const { callId, queue, agentId, offerId, at } = event;
      const call = house.calls.get(callId);
      const offer = house.offers.get(offerId);
      const held = call === undefined ? event.waitedMs : at - call.queuedAt;
      const rung = offer === undefined ? 0 : (offer.answeredAt ?? at) - offer.offeredAt;
      const data = [seconds(held), clean(offerId), seconds(rung)];
      return out.put('CONNECT', data, { call: callId, queue, agent: agentId });
    }
    case 'CallTransferred':
      return putTransfer(out, house, event);
    case 'CallEnded':
      return putEnd(out, house, event);
    default:
  }
}

function failureVerb({ failure, sipStatus }: OfferFailed, hasAnswered: boolean): string {
  if (!hasAnswered) return 'RINGNOANSWER';
  return failure === 'media' || sipStatus !== 0 ? 'SYSCOMPAT' : 'AGENTDUMP';
}

function putOffer(out: Writer, house: House, event: CoreEvent): void {
  if (event.kind !== 'OfferFailed' && event.kind !== 'OfferWithdrawn') return;
  const offer = house.offers.get(event.offerId);
  if (offer === undefined || offer.asks === true) return;
  const { callId: call, queue, agentId: agent, offeredAt } = offer;
  const rung = String(event.at - offeredAt);
  if (event.kind === 'OfferFailed') {
    const verb = failureVerb(event, offer.answeredAt !== null);
    return out.put(verb, verb === 'RINGNOANSWER' ? [rung] : [''], { call, queue, agent });
  }
  // Whoever was rung beside the one who answered is not told of, as in Asterisk.
  if (event.reason === 'answered-elsewhere') return;
  return out.put('RINGCANCELED', [rung], { call, queue, agent });
}

function putPause(out: Writer, house: House, event: CoreEvent, agent: AgentId, person: Person) {
  const queues = [...attendedOf(house.config, agent, person).keys()];
  if (event.kind === 'AgentPaused') {
    const reason = clean(event.reason);
    if (event.queue !== undefined) {
      const { queue } = event;
      // While he is paused everywhere, a pause in one queue changes nothing.
      if (person.pause === null) out.put('PAUSE', [reason], { queue, agent });
      return;
    }
    out.put('PAUSEALL', [reason], { agent });
    for (const queue of queues) {
      if (pauseIn(person, queue)?.reason !== event.reason) {
        out.put('PAUSE', [reason], { queue, agent });
      }
    }
    return;
  }
  if (event.kind !== 'AgentResumed') return;
  if (event.queue !== undefined) {
    if (person.pause === null) out.put('UNPAUSE', [''], { queue: event.queue, agent });
    return;
  }
  out.put('UNPAUSEALL', [''], { agent });
  for (const queue of queues) {
    if (!person.pausedIn.has(queue)) out.put('UNPAUSE', [''], { queue, agent });
  }
}

function putMember(out: Writer, person: Person | undefined, queue: QueueName, agent: AgentId) {
  const isPaused = person !== undefined && pauseIn(person, queue) !== null;
  out.put('ADDMEMBER', [isPaused ? 'PAUSED' : ''], { queue, agent });
}

function putAgent(out: Writer, house: House, event: CoreEvent): void {
  switch (event.kind) {
    case 'AgentLoggedIn': {
      const { agentId: agent, device } = event;
      if (house.people.get(agent)?.device === device.uri) return;
      out.put('AGENTLOGIN', [clean(device.uri)], { agent });
      for (const queue of attendedOf(house.config, agent, event).keys()) {
        out.put('ADDMEMBER', [''], { queue, agent });
      }
      return;
    }
    case 'QueueJoined':
    case 'QueueLeft': {
      const { agentId: agent, queue } = event;
      if (event.kind === 'QueueLeft') return out.put('REMOVEMEMBER', [''], { queue, agent });
      return putMember(out, house.people.get(agent), queue, agent);
    }
    case 'AgentLoggedOut': {
      const { agentId: agent, device, at } = event;
      const person = house.people.get(agent);
      for (const queue of attendedOf(house.config, agent, person ?? {}).keys()) {
        out.put('REMOVEMEMBER', [''], { queue, agent });
      }
      const lasted = at - (person?.since ?? at);
      return out.put('AGENTLOGOFF', [clean(device.uri), seconds(lasted)], { agent });
    }
    case 'AgentPaused':
    case 'AgentResumed': {
      const person = house.people.get(event.agentId);
      if (person !== undefined) putPause(out, house, event, event.agentId, person);
      return;
    }
    default:
  }
}

/** A configuration changes memberships of those who are logged in. */
function putConfig(
  out: Writer,
  house: House,
  event: Extract<CoreEvent, { kind: 'ConfigApplied' }>,
) {
  if (!house.isStarted) out.put('QUEUESTART', ['']);
  if (house.config === null) return;
  out.put('CONFIGRELOAD', ['']);
  for (const [agent, person] of house.people) {
    const before = attendedOf(house.config, agent, person);
    const now = attendedOf(event.config, agent, person);
    for (const queue of before.keys()) {
      if (!now.has(queue)) out.put('REMOVEMEMBER', [''], { queue, agent });
    }
    for (const [queue, { penalty, ringInUse }] of now) {
      const was = before.get(queue);
      if (was === undefined) {
        putMember(out, person, queue, agent);
        continue;
      }
      if (was.penalty !== penalty) out.put('PENALTY', [String(penalty)], { queue, agent });
      if (was.ringInUse !== ringInUse) {
        out.put('RINGINUSE', [ringInUse === true ? '1' : '0'], { queue, agent });
      }
    }
  }
}

/** The lines of an event; `house` is what was before it. */
export function queueLogOf(house: House, event: CoreEvent): readonly QueueLogLine[] {
  const out = writer(event.at);
  if (event.kind === 'ServerStarted') out.put('QUEUESTART', ['']);
  else if (event.kind === 'ConfigApplied') putConfig(out, house, event);
  else {
    putCall(out, house, event);
    putOffer(out, house, event);
    putAgent(out, house, event);
  }
  return out.lines;
}
