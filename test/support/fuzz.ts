/**
 * Seeded ill-treatment of the SIP server's core: valid messages of live calls and the torture
 * messages of RFC 4475, cut, spliced, repeated and sprinkled with what parsers dislike, over UDP
 * and over a stream in odd pieces. One round is one server; the seed decides everything.
 */
import { headerOf, statusOf } from './raw-ua.ts';
import { seeded } from './seeded.ts';
import { leftovers } from './sipd-health.ts';
import { World, type FakeClient } from './sipd-core.ts';
import { Stream } from './stream.ts';
import { torture, tortureNames } from './torture.ts';

export interface Offence {
  round: number;
  /** What went wrong. */
  what: string;
  /** Every message of the round up to the offence, the last one last. */
  messages: readonly string[];
}

const morsels = [
  ...['\r\n', '\r\n ', '\r\n\r\n', '\n', '\r', '\0', '\t', ' ', '"', '\\', '\\"', '<', '>', '<>'],
  ...[';', ',', ':', '=', '@', '?', '|', '#', '[', ']', '%', '%00', '%', 'é\xff\xfe', '\x7f'],
  ...['-1', '0', '65536', '2147483648', '4294967296', '99999999999999999999', 'NaN', '1e9'],
  ...['sip:', 'sips:', 'tel:', 'SIP/2.0', 'SIP/3.0', 'z9hG4bK', ';tag=', ';branch=', ';rport'],
  ...[';received=1.2.3.4', ';maddr=127.0.0.1', ';transport=tcp', ';lr', '__proto__', 'constructor'],
  ...['INVITE', 'ACK', 'BYE', 'CANCEL', 'PRACK', 'UPDATE', 'NOTIFY', 'localhost', 'placeholder'],
  ...['\r\nVia: ', '\r\nl: 9', '\r\nContent-Length: 0', '\r\nRequire: 100rel', '\r\nRoute: '],
  ...['\r\nSupported: 100rel, timer', '\r\nSession-Expires: 1', '\r\nRecord-Route: <sip:x;lr>'],
];

const methods = [
  'INVITE',
  'ACK',
  'BYE',
  'CANCEL',
  'INFO',
  'PRACK',
  'UPDATE',
  'SUBSCRIBE',
  'NOTIFY',
];

/** Damages a text in one of many ways; one in five stays whole. */
export function damage(text: string, random: () => number): string {
  const upTo = (count: number) => Math.floor(random() * count);
  const morsel = () => morsels[upTo(morsels.length)] ?? '';
  let result = text;
  const times = upTo(5);
  for (let i = 0; i < times; i += 1) {
    const at = upTo(result.length + 1);
    const end = at + upTo(upTo(4) === 0 ? 200 : 8);
    const head = result.slice(0, at);
    const how = upTo(6);
    if (how === 0) result = head;
    else if (how === 1) result = head + result.slice(end);
    else if (how === 2) result = head + morsel() + result.slice(end);
    else if (how === 3) result = head + morsel() + result.slice(at);
    else if (how === 4) result = head + result.slice(at, end).repeat(1 + upTo(40));
    else result = head + String.fromCharCode(upTo(256)) + result.slice(at + 1);
  }
  return result.slice(0, 70_000);
}

class Round {
  readonly world = new World();
  readonly client: FakeClient = this.world.join();
  readonly messages: string[] = [];
  private readonly random: () => number;
  private stream = new Stream(this.world);
  private readonly sent: string[] = [];
  private readonly samples: string[] = [];
  private calls = 0;

  constructor(random: () => number) {
    this.random = random;
    this.client.route('invite', 'options', 'register', 'info', 'notify');
  }

  private upTo(count: number): number {
    return Math.floor(this.random() * count);
  }

  private pick(list: readonly string[]): string {
    return list[this.upTo(list.length)] ?? '';
  }

