/**
 * Goal: the server does with every torture message of RFC 4475 what the RFC asks, over UDP and
 * TCP, keeps nothing of it, and serves the next call. Method: the core in memory.
 * A verdict is what the client program got and how the server itself answered. `delivered` leaves
 * to the program what is its business (Accept, Content-Type, Require, Date, To of a REGISTER).
 */
import { describe, expect, it } from 'vitest';
import { contentLength } from '../../../src/sipd/framer.ts';
import { statusOf } from '../../support/raw-ua.ts';
import { expectOrdinaryCall, expectRest } from '../../support/sipd-health.ts';
import { World, type FakeClient } from '../../support/sipd-core.ts';
import { Stream } from '../../support/stream.ts';
import { torture, tortureNames } from '../../support/torture.ts';

/** By section: verdict, and another over TCP where the framing is what is tortured. */
const verdicts: Record<string, readonly [section: string, udp: string, tcp?: string]> = {
  // Its To has a tag, and there is no such dialog (RFC 3261 section 12.2.2).
  wsinv: ['3.1.1.1', '481'],
  intmeth: ['3.1.1.2', '501'],
  esc01: ['3.1.1.3', 'INVITE delivered'],
  escnull: ['3.1.1.4', 'REGISTER delivered'],
  // An unknown method, not a REGISTER in disguise.
  esc02: ['3.1.1.5', '501'],
  lwsdisp: ['3.1.1.6', 'OPTIONS delivered'],
  longreq: ['3.1.1.7', 'INVITE delivered'],
  // A datagram is one message; a stream holds two (the INVITE has no Contact) and some bytes more.
  dblreq: ['3.1.1.8', 'REGISTER delivered', 'REGISTER delivered, 400'],
  semiuri: ['3.1.1.9', 'OPTIONS delivered'],
  transports: ['3.1.1.10', 'OPTIONS delivered'],
  mpart01: ['3.1.1.11', 'MESSAGE delivered'],
  unreason: ['3.1.1.12', 'dropped'],
  noreason: ['3.1.1.13', 'dropped'],
  badinv01: ['3.1.2.1', '400'],
  clerr: ['3.1.2.2', '400', 'waits for the rest'],
  ncl: ['3.1.2.3', '400', '400, closed'],
  scalar02: ['3.1.2.4', '400'],
  scalarlg: ['3.1.2.5', 'dropped'],
  quotbal: ['3.1.2.6', '400'],
  ltgtruri: ['3.1.2.7', '400'],
  lwsruri: ['3.1.2.8', '400'],
  lwsstart: ['3.1.2.9', '400'],
  trws: ['3.1.2.10', '400'],
  escruri: ['3.1.2.11', '400'],
  baddate: ['3.1.2.12', 'INVITE delivered'],
  regbadct: ['3.1.2.13', '400'],
  // The RFC leaves it to us to be lenient with spaces in brackets and names without quotes.
  badaspec: ['3.1.2.14', 'OPTIONS delivered'],
  baddn: ['3.1.2.15', 'OPTIONS delivered'],
  badvers: ['3.1.2.16', '505'],
  mismatch01: ['3.1.2.17', '400'],
  mismatch02: ['3.1.2.18', '400'],
  bigcode: ['3.1.2.19', 'dropped'],
  badbranch: ['3.2.1', 'OPTIONS delivered'],
  insuf: ['3.3.1', '400'],
  unkscm: ['3.3.2', '416'],
  novelsc: ['3.3.3', '416'],
  unksm2: ['3.3.4', 'REGISTER delivered'],
  bext01: ['3.3.5', 'OPTIONS delivered'],
  invut: ['3.3.6', 'INVITE delivered'],
  regaut01: ['3.3.7', 'REGISTER delivered'],
  multi01: ['3.3.8', '400'],
  mcl01: ['3.3.9', '400', '400, closed'],
  bcast: ['3.3.10', 'dropped'],
  // A user agent is where the hops end: zero of them are enough.
  zeromf: ['3.3.11', 'OPTIONS delivered'],
  cparam01: ['3.3.12', 'REGISTER delivered'],
  cparam02: ['3.3.13', 'REGISTER delivered'],
  regescrt: ['3.3.14', 'REGISTER delivered'],
  sdp01: ['3.3.15', 'INVITE delivered'],
  // RFC 2543 knew calls without tag and Contact; we keep no dialog with whom we cannot reach.
  inv2543: ['3.4.1', '400', '400, waits for the rest'],
};

/** Content-Length contradicts the body on purpose. */
const wrongLength = new Set(['clerr', 'ncl', 'mcl01', 'dblreq', 'inv2543']);

class Victim {
  readonly world = new World();
  readonly client: FakeClient = this.world.join();
  readonly stream = new Stream(this.world);

  constructor() {
    this.client.route('invite', 'register', 'options', 'message');
  }

  verdict(): string {
    const delivered = this.client.story.map((method) => `${method} delivered`);
    const statuses = this.world.takeSent().map(statusOf);
    const said = [...delivered, ...statuses.filter((status) => status !== 100).map(String)];
    if (this.stream.closed !== '') said.push('closed');
    if (this.stream.isPartial) said.push('waits for the rest');
    return said.length === 0 ? 'dropped' : said.join(', ');
  }
}

describe('RFC 4475', () => {
  it('given the fixtures, then there is a verdict for each and their lengths are right', () => {
    expect(tortureNames).toEqual(Object.keys(verdicts).sort());
    expect(tortureNames.length).toBe(49);
    const wrong = tortureNames.filter((name) => {
      const text = torture(name);
      const head = text.indexOf('\r\n\r\n') + 4;
      return contentLength(text.slice(0, head)) !== text.length - head;
    });
    expect(new Set(wrong)).toEqual(wrongLength);
    expect(torture('intmeth')).toContain('NUL:\\\0 DEL:\\\x7f"');
  });

  for (const [name, [section, udp, tcp]] of Object.entries(verdicts)) {
    it(`given ${name} (${section}) over UDP, then ${udp}`, () => {
      const victim = new Victim();
      victim.world.arrive(torture(name));
      expect(victim.verdict()).toBe(udp);
      expectRest(victim.world);
      expectOrdinaryCall(victim.world, victim.client);
    });

    it(`given ${name} (${section}) over TCP, then ${tcp ?? udp}`, () => {
      const victim = new Victim();
      victim.stream.push(torture(name));
      expect(victim.verdict()).toBe(tcp ?? udp);
      const again = new Victim();
      for (const byte of torture(name)) again.stream.push(byte);
      expect(again.verdict()).toBe(tcp ?? udp);
      expectRest(victim.world);
      expectOrdinaryCall(victim.world, victim.client);
    });
  }

  it('given a message with bytes of all kinds, then the program gets them as they came', () => {
    const victim = new Victim();
    victim.world.arrive(torture('mpart01'));
    const body = torture('mpart01').split('\r\n\r\n').slice(1).join('\r\n\r\n');
    expect(victim.client.last('MESSAGE').sip.endsWith(body)).toBe(true);
  });

  it('given two requests whose branch is the bare cookie, then they are two', () => {
    const victim = new Victim();
    victim.world.arrive(torture('badbranch'));
    victim.world.arrive(torture('badbranch').replaceAll('sadonfo23i', 'other'));
    expect(victim.client.story).toEqual(['OPTIONS', 'OPTIONS']);
  });
});
