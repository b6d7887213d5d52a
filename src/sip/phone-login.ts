/**
 * An agent is logged in on a phone, whoever asks: he himself by dialling (login.ts), or somebody
 * by REST who names the phone. Presence first, where the phone's rule requires it, then the
 * command; a phone that was only asked is left alone again where the login comes to nothing.
 *
 * By REST the phone is named, not seen: it is looked up as a dialled login would have found it,
 * behind the registrar whose it is, so that both mean the same phone; and `sip.login.devices`
 * says which may be named, as calls will go there.
 */
import { isAllowed } from '../config/transfer-rules.ts';
import type { SipConfig } from '../config/types.ts';
import type { State } from '../core/state.ts';
import type { Device } from '../core/types.ts';
import type { Outcome, Runtime } from '../runtime/port.ts';
import { escapeUser, parseUri } from './headers.ts';
import { homeOf } from './routes.ts';

/** Most logins by REST that wait for their phones at a time. */
const UNDER_WAY_MAX = 100;

/** What login needs of presence. */
export interface PhoneWatching {
  /** The rule for phones reached this way says that presence is required. */
  isRequired(device: Device): boolean;
  /** Subscribes; true as soon as one package is accepted. */
  probe(device: Device): Promise<boolean>;
  /** A probed device whose login came to nothing. */
  abandon(deviceUri: string): void;
}

export interface Login {
  readonly agentId: string;
  readonly device: Device;
  readonly by: string;
  /** To these of his queues; absent: to all. */
  readonly queues?: readonly string[];
}

export type LoginOutcome = Outcome | { readonly ok: false; readonly refusal: 'no-presence' };

/** `isGone`: whoever asked is not there any more; null: so it was, and nothing came of it. */
export async function logInOn(
  runtime: Pick<Runtime, 'submit'>,
  presence: PhoneWatching,
  login: Login,
  isGone: () => boolean = () => false,
): Promise<LoginOutcome | null> {
  const { device } = login;
  if (presence.isRequired(device) && !(await presence.probe(device))) {
    presence.abandon(device.uri);
    return { ok: false, refusal: 'no-presence' };
  }
  if (isGone()) {
    presence.abandon(device.uri);
    return null;
  }
  const outcome = await runtime.submit({ kind: 'LogInAgent', ...login });
  if (!outcome.ok) presence.abandon(device.uri);
  return outcome;
}

/** A phone as somebody names it. */
export interface NamedPhone {
  /** `sip:user@host[:port]`, or the user alone of a phone at a registrar. */
  readonly device: string;
  /** Name of the registrar it is at; null: by its domain, or the only one there is. */
  readonly registrar: string | null;
}

/** Whose it shall be, and where he logs in. */
export interface LoginWish extends NamedPhone {
  /** Of his queues; null: all. */
  readonly queues: readonly string[] | null;
}

export type FoundPhone =
  | { readonly ok: true; readonly device: Device }
  | {
      readonly ok: false;
      readonly refusal: 'bad-device' | 'unknown-registrar' | 'device-not-allowed';
    };

export type NamedLogin = LoginOutcome | Extract<FoundPhone, { readonly ok: false }>;

type Known = Pick<SipConfig, 'register' | 'loginDevices'>;

const PHONE = /^(sip:[^@;?<>\s"]+@[^@;?<>\s"]+|[^@:;?<>\s"]+)$/i;

/** The device that a dialled login from that phone would have. */
export function findPhone(
  { device: written, registrar: name }: NamedPhone,
  config: Known,
  { agents, devices }: Pick<State, 'agents' | 'devices'>,
): FoundPhone {
  const { register } = config;
  const isUri = /^sip:/i.test(written);
  // No parameters and headers: they could lead a call elsewhere.
  const uri = PHONE.test(written) ? parseUri(isUri ? written : `sip:${written}@phone`) : null;
  if (uri === null) return { ok: false, refusal: 'bad-device' };
  const port = uri.port === null ? '' : `:${uri.port}`;
  const place = `${uri.host}${port}`.toLowerCase();
  const at = isUri
    ? (register.find((each) => homeOf(each).toLowerCase() === place) ??
      register.find((each) => each.domain.toLowerCase() === uri.host.toLowerCase()))
    : register.length === 1
      ? register[0]
      : undefined;
  const home = name === null ? at : register.find((each) => each.name === name);
  if (name !== null && home === undefined) return { ok: false, refusal: 'unknown-registrar' };
  // Our own account there would ring ourselves.
  if ((home === undefined && !isUri) || home?.username === uri.user)
    return { ok: false, refusal: 'bad-device' };
  const isThere = home !== undefined && (!isUri || at === home);
  const where = isThere ? homeOf(home) : `${uri.host}${port}`;
  const full = `sip:${escapeUser(uri.user)}@${where}`;
  const plain = isThere ? `sip:${escapeUser(uri.user)}@${home.domain}` : full;
  if (!isAllowed(config.loginDevices, register, plain))
    return { ok: false, refusal: 'device-not-allowed' };
  // A phone without a registrar may be reached in a way that only its own call told.
  const holder = agents.get(devices.get(full) ?? '');
  const known = holder?.device ?? null;
  if (known !== null && known.registrar === (home?.name ?? null))
    return { ok: true, device: known };
  return { ok: true, device: { uri: full, registrar: home?.name ?? null } };
}

/** Logins by REST: each asks one phone, within seconds. */
export class PhoneLogins {
  private readonly runtime: Runtime;
  private readonly presence: PhoneWatching;
  private readonly config: Known;
  private underWay = 0;
  private stopping = false;

  constructor(runtime: Runtime, presence: PhoneWatching, config: Known) {
    this.runtime = runtime;
    this.presence = presence;
    this.config = config;
  }

  /** No more; those under way come to their end. */
  drain(): void {
    this.stopping = true;
  }

  /** Never rejects. An agent who is not there costs no SUBSCRIBE. */
  async logIn(agentId: string, phone: LoginWish, by: string): Promise<NamedLogin> {
    const { state } = this.runtime;
    if (state.agents.get(agentId)?.known !== true) return { ok: false, refusal: 'unknown-agent' };
    const found = findPhone(phone, this.config, state);
    if (!found.ok) return found;
    if (this.stopping || this.underWay >= UNDER_WAY_MAX)
      return { ok: false, refusal: 'unavailable' };
    this.underWay += 1;
    const { device } = found;
    const to = phone.queues === null ? {} : { queues: phone.queues };
    const outcome = await logInOn(this.runtime, this.presence, { agentId, device, by, ...to });
    this.underWay -= 1;
    return outcome ?? { ok: false, refusal: 'unavailable' };
  }
}
