/**
 * Taking over outbound calls (takeover.ts has the rest): both legs of each are looked for by the
 * call's id; what lives goes on, what has ended meanwhile is journalled as of then.
 */
import type { Outbound } from '../core/outbound-call.ts';
import { dialogIdOf } from './client.ts';
import type { EdgeContext } from './context.ts';
import { answerGoodbye } from './last-words.ts';
import { legOf, outboundIdentity, type Side } from './outbound-names.ts';
import type { Outbounds } from './outbound.ts';
import type { EndedDialog, HeldDialog, KnownDialog, Stack } from './port.ts';
import type { Routes } from './routes.ts';
import { takeBack } from './take-back.ts';

const SIDES: readonly Side[] = ['agent', 'callee'];

const dialogOf = ({ id }: Outbound, side: Side): string => dialogIdOf(outboundIdentity(id, side));

/** Legs of audio that outbound calls must have, each with its dialog. */
export function outboundLegs(
  outbounds: readonly Outbound[],
  found: ReadonlyMap<string, KnownDialog>,
): ReadonlyMap<string, string> {
  const wanted = new Map<string, string>();
  for (const outbound of outbounds)
    for (const side of SIDES) {
      const dialogId = dialogOf(outbound, side);
      const one = found.get(dialogId);
      if (one !== undefined && 'state' in one) wanted.set(legOf(outbound.id, side), dialogId);
    }
  return wanted;
}

interface Parts {
  readonly context: EdgeContext;
  readonly stack: Stack;
  readonly outbounds: Outbounds;
  readonly routes: Routes;
}

/**
 * Gives the dialogs that have an owner now.
 * @param found null: the SIP server does not tell; who talks is taken as still there, and watched;
 *   a phone that rings is taken back, and the call is over: nobody is rung a second time
 */
export function adoptOutbound(
  parts: Parts,
  outbounds: readonly Outbound[],
  found: ReadonlyMap<string, KnownDialog> | null,
): readonly string[] {
  const owned: string[] = [];
  for (const outbound of outbounds) {
    if (found === null) {
      owned.push(...trust(parts, outbound));
      continue;
    }
    const [agent, callee] = SIDES.map((side) => found.get(dialogOf(outbound, side)));
    for (const one of [agent, callee]) answerGoodbye(parts.context, one);
    // The number's leg without an agent, or where it is refused already, ends with the strays.
    const hasAgent = agent !== undefined && 'state' in agent;
    if (hasAgent) owned.push(dialogOf(outbound, 'agent'));
    if (hasAgent && outbound.refused === null) owned.push(dialogOf(outbound, 'callee'));
    parts.outbounds.adopt(outbound, agent, callee);
  }
  if (outbounds.length > 0)
    parts.context.log.info({ outbound: outbounds.length }, 'outbound calls taken over');
  return owned;
}

/** A drachtio-server keeps dialogs and tells nothing of them. */
function trust({ context, stack, outbounds, routes }: Parts, outbound: Outbound): string[] {
  const held = (side: Side): HeldDialog => {
    const known = { state: 'confirmed', role: 'uac', method: 'INVITE', callId: '' } as const;
    return { dialogId: dialogOf(outbound, side), ...known };
  };
  if (outbound.connectedAt !== null) {
    outbounds.adopt(outbound, held('agent'), held('callee'));
    return SIDES.map((side) => dialogOf(outbound, side));
  }
  const why = 'the server was restarted while the phone rang';
  const at = context.runtime.now();
  const side = outbound.pickedUpAt === null ? 'agent' : 'callee';
  const dialogId = dialogOf(outbound, side);
  const ended: EndedDialog = { dialogId, at, why };
  const route = side === 'agent' ? routes.to(outbound.device) : routes.toNumber(outbound);
  takeBack({ context, stack }, dialogId, route?.credentials ?? null);
  if (side === 'agent') outbounds.adopt(outbound, ended, undefined);
  else outbounds.adopt(outbound, held('agent'), ended);
  return [dialogOf(outbound, 'agent')];
}
