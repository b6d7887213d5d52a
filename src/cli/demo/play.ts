/**
 * The stage all simulated people share: the telephone network, what the ACD shows of itself, the
 * score, and who is on the line with whom. The play closes once; every pause ends then.
 */
import { Later } from '../../shared/later.ts';
import type { AudioCheck } from './audio-check.ts';
import type { Exchange } from './exchange.ts';
import type { Line } from './line.ts';
import type { Score } from './score.ts';
import type { Watch } from './watch.ts';

/**
 * Heard packets are counted from here on: bridge and voices have begun. Of a talk that is over
 * before, as whoever watches has pressed Ctrl-C, nothing is demanded.
 */
const SETTLE_MS = 300;
/** Shorter talks must have been heard at all; in longer ones half of all packets is demanded. */
const MEASURED_MS = 1_000;
const PACKETS_PER_MS = 0.05;

/** A caller and an agent are connected. */
export class Talk {
  readonly agentName: string;
  readonly agentLine: Line;
  readonly callerLine: Line;
  readonly since = performance.now();
  private readonly audio: Pick<AudioCheck, 'received'>;
  private readonly begun: Promise<readonly [number | null, number | null]>;

  constructor(
    agentName: string,
    agentLine: Line,
    callerLine: Line,
    audio: Pick<AudioCheck, 'received'>,
  ) {
    this.agentName = agentName;
    this.agentLine = agentLine;
    this.callerLine = callerLine;
    this.audio = audio;
    this.begun = new Promise((resolve) => {
      const count = () => resolve(this.count());
      const timer = setTimeout(count, SETTLE_MS);
      void agentLine.ended.then(() => {
        clearTimeout(timer);
        resolve([0, 0]);
      });
    });
  }

  private async count(): Promise<readonly [number | null, number | null]> {
    const { audio, callerLine, agentLine } = this;
    return Promise.all([audio.received(callerLine.leg), audio.received(agentLine.leg)]);
  }

  /** Asked once the talk is over, before the legs are released: did each hear the other? */
  async wasHeard(): Promise<'both' | 'caller' | 'agent' | 'none'> {
    const lasted = performance.now() - this.since;
    if (lasted < SETTLE_MS) return 'both';
    const [before, after] = [await this.begun, await this.count()];
    const least =
      lasted < MEASURED_MS ? 1 : Math.floor((lasted - SETTLE_MS) * PACKETS_PER_MS * 0.5);
    const [caller, agent] = [0, 1].map((side) => (after[side] ?? 0) - (before[side] ?? 0) >= least);
    if (caller === true && agent === true) return 'both';
    if (caller === true) return 'caller';
    return agent === true ? 'agent' : 'none';
  }
}

/** A caller in line, as an agent who answers finds him. */
export interface CallerInLine {
  readonly name: string;
  readonly line: Line;
  connected(talk: Talk): void;
}

export class Play {
  readonly exchange: Exchange;
  readonly watch: Watch;
  readonly score: Score;
  readonly audio: AudioCheck;
  readonly say: (text: string) => void;
  /** By Call-ID; bounded by the number of callers. */
  readonly inLine = new Map<string, CallerInLine>();
  private readonly closed = new Later<void>();
  private isOver = false;

  constructor(parts: Pick<Play, 'exchange' | 'watch' | 'score' | 'audio' | 'say'>) {
    this.exchange = parts.exchange;
    this.watch = parts.watch;
    this.score = parts.score;
    this.audio = parts.audio;
    this.say = parts.say;
  }

  get closing(): Promise<void> {
    return this.closed.promise;
  }

  get isClosing(): boolean {
    return this.isOver;
  }

  close(): void {
    this.isOver = true;
    this.closed.settle();
  }

  /** Waits so long, or until one of the others happens, or the play closes. */
  async pause(ms: number, ...others: readonly Promise<unknown>[]): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const passed = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
    await Promise.race([passed, this.closing, ...others]);
    clearTimeout(timer);
  }
}
