/**
 * What is asked of every INVITE before it is a caller or a login: extensions and bodies that we
 * understand.
 */
import type { AcdConfig } from '../config/types.ts';
import type { ArriveCall } from '../core/commands.ts';
import { parseNeed } from '../core/skills.ts';
import type { PenaltyLimits } from '../core/types.ts';
import { refuseBody } from './bodies.ts';
import { refuseExtensions } from './extensions.ts';
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
  if (text === '' || !/^\d{0,6}(,\d{0,6}){0,2}$/.test(text)) return null;
  const [max, min, raise] = text.split(',').map((each) => (each === '' ? null : Number(each)));
  return { max: max ?? null, min: min ?? null, raise: raise ?? null };
}

/** What the call brings along, by the headers that the configuration trusts. */
export function wishesOf(
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
