/**
 * Phones that registered, or subscribed, over a connection of theirs: what a program sends to their
 * Contact goes back over that connection as long as it stands, for behind a NAT there is no other
 * way.
 */
import { putNewest } from '../shared/newest.ts';
import type { Clock } from './clock.ts';
import { leadingNumber, param, parseNameAddr, splitLists } from './headers.ts';
import { MAX_BINDINGS } from './limits.ts';
import { header, headerValues, type Header, type SipMessage } from './message.ts';
import type { Path } from './path.ts';
import { parseUri, uriParam } from './uri.ts';

interface Binding {
  address: string;
  port: number;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

/**
 * `user@host:port;transport`; '' if it is no address, or one that asks for UDP. Two phones may have
 * one user and host, and a phone may be there by UDP and by TCP, each with a Contact of its own.
 */
function keyOf(uri: string): string {
  const parsed = parseUri(uri);
  const transport = uriParam(parsed?.params ?? '', 'transport')?.toLowerCase() ?? '';
  if (parsed?.scheme !== 'sip' || transport === 'udp') return '';
  return `${parsed.user}@${parsed.host}:${parsed.port || 5060};${transport}`;
}

interface Granted {
  key: string;
  /** Of its own; -1: none. */
  seconds: number;
}

function contactsOf(message: { headers: Header[] }): Granted[] {
  return splitLists(headerValues(message, 'contact')).map((value) => {
    const { uri = '', params = '' } = parseNameAddr(value) ?? {};
    return { key: keyOf(uri), seconds: leadingNumber(param(params, 'expires') ?? '') };
  });
}

/**
 * Seconds that it stays: as the answer says, which lists other phones' Contacts beside it (RFC 3261
 * section 10.3 step 8), one alone being this one in whatever words; else as it has asked.
 */
function secondsOf(
  asked: Granted,
  listed: readonly Granted[],
  rest: readonly { headers: Header[] }[],
): number {
  const [ofAnswer = -1, ofRequest = -1] = rest.map((one) => leadingNumber(header(one, 'expires')));
  const wanted = asked.seconds < 0 ? ofRequest : asked.seconds;
  if (wanted === 0) return 0;
  const same = listed.find(({ key }) => key === asked.key) ?? (listed[1] ? undefined : listed[0]);
  return [same?.seconds ?? -1, ofAnswer, wanted].find((seconds) => seconds >= 0) ?? 0;
}

export class Bindings {
  private readonly byContact = new Map<string, Binding>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /**
   * The first Contact that stays is where the phone is: another may be anywhere.
   * @param given headers of the 2xx, which has the last word, names in any spelling
   */
  learn(request: SipMessage, given: readonly Header[], path: Path): void {
    if (request.method !== 'REGISTER' && request.method !== 'SUBSCRIBE') return;
    const headers = given.map(({ name, value }) => ({ name: name.toLowerCase(), value }));
    const listed = contactsOf({ headers });
    const asked = contactsOf(request).filter(({ key }) => key !== '');
    for (const { key } of asked) this.byContact.delete(key);
    // By UDP it is reached where its Contact says, whatever connection it had before.
    if (path.proto !== 'tcp') return;
    const secondsFor = (one: Granted) => secondsOf(one, listed, [{ headers }, request]);
    const found = asked.find((one) => secondsFor(one) > 0);
    if (found === undefined) return;
    const { address, port } = path;
    const expiresAt = this.clock.now() + secondsFor(found) * 1000;
    putNewest(this.byContact, found.key, { address, port, expiresAt }, MAX_BINDINGS);
  }

  /** Where the phone at this address has its connection; null if none is known. */
  find(uri: string): { address: string; port: number } | null {
    const key = keyOf(uri);
    // A Contact that names no transport, where the program has added what it knows.
    return this.alive(key) ?? this.alive(key.replace(/;tcp$/, ';'));
  }

  private alive(key: string): Binding | null {
    const found = this.byContact.get(key);
    if (found === undefined) return null;
    if (found.expiresAt > this.clock.now()) return found;
    this.byContact.delete(key);
    return null;
  }
}
