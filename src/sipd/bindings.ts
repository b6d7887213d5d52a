/**
 * Phones that registered, or subscribed, over a connection of theirs: what a program sends to their
 * Contact goes back over that connection as long as it stands, for behind a NAT there is no other
 * way. As drachtio-server does, by user and host of the Contact.
 */
import { putNewest } from '../shared/newest.ts';
import type { Clock } from './clock.ts';
import { leadingNumber, param, parseNameAddr, splitLists } from './headers.ts';
import { MAX_BINDINGS } from './limits.ts';
import { header, headerValues, type Header, type SipMessage } from './message.ts';
import type { Path } from './path.ts';
import { contactUri } from './uas-dialogs.ts';
import { parseUri } from './uri.ts';

interface Binding {
  address: string;
  port: number;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

/** `user@host`; '' if it is no address. */
function keyOf(uri: string): string {
  const parsed = parseUri(uri);
  return parsed === null ? '' : `${parsed.user}@${parsed.host}`;
}

/** Seconds that one side's headers grant the first Contact; -1 if they say nothing. */
function expiresIn(message: { headers: Header[] }): number {
  const [first = ''] = splitLists(headerValues(message, 'contact'));
  const own = param(parseNameAddr(first)?.params ?? '', 'expires');
  return leadingNumber(own ?? header(message, 'expires'));
}

export class Bindings {
  private readonly byContact = new Map<string, Binding>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** @param answer headers of the 2xx, which has the last word, names in any spelling */
  learn(request: SipMessage, answer: readonly Header[], path: Path): void {
    const isLasting = request.method === 'REGISTER' || request.method === 'SUBSCRIBE';
    if (!isLasting || path.proto !== 'tcp') return;
    const key = keyOf(contactUri(request) ?? '');
    if (key === '') return;
    const headers = answer.map(({ name, value }) => ({ name: name.toLowerCase(), value }));
    const granted = expiresIn({ headers });
    const seconds = granted < 0 ? expiresIn(request) : granted;
    this.byContact.delete(key);
    if (seconds <= 0) return;
    const { address, port } = path;
    const expiresAt = this.clock.now() + seconds * 1000;
    putNewest(this.byContact, key, { address, port, expiresAt }, MAX_BINDINGS);
  }

  /** Where the phone at this address has its connection; null if none is known. */
  find(uri: string): { address: string; port: number } | null {
    const key = keyOf(uri);
    const found = this.byContact.get(key);
    if (found === undefined) return null;
    if (found.expiresAt > this.clock.now()) return found;
    this.byContact.delete(key);
    return null;
  }
}
