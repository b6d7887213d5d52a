/**
 * A client that has requests passed on, in the memory-only world of sipd-core.ts: a caller, callees
 * at addresses of their own, and what went to whom.
 */
import { headerOf, headersOf, methodOf, statusOf } from './raw-ua.ts';
import { World, type FakeClient, type ResponseGiven } from './sipd-core.ts';

/** The caller is where World's peer is. */
export const CALLER = '192.0.2.9';
/** Two callees. */
export const ONE = 'sip:agent@192.0.2.21';
export const TWO = 'sip:agent@192.0.2.22';

/** What the client asks of its proxy. */
export interface ProxyOptions {
  stays?: boolean;
  follow?: boolean;
  parallel?: boolean;
  provisional?: string;
  final?: string;
}

/** The server, its client and everybody around, by address. */
export class ProxyStage {
  readonly world = new World();
  readonly client: FakeClient = this.world.join();

  constructor() {
    this.client.route('invite', 'options', 'message');
  }

  /** A request of the caller, passed on; the client's frames come back by `told`. */
  pass(request: string, targets: string[], options: ProxyOptions = {}, sip = ''): void {
    this.world.arrive(request);
    this.world.takeSent();
    const txnId = this.client.sip.at(-1)?.args[6] ?? '';
    const { stays, follow, parallel, provisional = '', final = '' } = options;
    const words = [stays === true ? 'remainInDialog' : '', 'fullResponse'];
    words.push(follow === true ? 'followRedirects' : '');
    words.push(parallel === true ? 'simultaneous' : 'serial', provisional, final);
    this.client.say('proxy', [txnId, ...words, ...targets], sip || `INVITE x SIP/2.0\r\n\r\n`);
  }

  invite(targets: string[], options: ProxyOptions = {}): void {
    this.pass(this.world.request('INVITE', { branch: 'z9hG4bKinvite' }), targets, options);
  }

  /** What went out since asked last: `INVITE 192.0.2.21`, `487 192.0.2.9`. */
  story(): string[] {
    const sent = this.world.network.sent.splice(0);
    return sent.map(({ text, address }) => `${methodOf(text) || statusOf(text)} ${address}`);
  }

  /** The last message to this address. */
  last(what: string, address: string): string {
    const found = this.world.network.sent.findLast(
      (one) => one.address === address && (methodOf(one.text) || `${statusOf(one.text)}`) === what,
    );
    if (found === undefined) throw new Error(`no ${what} to ${address}`);
    return found.text;
  }

  from(address: string, text: string): void {
    const { peer } = this.world;
    const before = peer.address;
    peer.address = address;
    this.world.arrive(text);
    peer.address = before;
  }

  /** A callee's answer, all Vias in it. */
  answer(address: string, request: string, status: number, given: ResponseGiven = {}): void {
    const vias = headersOf(request, 'Via').map((via) => `Via: ${via}`);
    const records = headersOf(request, 'Record-Route').map((one) => `Record-Route: ${one}`);
    const text = this.world.response(request, status, {
      contact: `<sip:agent@${address}>`,
      ...given,
      tag: given.tag ?? `at-${address}`,
    });
    const first = `Via: ${headerOf(request, 'Via')}`;
    this.from(address, text.replace(first, [...vias, ...records].join('\r\n')));
  }

  /** Tokens the client was told of its proxying, in order. */
  get told(): string[] {
    this.client.client.flush();
    return this.client.frames
      .filter((one) => one.kind === 'response' && one.args[1] !== undefined)
      .filter((one) => ['network', 'done'].includes(one.args[2] ?? '') || one.args[1] === 'NOK')
      .map((one) => (one.args[2] === 'network' ? `${statusOf(one.sip)}` : (one.args[2] ?? '')));
  }
}
