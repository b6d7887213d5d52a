/**
 * Calls that agents make (click-to-dial): the agent's phone rings, he takes it, the number is
 * dialled, and the two talk until one hangs up. As `phones.ts` it acts on durable events only, and
 * tells what comes of it; what it says of a call that is over must have no effect.
 */
import type { CoreEvent } from '../core/events.ts';
import type { OutboundEvent } from '../core/outbound-events.ts';
import type { AgentId, CallId } from '../core/types.ts';
import type { NewCommand } from '../runtime/port.ts';
import type { Cancel } from '../runtime/scheduler.ts';
import type { Phones } from './phones.ts';
import type { Dialled } from './script.ts';
import { say, type Stage } from './stage.ts';

const BY = 'sim';
/** So soon he knows what the tone means. */
const HEARS_MS = 2_000;

interface Outgoing {
  readonly callId: CallId;
  readonly number: number;
  readonly agentId: AgentId;
  readonly dialled: Dialled;
  /** `asked`: the ACD has not said that it begins. */
  phase: 'asked' | 'rings' | 'dials' | 'refused' | 'talks';
  plan: Cancel | null;
}

export class OutgoingCalls {
  readonly #stage: Stage;
  readonly #phones: Phones;
  readonly #calls = new Map<CallId, Outgoing>();
  #made = 0;

  constructor(stage: Stage, phones: Phones) {
    this.#stage = stage;
    this.#phones = phones;
  }

  /** The agent clicks on a number. */
  dial(agentId: AgentId, dialled: Dialled): void {
    this.#made += 1;
    const callId = `o${this.#made}`;
    const number = this.#made;
    this.#calls.set(callId, { callId, number, agentId, dialled, phase: 'asked', plan: null });
    const uri = 'sip:callee@sim';
    const command: NewCommand = { kind: 'DialOut', callId, agentId, uri, by: `agent:${agentId}` };
    // Refused (he is not free, or the journal is down) it never was.
    this.#stage.edge.send(command, ({ ok }) => ok || this.#calls.delete(callId));
  }

  /** None, not even one that was only asked for. */
  get isQuiet(): boolean {
    return this.#calls.size === 0;
  }

  /** Calls that have begun, in order of their making. */
  living(): CallId[] {
    return [...this.#calls.values()].filter(({ phase }) => phase !== 'asked').map((c) => c.callId);
  }

  /** Was it done before its answer was lost? */
  isDone(callId: CallId): boolean {
    return this.#calls.get(callId)?.phase !== 'asked';
  }

  hear(event: CoreEvent): void {
    switch (event.kind) {
      case 'OutboundBegan':
        return this.#began(event);
      case 'OutboundPickedUp':
        return this.#pickedUp(event);
      case 'OutboundRefused':
        return this.#refused(event);
      case 'OutboundConnected':
        return this.#connected(event);
      case 'OutboundEnded':
        return this.#ended(event);
      default:
    }
  }

  differences(outbound: ReadonlyMap<CallId, unknown>): string[] {
    const living = this.living();
    return [
      ...living.filter((id) => !outbound.has(id)).map((id) => `outbound call ${id} is over`),
      ...[...outbound.keys()]
        .filter((id) => !living.includes(id))
        .map((id) => `nobody makes outbound call ${id}`),
    ];
  }

  #of({ kind, callId }: OutboundEvent, phase: Outgoing['phase']): Outgoing | null {
    const call = this.#calls.get(callId);
    if (call?.phase === phase) return call;
    this.#stage.fault(`${kind} of ${callId}, which is ${call?.phase ?? 'not there'}`);
    return null;
  }

  #began(event: OutboundEvent): void {
    const call = this.#of(event, 'asked');
    if (call === null) return;
    call.phase = 'rings';
    const { callId, agentId } = call;
    const fate = this.#phones.rings(agentId);
    this.#phones.dials(agentId, 'ringing');
    if (fate.kind === 'silent') return;
    this.#after(call, fate.afterMs, () => {
      if (fate.kind === 'answers') return this.#tell({ kind: 'PickUpOutbound', callId, by: BY });
      const { failure, sipStatus } = fate;
      const missed = { outcome: 'agent-missed', failure, sipStatus, endedBy: 'agent' } as const;
      this.#tell({ kind: 'EndOutbound', callId, ...missed, by: BY });
    });
    const ringsMs = fate.kind === 'answers' ? fate.ringsMs : null;
    if (ringsMs === null) return;
    this.#stage.scheduler.after(ringsMs, () => {
      if (this.#calls.has(callId)) this.#tell({ kind: 'RingOutbound', callId, by: BY });
    });
  }

  #pickedUp(event: OutboundEvent): void {
    const call = this.#of(event, 'rings');
    if (call === null) return;
    call.plan?.();
    call.phase = 'dials';
    const { callId, agentId, dialled } = call;
    this.#phones.dials(agentId, 'inuse');
    if (dialled.kind === 'silent') return;
    this.#after(call, dialled.afterMs, () => {
      if (dialled.kind === 'answers')
        return this.#tell({ kind: 'ConnectOutbound', callId, by: BY });
      if (dialled.by === 'callee')
        return this.#tell({ kind: 'RefuseOutbound', callId, outcome: dialled.outcome, by: BY });
      this.#tell({ kind: 'EndOutbound', callId, outcome: 'cancelled', endedBy: 'agent', by: BY });
    });
  }

  /** Every second agent hangs up at the tone; the others wait until they are hung up on. */
  #refused(event: OutboundEvent): void {
    const call = this.#of(event, 'dials');
    if (call === null) return;
    call.plan?.();
    call.phase = 'refused';
    const { callId, number } = call;
    if (number % 2 === 0) return;
    this.#after(call, HEARS_MS, () =>
      this.#tell({ kind: 'EndOutbound', callId, outcome: 'cancelled', endedBy: 'agent', by: BY }),
    );
  }

  #connected(event: OutboundEvent): void {
    const call = this.#of(event, 'dials');
    if (call === null) return;
    call.phase = 'talks';
    const { callId, agentId, dialled } = call;
    const { talkMs, hangsUp } =
      dialled.kind === 'answers' ? dialled : { talkMs: 0, hangsUp: 'callee' as const };
    this.#after(call, talkMs, () => {
      // The BYE of a phone that is cut off is never heard: its silence is found out.
      const endedBy = hangsUp === 'agent' && this.#phones.isGone(agentId) ? 'system' : hangsUp;
      this.#tell({ kind: 'EndOutbound', callId, outcome: 'completed', endedBy, by: BY });
    });
  }

  #ended({ callId, agentId }: OutboundEvent): void {
    const call = this.#calls.get(callId);
    if (call === undefined || call.phase === 'asked')
      return this.#stage.fault(`outbound call ${callId} ended and was not there`);
    call.plan?.();
    this.#calls.delete(callId);
    this.#phones.dials(agentId, null);
  }

  #after(call: Outgoing, ms: number, run: () => void): void {
    call.plan = this.#stage.scheduler.after(ms, run);
  }

  #tell(command: NewCommand): void {
    say(this.#stage, command, ({ ok }) => {
      const isOver = command.kind === 'EndOutbound' && ok;
      if (isOver && this.#calls.has(command.callId))
        this.#stage.fault(`outbound call ${command.callId} has ended and is still there`);
    });
  }
}
