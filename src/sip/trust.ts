/**
 * Who gets an answer to a digest challenge. What begins a dialog goes to the registrar itself, and
 * whoever answers that is it. Within a dialog our request goes where the other side's Contact and
 * routes say, which may be a phone or a stranger: for him an answer is a hash of the PBX's password
 * to guess at. There the account is for the registrar's own hosts alone.
 */
import { plainAddress } from '../shared/networks.ts';
import { isHost, type KnownRegistrar } from './device.ts';
import type { Credentials } from './digest.ts';
import type { IncomingResponse, SipLog } from './port.ts';

/** Pairs of registrar and stranger that are told; more are refused in silence. */
const TOLD_MAX = 100;

const REFUSED =
  'asks for the password in a dialog, and is no host of this registrar: not given; if it is one, ' +
  'give sip.register a name in DNS that has all addresses of the PBX';

export class Trust {
  private readonly log: SipLog;
  private known: () => readonly KnownRegistrar[] = () => [];
  private readonly told = new Set<string>();

  constructor(log: SipLog) {
    this.log = log;
  }

  /** Until then nobody is trusted. */
  follow(known: () => readonly KnownRegistrar[]): void {
    this.known = known;
  }

  /** May this response to a request within a dialog have an answer made with the account? */
  has({ registrar }: Credentials, response: IncomingResponse): boolean {
    const host = plainAddress(response.sourceHost);
    const isIts = this.known().some((one) => one.config.name === registrar && isHost(one, host));
    const key = `${registrar} ${host}`;
    if (!isIts && !this.told.has(key) && this.told.size < TOLD_MAX) {
      this.told.add(key);
      const callId = response.header('Call-ID');
      this.log.warn({ registrar, host, callId }, REFUSED);
    }
    return isIts;
  }
}
