/**
 * A PBX and the ACD behind it, for the stories that need both.
 */
import { expect } from 'vitest';
import type { Acd } from './acd.ts';
import { until } from './inbox.ts';
import type { Kamailio } from './kamailio.ts';
import type { Phone } from './phone.ts';
import type { Stage } from './stage.ts';
import { phone } from './stories.ts';

/**
 * An entry of `sip.register` for a user of the PBX. Kamailio is a proxy and leaves the Contact of
 * the phone alone, whose user may be anything (baresip's is `ann-0x55…`): the standard rule,
 * `device-from: auto`, must find the phone's name in From.
 */
export function account(pbx: { readonly uri: string }, name = 'pbx', username = 'acd') {
  const password = `pw-${username}`;
  return { name, registrar: pbx.uri, username, password, expires: 60 };
}

/** Waits until GET /health says that of the registrar. */
export async function registrarIs(acd: Acd, name: string, state: string, ms = 20_000) {
  const look = async () => (await acd.health()).registrars.find((one) => one.name === name);
  return until(`${name} ${state}`, look, (one) => one?.state === state, ms);
}

/** A phone that is registered at the PBX. */
export async function desk(stage: Stage, pbx: Kamailio, user: string): Promise<Phone> {
  const made = await phone(stage, {
    user,
    domain: pbx.domain,
    proxy: pbx.uri,
    credentials: pbx.credentials(user),
  });
  expect(await made.register()).toBe(200);
  return made;
}

/** How a phone of the PBX dials a user of it. */
export const at = (pbx: Kamailio, user: string) => `sip:${user}@${pbx.domain}:${pbx.port}`;