  /** A sound message that fits what went on so far, now and then a torture message. */
  private sound(): string {
    const { world } = this;
    const kind = this.upTo(10);
    if (kind === 0) return torture(this.pick(tortureNames));
    if (kind === 1 && this.samples.length > 0) return this.pick(this.samples);
    const answered = this.sent.filter((text) => statusOf(text) > 100);
    if (kind < 5 && answered.length > 0) {
      const of = this.pick(answered);
      const given = { callId: headerOf(of, 'Call-ID'), to: headerOf(of, 'To') };
      return world.request(this.pick(methods), { ...given, cseq: 1 + this.upTo(4) });
    }
    const asked = this.sent.filter((text) => statusOf(text) === 0);
    if (kind < 7 && asked.length > 0) {
      return world.response(
        this.pick(asked),
        [100, 180, 183, 200, 302, 401, 481, 503][kind] ?? 200,
      );
    }
    this.calls += 1;
    const extra = this.upTo(2) === 0 ? ['Supported: 100rel, timer', 'Session-Expires: 90'] : [];
    return world.request(this.pick(methods), {
      ...{ callId: `c${this.calls}`, branch: `z9hG4bKf${this.calls}`, extra },
      body: this.upTo(3) === 0 ? 'v=0\r\n' : '',
    });
  }

  /** What the client program does meanwhile. */
  private actAsClient(): void {
    const frames = this.client.sip;
    const frame = frames[frames.length - 1 - this.upTo(Math.min(frames.length, 5))];
    const act = this.upTo(6);
    if (act === 0) this.client.request('INVITE', 'sip:agent@192.0.2.9', [], 'v=0\r\n');
    else if (frame === undefined) return;
    else if (act === 1) this.client.respond(frame, 183, ['Require: 100rel'], 'v=0\r\n');
    else if (act === 2) this.client.respond(frame, 486);
    else if (act === 3) {
      this.client.request('BYE', 'sip:placeholder', [], '', ['', frame.args[7] ?? '']);
    } else this.client.respond(frame, 200, [], 'v=0\r\n');
  }

  step(): void {
    const text = damage(this.sound(), this.random);
    this.messages.push(text);
    if (this.upTo(3) > 0) this.world.arrive(text);
    else this.trickle(text);
    if (this.upTo(2) === 0) this.actAsClient();
    if (this.upTo(8) === 0) this.world.clock.advance([1, 500, 5_000, 33_000][this.upTo(4)] ?? 1);
    const sent = this.world.takeSent();
    this.sent.push(...sent);
    this.samples.push(text);
    // Memory of a round; what is older is no news to the server.
    if (this.sent.length > 200) this.sent.splice(0, 100);
    if (this.samples.length > 50) this.samples.shift();
  }

  private trickle(text: string): void {
    if (this.stream.closed !== '' || this.upTo(10) === 0) this.stream = new Stream(this.world);
    for (let at = 0; at < text.length;) {
      const size = 1 + this.upTo(this.upTo(2) === 0 ? 3 : 3_000);
      this.stream.push(text.slice(at, at + size));
      at += size;
    }
  }

  /** Damage done, as text; '' if there is none. */
  verdict(): string {
    const { world, client } = this;
    world.clock.advance(1_300_000);
    // Confirmed calls stay until somebody hangs up: that is so.
    for (const { state } of [...world.ctx.dialogs.all()]) {
      if (!state.isConfirmed) return `an early dialog is left: ${state.id}`;
      client.request('BYE', 'sip:placeholder', [], '', ['', state.id]);
    }
    world.clock.advance(1_300_000);
    for (const entry of [...world.ctx.dialogs.all()]) world.ctx.dialogs.remove(entry);
    world.clock.advance(1_300_000);
    const left = JSON.stringify(leftovers(world));
    if (left !== '{}') return `left over: ${left}`;
    world.takeSent();
    world.arrive(world.request('OPTIONS', { callId: 'after', branch: 'z9hG4bKafter' }));
    if (client.respond(client.last('OPTIONS'), 200)[0] !== 'OK') return 'no answer afterwards';
    const answer = world.takeSent().find((text) => headerOf(text, 'Call-ID') === 'after');
    return statusOf(answer ?? '') === 200 ? '' : 'the next request is not served';
  }
}

const STEPS = 60;

/** One round. @returns null if the server took it well */
export function fuzzRound(seed: number, round: number): Offence | null {
  const one = new Round(seeded(seed * 1_000_003 + round));
  try {
    for (let i = 0; i < STEPS; i += 1) one.step();
    const what = one.verdict();
    return what === '' ? null : { round, what, messages: one.messages };
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { round, what, messages: one.messages };
  }
}

/** A file to look at and to keep: the seed that makes it again, and each message as it arrived. */
export function report(seed: number, offence: Offence): string {
  const { round, what, messages } = offence;
  const again = `npm run fuzz -- --seed ${seed} --round ${round}`;
  return [again, what, ...messages.map((text) => JSON.stringify(text))].join('\n');
}
