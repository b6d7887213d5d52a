/**
 * What a process before us left behind: a journal (the real core has decided everything in it), a
 * SIP server that kept its dialogs, an audio process that kept its legs. A test says what was,
 * and what happened while nobody was there; then `takeOver` begins.
 */
import type { CoreEvent } from '../../../src/core/events.ts';
import { decide } from '../../../src/core/decide.ts';
import type { Offer } from '../../../src/core/state.ts';
import type { NewCommand, Outcome } from '../../../src/runtime/port.ts';
import { LoadGate } from '../../../src/runtime/load.ts';
import { createClient, dialogIdOf } from '../../../src/sip/client.ts';
import { Dialogs } from '../../../src/sip/context.ts';
import { assemble } from '../../../src/sip/edge.ts';
import type { SipEdge } from '../../../src/sip/edge.ts';
import { identityOf } from '../../../src/sip/offers.ts';
import type { HeldDialog, IncomingRequest } from '../../../src/sip/port.ts';
import { Renewals } from '../../../src/sip/renewal.ts';
import { Trust } from '../../../src/sip/trust.ts';
import { FakeSipd, FakeStack } from './fake-stack.ts';
import type { Incoming } from './fake-stack.ts';
import { acdConfig, FakeMedia, FakeRuntime, quiet, SDP_OFFER } from './fakes.ts';

export const AGENT = 'sip:agent@127.0.0.1:6001';

/** Commands go to the real core; nothing is timed. */
class CoreRuntime extends FakeRuntime {
  /** It stops, and takes nothing any more. */
  isClosed = false;

  protected override decide(command: NewCommand): readonly CoreEvent[] | Outcome {
    if (this.isClosed) return { ok: false, refusal: 'unavailable' };
    const decided = decide(this.state, { ...command, at: this.clock });
    return decided.ok ? decided.events : decided;
  }
}

export class Past {
  readonly runtime = new CoreRuntime([]);
  readonly stack = new FakeStack();
  readonly media = new FakeMedia();
  readonly kept = new FakeSipd();
  readonly dialogs = new Dialogs();
  edge: SipEdge | null = null;
  /** What the configuration says of SIP beside the usual. */
  sip: Parameters<typeof acdConfig>[0] = {};

  constructor() {
    this.stack.kept = this.kept;
  }

  static async make(): Promise<Past> {
    const past = new Past();
    const { core } = acdConfig();
    await past.runtime.submit({ kind: 'ApplyConfig', by: 'test', config: core });
    return past;
  }

  /** He got his place; `isConfirmed`: his ACK is journalled. His leg lives. */
  async called(callId: string, isConfirmed = true): Promise<void> {
    const { runtime, media } = this;
    await runtime.submit({
      ...{ kind: 'ArriveCall', by: 'test', callId, queue: 'queue1' },
      ...{ sipCallId: callId, dialogId: dialogOf(callId), from: 'a@b', fromName: '', to: 'c@d' },
    });
    if (isConfirmed) await runtime.submit({ kind: 'ConfirmCall', by: 'test', callId });
    media.live.add(callId);
  }

  async loggedIn(): Promise<void> {
    const device = { uri: AGENT, registrar: null };
    await this.runtime.submit({ kind: 'LogInAgent', by: 'test', agentId: '2771', device });
    const report = { state: 'idle', source: 'test', deviceUri: AGENT } as const;
    await this.runtime.submit({ kind: 'ReportDevice', by: 'test', ...report });
  }

  /** A caller, and an offer of his call to the agent, which got so far. Its leg lives. */
  async offered(phase: Offer['phase']): Promise<Offer> {
    const { runtime, media } = this;
    await this.called('c1');
    await this.loggedIn();
    const [offer] = runtime.state.offers.values();
    if (offer === undefined) throw new Error('no offer was made');
    const how = { by: 'test', offerId: offer.id } as const;
    await runtime.submit({ kind: 'NoteInvite', transaction: 't1', ...how });
    const steps: readonly NewCommand[] = [
      { kind: 'RingOffer', ...how },
      { kind: 'AnswerOffer', ...how },
      { kind: 'ConfirmBridge', ...how },
    ];
    if (phase !== 'calling')
      await runtime.submit({ kind: 'NoteInvite', transaction: 't1', ...how });
    const phases = ['calling', 'ringing', 'answered', 'connected'];
    for (const step of steps.slice(0, phases.indexOf(phase))) await runtime.submit(step);
    media.live.add(offer.id);
    return offer;
  }

