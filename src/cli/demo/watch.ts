/**
 * What the ACD itself says: GET /queues and GET /agents, a few times a second. The screen shows
 * this and nothing else; the commentary asks it for places in line and idle times.
 */
export interface SeenCall {
  readonly id: string;
  readonly state: 'queued' | 'offered' | 'assigned';
  readonly name: string;
  readonly position: number;
  readonly waited_seconds: number;
  readonly talked_seconds: number;
  readonly agent: string;
}

export interface SeenQueue {
  readonly name: string;
  readonly calls: readonly SeenCall[];
}

export interface SeenAgent {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly idletime: string;
  readonly memberof: readonly string[];
  readonly call: string;
}

export interface Seen {
  readonly queues: readonly SeenQueue[];
  readonly agents: readonly SeenAgent[];
}

const INTERVAL_MS = 250;
const DEADLINE_MS = 2_000;

export class Watch {
  seen: Seen = { queues: [], agents: [] };
  private readonly http: string;
  private readonly onSeen: (seen: Seen) => void;
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;

  constructor(http: string, onSeen: (seen: Seen) => void) {
    this.http = http;
    this.onSeen = onSeen;
  }

  async start(): Promise<void> {
    await this.look();
    if (this.isClosed) return;
    this.timer = setTimeout(() => void this.start(), INTERVAL_MS);
  }

  /** Asks now. An ACD that does not answer shows as it was last seen. */
  async look(): Promise<Seen> {
    const [queues, agents] = await Promise.all([
      this.ask<Pick<Seen, 'queues'>>('/queues'),
      this.ask<Pick<Seen, 'agents'>>('/agents'),
    ]);
    if (queues !== null && agents !== null) this.seen = { ...queues, ...agents };
    this.onSeen(this.seen);
    return this.seen;
  }

  /** The call's place in line now, 0 when it is not in line any more. */
  async positionOf(sipCallId: string): Promise<number> {
    const { queues } = await this.look();
    for (const queue of queues)
      for (const call of queue.calls) if (call.id === sipCallId) return call.position;
    return 0;
  }

  agent(id: string): SeenAgent | undefined {
    return this.seen.agents.find((agent) => agent.id === id);
  }

  close(): void {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private async ask<T>(path: string): Promise<T | null> {
    try {
      const signal = AbortSignal.timeout(DEADLINE_MS);
      const answer = await fetch(`http://${this.http}${path}`, { signal });
      return answer.ok ? ((await answer.json()) as T) : null;
    } catch {
      // Busy or gone: its log says which, the screen keeps the last view.
      return null;
    }
  }
}
