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
  /** Whose it is: `user@host`. */
  owner: string;
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

/** Whose phone it is: To says so in a REGISTER (RFC 3261 section 10.2), From in a SUBSCRIBE. */
function ownerOf(request: SipMessage): string {
  const named = header(request, request.method === 'REGISTER' ? 'to' : 'from');
  const uri = parseUri(parseNameAddr(named)?.uri ?? '');
  return `${uri?.user ?? ''}@${uri?.host ?? ''}`;
}

/** The first Contact that stays, with the seconds that it does; null: none. */
function firstOf(request: SipMessage, answer: { headers: Header[] }): Granted | null {
  const [ofAnswer, ofRequest] = [answer, request].map((one) =>
    leadingNumber(header(one, 'expires')),
  );
  const wanted = contactsOf(request)
    .map(({ key, seconds }) => ({ key, seconds: seconds < 0 ? (ofRequest ?? -1) : seconds }))
    .filter(({ seconds }) => seconds !== 0);
  // The answer lists other phones' Contacts, too (RFC 3261 section 10.3 step 8).
  const listed = contactsOf(answer);
  const listing = (one: Granted) => listed.find(({ key }) => key === one.key);
  const named = wanted.filter((one) => one.key !== '' && listing(one));
  // Where one was asked for and one is listed, that is it, in whatever words.
  const alone = wanted.length === 1 && listed.length === 1 ? listed[0] : undefined;
  for (const one of named.length > 0 ? named : wanted.filter(({ key }) => key !== '')) {
    const said = (listing(one) ?? alone)?.seconds ?? -1;
    const seconds = [said, ofAnswer ?? -1, one.seconds].find((each) => each >= 0) ?? 0;
    if (seconds > 0) return { key: one.key, seconds };
  }
  return null;
}

/** RFC 3261 section 10.3 step 6: `*` stands for all, and takes back alone. */
function takesAllBack(request: SipMessage): boolean {
  const isAll = headerValues(request, 'contact').some((value) => value.trim() === '*');
  return request.method === 'REGISTER' && isAll && leadingNumber(header(request, 'expires')) === 0;
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
    const owner = ownerOf(request);
    if (takesAllBack(request)) this.forgetAllOf(owner);
    const isTheirs = (key: string): boolean => this.isAnothers(key, owner, path);
    for (const { key } of contactsOf(request)) if (!isTheirs(key)) this.byContact.delete(key);
    // By UDP it is reached where its Contact says, whatever connection it had before.
    if (path.proto !== 'tcp') return;
    const found = firstOf(request, { headers });
    if (found === null || isTheirs(found.key)) return;
    const { address, port } = path;
    const expiresAt = this.clock.now() + found.seconds * 1000;
    putNewest(this.byContact, found.key, { owner, address, port, expiresAt }, MAX_BINDINGS);
  }

  private forgetAllOf(owner: string): void {
    for (const [key, one] of this.byContact) if (one.owner === owner) this.byContact.delete(key);
  }

  /** Else who names another's Contact would have his calls. One phone may have several users. */
  private isAnothers(key: string, owner: string, { address, port }: Path): boolean {
    const former = this.alive(key);
    if (former === null || former.owner === owner) return false;
    return former.address !== address || former.port !== port;
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
