/**
 * Goal: no order of events, no damage to messages and no SIGKILL makes the server throw, forget a
 * timer or keep a call for ever. Method: random walks over everything that a peer, a client, the
 * clock and the system can do.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headerOf, methodOf, statusOf } from '../../support/raw-ua.ts';
import { World, type FakeClient } from '../../support/sipd-core.ts';

const SDP = 'v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\n';

const step = fc.record({
  what: fc.constantFrom(
    'invite',
    'again',
    'ack',
    'cancel',
    'bye',
    'info',
    'prack',
    'subscribe',
    'answer',
    'provisional',
    'reject',
    'pass on',
    'call',
    'acknowledge',
    'hangup',
    'give up',
    'peer answers',
    'peer rings',
    'peer refuses',
    'die',
    'join',
    'wait',
    'damage',
    'crash',
  ),
  n: fc.nat(40),
  ms: fc.constantFrom(1, 500, 5_000, 33_000),
});

/** Calls that are about to end, or wait for the client's ACK. */
function restlessIn(world: World): Set<string> {
  const ending = [...world.ctx.dialogs.all()].filter((one) => one.isEnding || one.hungUpAt > 0);
  return new Set([...ending.map((one) => one.state.id), ...world.ctx.unacked.keys()]);
}

/** Of each call at rest what must not be forgotten. */
function essence(world: World, restless: Set<string>): unknown[] {
  return [...world.ctx.dialogs.all()]
    .filter((one) => one.state.isConfirmed && !restless.has(one.state.id))
    .map(({ state, lastRseq }) => ({
      ...state,
      owner: '',
      // Leaps ahead; and falls back behind requests without an answer.
      localCSeq: 0,
      remoteCSeq: 0,
      lastRseq,
    }));
}

class Walk {
  world = new World();
  client: FakeClient = this.join();
  /** Everything that ever went out or came in, to be quoted again. */
  readonly sent: string[] = [];
  readonly came: string[] = [];
  calls = 0;

  join(): FakeClient {
    const client = this.world.join();
    client.route('invite', 'subscribe', 'info', 'bye');
    return client;
  }

  private arrive(text: string): void {
    this.came.push(text);
    this.world.arrive(text);
  }

  private pick(list: string[], n: number, fits: (text: string) => boolean): string | undefined {
    const fitting = list.filter(fits);
    return fitting[n % Math.max(fitting.length, 1)];
  }

  private inDialog(method: string, n: number, extra: string[] = []): void {
    const ok = this.pick(this.sent, n, (text) => statusOf(text) > 100);
    if (ok === undefined) return;
    const cseq = method === 'ACK' ? 1 : 2 + n;
    const callId = headerOf(ok, 'Call-ID');
    this.arrive(this.world.request(method, { to: headerOf(ok, 'To'), callId, cseq, extra }));
  }

  private respond(status: number, n: number, extra: string[] = []): void {
    const frames = this.client.sip.filter((frame) => methodOf(frame.sip) !== '');
    const frame = frames[n % Math.max(frames.length, 1)];
    if (frame !== undefined) this.client.respond(frame, status, extra, SDP);
  }

  private passOn(n: number): void {
    const frames = this.client.sip.filter((frame) => methodOf(frame.sip) === 'INVITE');
    const txnId = frames[n % Math.max(frames.length, 1)]?.args[6] ?? '';
    const how = [n % 2 === 0 ? 'remainInDialog' : '', 'fullResponse', 'followRedirects'];
    const mode = [n % 3 === 0 ? 'simultaneous' : 'serial', n % 5 === 0 ? '2s' : '', ''];
    const targets = ['sip:x@192.0.2.9', 'sip:y@192.0.2.9', 'tel:1'].slice(n % 3);
    this.client.say('proxy', [txnId, ...how, ...mode, ...targets], 'INVITE x SIP/2.0\r\n\r\n');
  }

  private ask(method: string, n: number): void {
    const frames = this.client.sip.filter((frame) => (frame.args[7] ?? '') !== '');
    const id = frames[n % Math.max(frames.length, 1)]?.args[7] ?? 'none';
    this.client.request(method, 'sip:placeholder', [], '', ['', id]);
  }

