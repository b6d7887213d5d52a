/**
 * What a dialogue by keys must not lose with its process: whose phone it is, in which dialog, what
 * was dialled, every key of the try under way, and the result once there is one. It is kept with
 * the leg of audio (`MediaPort.remember`) and with nobody else: a dialogue that is not over is no
 * fact of the journal, and a PIN must not be written down. A process that takes over presses the
 * same keys again, and comes to where the agent is.
 */
import type { Device } from '../core/types.ts';
import type { MediaPort } from '../media/port.ts';
import type { LoginRequest } from './dial-codes.ts';

export interface LoginFacts {
  readonly dialogId: string;
  readonly device: Device;
  readonly wanted: LoginRequest;
  /** Our registrar that he came through, who may challenge us; null, absent: none. */
  readonly registrar?: string | null;
  /** We made the offer: the ACK brings the answer. */
  readonly isLateOffer: boolean;
  /** Tries left, the one under way included. */
  readonly tries: number;
  /** Keys of the try under way, those already understood included. */
  readonly keys: string;
  /** The prompt that tells how it ended; null: it has not. */
  readonly result: string | null;
}

/** Two entries and as many corrections; who presses more is not followed any further. */
const KEYS_MAX = 200;

export class LoginMemory {
  private readonly media: MediaPort;
  private readonly leg: string;
  private now: LoginFacts;

  constructor(media: MediaPort, leg: string, facts: LoginFacts) {
    this.media = media;
    this.leg = leg;
    this.now = facts;
  }

  get facts(): LoginFacts {
    return this.now;
  }

  /** Sent before whatever is ordered of the audio process after it. */
  keep(change: Partial<LoginFacts> = {}): void {
    this.now = { ...this.now, ...change };
    void this.media.remember(this.leg, JSON.stringify(this.now));
  }

  pressed(key: string): void {
    const { keys } = this.now;
    if (keys.length < KEYS_MAX) this.keep({ keys: keys + key });
  }
}

/** Null: nobody's, or of a version that says it in another way. */
export function readLoginFacts(text: string): LoginFacts | null {
  if (text === '') return null;
  try {
    const facts = JSON.parse(text) as Partial<LoginFacts> | null;
    const { dialogId, device, wanted, tries, keys } = facts ?? {};
    const isWhole =
      typeof dialogId === 'string' &&
      typeof device?.uri === 'string' &&
      typeof wanted?.kind === 'string' &&
      typeof tries === 'number' &&
      typeof keys === 'string';
    return isWhole ? (facts as LoginFacts) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
