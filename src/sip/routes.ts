/**
 * How a device is reached: through the registrar at which its agent logged in, with the account
 * the ACD has there, or directly at the address its phone gave. Used by offers and subscriptions.
 */
import type { AcdConfig, RegisterConfig } from '../config/types.ts';
import type { Outbound } from '../core/outbound-call.ts';
import type { Device } from '../core/types.ts';
import type { EdgeContext } from './context.ts';
import type { Credentials } from './digest.ts';
import { escapeUser, parseNameAddr, parseUri } from './headers.ts';
import type { HeldDialog } from './port.ts';

export interface Route {
  /** Request-URI and To. */
  readonly uri: string;
  readonly nextHop: string | null;
  /** Account that calls and subscribes; null: no account, our own address. */
  readonly account: string | null;
  readonly credentials: Credentials | null;
  /** Where media will be sent from: chooses the local address. */
  readonly host: string;
}

export class Routes {
  private readonly context: EdgeContext;

  constructor(context: EdgeContext) {
    this.context = context;
  }

  /** null: the registrar is no longer in the configuration. */
  to(device: Device): Route | null {
    const host = parseUri(device.uri)?.host ?? '';
    if (device.registrar === null) {
      return {
        uri: device.contact?.uri ?? device.uri,
        nextHop: device.contact?.nextHop ?? null,
        account: null,
        credentials: null,
        host,
      };
    }
    const registrar = this.context.config.sip.register.find(
      (each) => each.name === device.registrar,
    );
    if (registrar === undefined) return null;
    return {
      uri: device.uri,
      nextHop: registrar.registrar,
      account: accountOf(registrar),
      credentials: credentialsOf(registrar),
      host: parseUri(registrar.registrar)?.host ?? host,
    };
  }

  /**
   * Of any address: through the registrar whose domain it is in, else directly; null: no URI. One
   * PBX may be there under several accounts, and several at one address, each with its port: the
   * port says which, then `preferred` (name of a registrar), then the order in the configuration.
   */
  toUri(uri: string, preferred: string | null = null): Route | null {
    const parsed = parseUri(uri);
    if (parsed === null) return null;
    const homes = this.context.config.sip.register.filter((each) => isAtHome(uri, each));
    const exact = homes.filter((each) => portOf(each) === parsed.port);
    const likely = exact.length > 0 ? exact : homes;
    const home = likely.find(({ name }) => name === preferred) ?? likely[0];
    return this.to({ uri, registrar: home?.name ?? null });
  }

  /** A call of ours through a registrar that nobody has any more: it challenges our BYE, too. */
  accountFor({ role, peer = '' }: HeldDialog): Credentials | null {
    if (role !== 'uac') return null;
    return this.toUri(parseNameAddr(peer)?.uri ?? '')?.credentials ?? null;
  }

  /** Of a number that an agent has dialled: by the account of his own phone, if it is there. */
  toNumber({ uri, device }: Pick<Outbound, 'uri' | 'device'>): Route | null {
    return this.toUri(uri, device.registrar);
  }
}

/** `sip:user@host[:port]` with the same host as the domain of a registrar. */
function isAtHome(uri: string, registrar: RegisterConfig): boolean {
  return parseUri(uri)?.host.toLowerCase() === registrar.domain.toLowerCase();
}

function portOf(registrar: RegisterConfig): number {
  return parseUri(registrar.registrar)?.port ?? 5060;
}

/**
 * `host[:port]` of the phones of a registrar. A registrar known by its address alone, at a port
 * of its own, is named with it: its phones are others than those of its neighbour at 5060, and a
 * proxy must recognise the Request-URI as its own.
 */
export function homeOf(registrar: RegisterConfig): string {
  const { host, port } = parseUri(registrar.registrar) ?? { host: '', port: null };
  const isOwnName = registrar.domain.toLowerCase() !== host;
  return isOwnName || port === null || port === 5060
    ? registrar.domain
    : `${registrar.domain}:${port}`;
}

export function accountOf(registrar: RegisterConfig): string {
  return `sip:${escapeUser(registrar.username)}@${registrar.domain}`;
}

/** Ours at the registrar of this name; null: there is none (any more). */
export function credentialsAt({ sip }: AcdConfig, name: string | null): Credentials | null {
  const found = sip.register.find((each) => each.name === name);
  return found === undefined ? null : credentialsOf(found);
}

export function credentialsOf(registrar: RegisterConfig): Credentials {
  const { name, authUsername, password } = registrar;
  return { registrar: name, username: authUsername, password };
}
