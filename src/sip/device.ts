/**
 * Which phone is calling? At login the ACD must learn where this agent is to be watched and
 * dialled: through the PBX he called over, under the name the PBX knows him by, or directly at
 * the address his phone gave. PBXs differ in where they put the phone's name, so a rule per
 * registrar decides (`device-from`).
 */
import type { DeviceRule, RegisterConfig } from '../config/types.ts';
import type { Device, DirectContact } from '../core/types.ts';
import { canonicalAddress } from '../shared/networks.ts';
import { escapeUser, parseNameAddr, parseUri, splitList } from './headers.ts';
import { homeOf } from './routes.ts';
import type { SipUri } from './headers.ts';
import type { IncomingRequest } from './port.ts';

/** A registrar and the addresses its packets come from. */
export interface KnownRegistrar {
  readonly config: RegisterConfig;
  /** IP addresses, as sockets tell them: see `isHost`. */
  readonly hosts: ReadonlySet<string>;
  readonly port: number;
}

/** Is that an address of the registrar, however it is written? */
export function isHost({ hosts }: KnownRegistrar, address: string): boolean {
  return hosts.has(canonicalAddress(address));
}

/** Contact users that name a server, never a phone. */
const NOT_A_PHONE = new Set([
  '',
  'asterisk',
  'anonymous',
  'unknown',
  'kamailio',
  'freeswitch',
  'mod_sofia',
]);

const plain = (host: string): string => host.replace(/^\[|\]$/g, '');
const isAddress = (host: string): boolean => /^[\d.]+$|:/.test(plain(host));

/** The first that is one of SIP: beside it P-Asserted-Identity may have a tel: (RFC 3325 §9.1). */
function firstUri(request: IncomingRequest, name: string): SipUri | null {
  for (const each of splitList(request.header(name))) {
    const uri = parseUri(parseNameAddr(each)?.uri ?? '');
    if (uri !== null) return uri;
  }
  return null;
}

function isHome(registrar: KnownRegistrar, uri: SipUri | null): boolean {
  if (uri === null || (uri.port ?? 5060) !== registrar.port) return false;
  return uri.host === registrar.config.domain.toLowerCase() || isHost(registrar, uri.host);
}

/**
 * The registrar over which a request came, or null. Its source address tells; where several live
 * at one address (or a phone lives beside the PBX) the port, else From or Via must agree. Without
 * a source that fits, only a From domain that is a name (no address) is believed.
 */
export function registrarOf(
  request: IncomingRequest,
  registrars: readonly KnownRegistrar[],
): KnownRegistrar | null {
  const from = firstUri(request, 'From');
  const near = registrars.filter((each) => isHost(each, request.sourceHost));
  const exact = near.find((each) => each.port === request.sourcePort);
  if (exact !== undefined) return exact;
  // Connections come from a port of their own: there the address is all there is.
  if (request.protocol !== 'udp' && near.length === 1) return near[0] ?? null;
  const via = /\s([^\s;,]+)/.exec(request.header('Via'))?.[1] ?? '';
  const agreeing = near.find((each) => isHome(each, parseUri(`sip:${via}`)) || isHome(each, from));
  if (agreeing !== undefined) return agreeing;
  return (
    registrars.find(
      ({ config }) => !isAddress(config.domain) && from?.host === config.domain.toLowerCase(),
    ) ?? null
  );
}

/**
 * Name of the registrar that a request came from; null: of none. A From alone proves nothing: who
 * only names a PBX must not get answers to challenges that are made with its password.
 */
export function originOf(
  request: IncomingRequest,
  registrars: readonly KnownRegistrar[],
): string | null {
  const near = registrars.filter((each) => isHost(each, request.sourceHost));
  return registrarOf(request, near)?.config.name ?? null;
}

/**
 * Does the Contact name a phone as the PBX knows it? chan_sip writes the phone's name at its own
 * address. A proxy (Kamailio) leaves the phone's own Contact alone: its user may be any token the
 * phone drew, at an address of the phone, and only From is a name the registrar can route.
 */
function isContactOfPbx(request: IncomingRequest, registrar: KnownRegistrar) {
  const { port, config } = registrar;
  const contact = firstUri(request, 'Contact');
  if (contact === null) return false;
  const isSource = plain(contact.host) === plain(request.sourceHost);
  const isThere = isSource || isHost(registrar, contact.host);
  if (!isThere && contact.host !== config.domain.toLowerCase()) return false;
  return contact.port === null || contact.port === port || contact.port === request.sourcePort;
}

function userBy(
  request: IncomingRequest,
  rule: DeviceRule,
  isPhone: (user: string) => boolean,
  believesContact = true,
): string | null {
  const user = (name: string): string | null => {
    const found = firstUri(request, name)?.user ?? '';
    return isPhone(found) ? found : null;
  };
  switch (rule) {
    case 'contact':
      return user('Contact');
    case 'p-asserted-identity':
      return user('P-Asserted-Identity');
    case 'from':
      return user('From');
    case 'auto':
      return (
        (believesContact ? user('Contact') : null) ?? user('P-Asserted-Identity') ?? user('From')
      );
  }
}

/** The phone that sent this INVITE; null if it cannot be told. */
export function identifyDevice(
  request: IncomingRequest,
  registrars: readonly KnownRegistrar[],
  directRule: DeviceRule,
): Device | null {
  // Whoever proved his name is that name, at his own address, whatever else his headers say.
  const { user: proved } = request;
  const registrar = proved === undefined ? registrarOf(request, registrars) : null;
  if (registrar !== null) {
    const { config } = registrar;
    const isPhone = (user: string): boolean =>
      !NOT_A_PHONE.has(user.toLowerCase()) && user !== config.username;
    const isPbx = isContactOfPbx(request, registrar);
    const user = userBy(request, config.deviceFrom, isPhone, isPbx);
    if (user === null) return null;
    const uri = `sip:${escapeUser(user)}@${homeOf(config)}`;
    return { uri, registrar: config.name };
  }
  const contact = firstUri(request, 'Contact');
  if (contact === null) return null;
  const user = proved ?? userBy(request, directRule, (each) => each !== '');
  if (user === null) return null;
  const port = contact.port === null ? '' : `:${contact.port}`;
  return {
    uri: `sip:${escapeUser(user)}@${contact.host}${port}`,
    registrar: null,
    contact: directContact(request, contact, port),
  };
}

function directContact(request: IncomingRequest, contact: SipUri, port: string): DirectContact {
  const transport = contact.params.get('transport') ?? request.protocol;
  const tail = transport === '' || transport === 'udp' ? '' : `;transport=${transport}`;
  const user = contact.user === '' ? '' : `${escapeUser(contact.user)}@`;
  const isNatted = isAddress(contact.host) && plain(contact.host) !== plain(request.sourceHost);
  const host = plain(request.sourceHost);
  const source = host.includes(':') ? `[${host}]` : host;
  return {
    uri: `sip:${user}${contact.host}${port}${tail}`,
    nextHop: isNatted ? `sip:${source}:${request.sourcePort}${tail}` : null,
  };
}