  private peer(status: number, n: number): void {
    const request = this.pick(this.sent, n, (text) => methodOf(text) !== '');
    if (request === undefined) return;
    const extra = n % 3 === 0 ? ['Require: 100rel', `RSeq: ${n}`] : [];
    this.arrive(this.world.response(request, status, { tag: n % 5 === 0 ? 'two' : 'one', extra }));
  }

  take(what: string, n: number, ms: number): void {
    const { world } = this;
    const branch = `z9hG4bKw${this.calls}`;
    switch (what) {
      case 'invite':
      case 'subscribe': {
        this.calls += 1;
        const extra = n % 2 === 0 ? ['Supported: 100rel, timer', 'Session-Expires: 90'] : [];
        const callId = `c${this.calls}`;
        this.arrive(world.request(what.toUpperCase(), { callId, branch, extra, body: SDP }));
        break;
      }
      case 'again':
        world.arrive(this.pick(this.came, n, () => true) ?? '');
        break;
      case 'cancel':
        world.arrive(
          (this.pick(this.came, n, (text) => methodOf(text) === 'INVITE') ?? '').replaceAll(
            'INVITE',
            'CANCEL',
          ),
        );
        break;
      case 'damage': {
        const text = this.pick(this.came, n, () => true) ?? '';
        const at = (n * 37) % Math.max(text.length, 1);
        world.arrive(text.slice(0, at) + String.fromCharCode(n * 6) + text.slice(at + (n % 4)));
        break;
      }
      case 'prack':
        this.inDialog('PRACK', n, [`RAck: ${n} 1 INVITE`]);
        break;
      case 'ack':
      case 'bye':
      case 'info':
        this.inDialog(what.toUpperCase(), n);
        break;
      case 'die':
        this.client.leave();
        break;
      case 'wait':
        world.clock.advance(ms);
        break;
      default:
        this.byClientOrPeer(what, n);
    }
    this.sent.push(...this.world.takeSent());
  }

  private byClientOrPeer(what: string, n: number): void {
    if (what === 'answer') this.respond(200, n);
    else if (what === 'provisional') this.respond(183, n, ['Require: 100rel']);
    else if (what === 'reject') this.respond(486, n);
    else if (what === 'pass on') this.passOn(n);
    else if (what === 'call') this.client.request('INVITE', 'sip:x@192.0.2.9', [], SDP);
    else if (what === 'acknowledge') this.ask('ACK', n);
    else if (what === 'hangup') this.ask('BYE', n);
    else if (what === 'give up') {
      const [txnId = ''] = [...this.world.ctx.uac.keys()];
      this.client.request('CANCEL', 'sip:x@192.0.2.9', [], '', [txnId, '']);
    } else if (what === 'peer answers') this.peer(200, n);
    else if (what === 'peer rings') this.peer(183, n);
    else if (what === 'peer refuses') this.peer(486, n);
    else if (what === 'join') this.client = this.join();
    else if (what === 'crash') {
      const before = this.world;
      this.world = before.restart();
      const restless = restlessIn(before);
      expect(essence(this.world, restless)).toEqual(essence(before, restless));
      this.client = this.join();
    }
  }
}

describe('a storm', () => {
  it('given any walk, then nothing throws and every transaction ends', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
        const walk = new Walk();
        for (const { what, n, ms } of steps) walk.take(what, n, ms);
        // Long enough for every deadline, ringing included.
        walk.world.clock.advance(1_300_000);
        const { ctx } = walk.world;
        expect({
          server: ctx.serverTxs.size,
          client: ctx.clientTxs.size,
          uas: ctx.uas.size,
          uac: ctx.uac.size,
          unacked: ctx.unacked.size,
        }).toEqual({ server: 0, client: 0, uas: 0, uac: 0, unacked: 0 });
        // What is left are confirmed calls without a session timer; nobody hung up on those.
        for (const { state } of ctx.dialogs.all()) expect(state.isConfirmed).toBe(true);
        // And nothing else is kept.
        const kept = [...walk.world.store.records().keys()].map((key) => key[0]);
        expect(kept.filter((kind) => 'iao'.includes(kind ?? ''))).toEqual([]);
      }),
      { numRuns: 600 },
    );
  });
});