  /** The SIP server still has the caller's dialog. */
  holds(callId: string, state: HeldDialog['state'] = 'confirmed'): void {
    this.held({ dialogId: dialogOf(callId), state, callId });
  }

  /** It still has what we began for this offer. */
  holdsOffer({ id }: Offer, state: HeldDialog['state'] = 'confirmed'): void {
    this.held({ dialogId: offerDialog(id), state, role: 'uac', callId: identityOf(id).callId });
  }

  held(one: Partial<HeldDialog>): void {
    const usual = { dialogId: '', callId: '', state: 'confirmed' } as const;
    this.kept.held.push({ ...usual, role: 'uas', method: 'INVITE', ...one });
  }

  ended(dialogId: string, why: string, at: number): void {
    this.kept.ended.push({ dialogId, why, at });
  }

  /** A process begins: from here on its commands count. */
  async takeOver(): Promise<void> {
    const { runtime, stack, media, dialogs } = this;
    runtime.commands.length = 0;
    const trust = new Trust(quiet);
    const client = createClient(stack, trust);
    const load = new LoadGate({
      ...{ maxCalls: 10, maxDelayMs: 0, onRefused: () => undefined },
      calls: () => runtime.state.calls.size,
    });
    const renewals = new Renewals({ media, client, log: quiet, sessionExpiresMs: 0 });
    const config = acdConfig(this.sip);
    const addresses = (): readonly string[] => stack.addresses();
    const closed = assemble(
      { config, runtime, media, log: quiet, load, dialogs, client, trust, renewals, addresses },
      stack,
    );
    await closed.open();
    this.edge = closed;
  }

  /** What the caller says in his dialog. */
  says(callId: string, method: string, source: 'network' | 'server' = 'network'): Incoming {
    const headers = { 'Call-ID': callId, From: '<sip:a@b>;tag=f', To: '<sip:c@d>;tag=t' };
    return this.stack.receive(method, headers, { dialogId: dialogOf(callId), source });
  }

  /** What the agent's phone says in its dialog. */
  agentSays({ id }: Offer, method: string, source: 'network' | 'server' = 'network'): Incoming {
    const headers = { To: '<sip:acd@x>;tag=t' };
    return this.stack.receive(method, headers, { dialogId: offerDialog(id), source });
  }

  /** The agent's phone offers its audio anew. */
  agentReoffers({ id }: Offer, body: string, method?: 'INVITE' | 'UPDATE'): Incoming {
    return this.reoffers(offerDialog(id), body, method);
  }

  reoffers(dialogId: string, body: string, method = 'INVITE'): Incoming {
    const headers = { To: '<sip:acd@x>;tag=t', 'Content-Type': 'application/sdp' };
    return this.stack.receive(method, headers, { dialogId, body });
  }

  /** His INVITE comes (again). */
  invites(callId: string, more: Partial<IncomingRequest> = {}): Incoming {
    const headers = { 'Call-ID': callId, From: '<sip:a@b>;tag=f', To: '<sip:queue1@acd>' };
    const type = { 'Content-Type': 'application/sdp' };
    return this.stack.receive('INVITE', { ...headers, ...type }, { body: SDP_OFFER, ...more });
  }

  byes(): (string | undefined)[] {
    return this.stack.of('BYE').map(({ request }) => request.dialogId);
  }
}

/** The caller's dialog. */
export function dialogOf(callId: string): string {
  return `${callId};from-tag=f`;
}

export function offerDialog(offerId: string): string {
  return dialogIdOf(identityOf(offerId));
}
