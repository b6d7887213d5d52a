/**
 * What is asked of every INVITE before it is a caller or a login: extensions and bodies that we
 * understand. And what it says to the core.
 */
import type { AcdConfig } from '../config/types.ts';
import type { ArriveCall } from '../core/commands.ts';
import { parseNeed } from '../core/skills.ts';
import type { PenaltyLimits } from '../core/types.ts';
import { refuseBody } from './bodies.ts';
import type { Caller } from './caller.ts';
import { refuseExtensions } from './extensions.ts';
import { address, clean, parseNameAddr } from './headers.ts';
import type { IncomingRequest, Response } from './port.ts';

/** What to answer before anything is tried, or null. */
export function checkInvite(request: IncomingRequest): Response | null {
  return refuseExtensions(request) ?? refuseBody(request);
}

/** A whole number of a header; null: none, or nonsense, which costs nobody a call. */
function numberOf(request: IncomingRequest, name: string | null): number | null {
  if (name === null) return null;
  const text = request.header(name).trim();
  return /^-?\d{1,6}$/.test(text) ? Number(text) : null;
}

/** `max,min,raise`, each may be left out; null: no limits, or nonsense. */
function limitsOf(request: IncomingRequest, name: string | null): PenaltyLimits | null {
  const text = name === null ? '' : request.header(name).replaceAll(' ', '');
  // `r5`: who is below min is not raised.
  const found = /^(\d{0,6})(?:,(\d{0,6})(?:,(r?)(\d{0,6}))?)?$/.exec(text);
  if (text === '' || found === null) return null;
  const [, max, min, respects, raise] = found;
  const limit = (each = '') => (each === '' ? null : Number(each));
  const keepsMin = respects === 'r' && raise !== '' ? ({ keepsMin: true } as const) : {};
  return { max: limit(max), min: limit(min), raise: limit(raise), ...keepsMin };
}

/** What the call brings along, by the headers that the configuration trusts. */
function wishesOf(
  request: IncomingRequest,
  sip: AcdConfig['sip'],
): Pick<ArriveCall, 'priority' | 'position' | 'limits' | 'skills'> {
  const priority = numberOf(request, sip.priorityHeader);
  const position = numberOf(request, sip.positionHeader);
  const limits = limitsOf(request, sip.penaltyHeader);
  const skills = sip.skillsHeader === null ? null : parseNeed(request.header(sip.skillsHeader));
  return {
    ...(limits === null ? {} : { limits }),
    ...(skills === null ? {} : { skills }),
    ...(priority === null ? {} : { priority }),
    ...(position === null || position < 1 ? {} : { position }),
  };
}

/** His INVITE as the core hears of it. */
export function arrivalOf(request: IncomingRequest, caller: Caller, sip: AcdConfig['sip']) {
  const from = parseNameAddr(request.header('From'));
  return {
    kind: 'ArriveCall',
    by: 'sip',
    callId: caller.callId,
    queue: caller.queue,
    sipCallId: clean(request.header('Call-ID'), 256),
    dialogId: caller.dialogId,
    from: address(from?.uri ?? ''),
    fromName: clean(from?.display ?? ''),
    to: address(request.uri),
    ...(caller.agentId === null ? {} : { agentId: caller.agentId }),
    ...(caller.registrar === null ? {} : { registrar: caller.registrar }),
    ...wishesOf(request, sip),
  } as const;
}
