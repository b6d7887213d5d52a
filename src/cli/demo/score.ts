/**
 * What the demo counts: calls by their end, and how fast the ACD offers. Offer latency runs from
 * the moment that made an offer possible (the caller's ACK or the last BYE of the agent's former
 * call leaves a phone) to the INVITE's arrival at the agent's phone. Moments that only the ACD
 * knows (the end of a rest or a wrap-up) are no beginning of a sample.
 */
export interface DemoResult {
  readonly calls: number;
  readonly connected: number;
  readonly abandoned: number;
  readonly failed: number;
  /** Null: no offer whose beginning could be seen. */
  readonly offer_latency_ms: { readonly p50: number | null; readonly p99: number | null };
}

/** `isExact`: it happened then; else it was seen then, and had happened before. */
interface Moment {
  readonly at: number;
  readonly isExact: boolean;
}

/** Samples kept: a demo of hours still answers with its last hundred thousand. */
const SAMPLES_MAX = 100_000;

/** The value below which a share of the samples lies, by nearest rank; 0 of none. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1));
  return sorted[rank] ?? 0;
}

const tenths = (ms: number): number => Math.round(ms * 10) / 10;

/** For people. */
export function latencyInWords(result: DemoResult): string {
  const { p50, p99 } = result.offer_latency_ms;
  return p50 === null ? 'nobody offered yet' : `offered within ${p50} ms (p50), ${p99} ms (p99)`;
}

export class Score {
  calls = 0;
  connected = 0;
  abandoned = 0;
  failed = 0;
  readonly samples: number[] = [];
  private readonly callers = new Map<string, Moment>();
  private readonly agents = new Map<string, Moment>();

  /** A caller may be offered from now on; keyed by his Call-ID. */
  callerReady(sipCallId: string, at: number, isExact = true): void {
    this.callers.set(sipCallId, { at, isExact });
  }

  callerGone(sipCallId: string): void {
    this.callers.delete(sipCallId);
  }

  agentFree(agentId: string, at: number, isExact = true): void {
    this.agents.set(agentId, { at, isExact });
  }

  /** He rests, or nobody knows. */
  agentBusy(agentId: string): void {
    this.agents.delete(agentId);
  }

  knowsFree(agentId: string): boolean {
    return this.agents.has(agentId);
  }

  offered(agentId: string, sipCallId: string, at: number): void {
    const caller = this.callers.get(sipCallId);
    const agent = this.agents.get(agentId);
    this.agents.delete(agentId);
    if (caller === undefined || agent === undefined) return;
    const later = caller.at >= agent.at ? caller : agent;
    if (!later.isExact) return;
    if (this.samples.length >= SAMPLES_MAX) this.samples.shift();
    this.samples.push(Math.max(0, at - later.at));
  }

  result(): DemoResult {
    const { calls, connected, abandoned, failed, samples } = this;
    const ofAll = (share: number) =>
      samples.length === 0 ? null : tenths(percentile(samples, share));
    const [p50, p99] = [ofAll(0.5), ofAll(0.99)];
    return { calls, connected, abandoned, failed, offer_latency_ms: { p50, p99 } };
  }
}
