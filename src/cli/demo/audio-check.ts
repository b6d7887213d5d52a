/**
 * Asks the phones' audio process how many packets a leg has received: the demo counts a call as
 * connected only if both sides were heard. A second client of mediad's control socket; it never
 * says `listen`, so the events stay with the media port.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

const DEADLINE_MS = 2_000;
const PENDING_MAX = 1_000;

interface Reply {
  readonly id: number;
  readonly stats?: { readonly received?: number };
}

export class AudioCheck {
  private readonly socket: Socket;
  private readonly pending = new Map<number, (received: number | null) => void>();
  private rest = '';
  private lastId = 0;

  constructor(control: string) {
    this.socket = connect(control);
    this.socket.setEncoding('utf8');
    this.socket.on('data', (text) => this.take(String(text)));
    this.socket.on('error', () => this.giveUp());
    this.socket.on('close', () => this.giveUp());
  }

  /** RTP packets received on the leg so far; null: it is not there, or nobody answers. */
  async received(leg: string): Promise<number | null> {
    if (this.socket.destroyed || this.pending.size >= PENDING_MAX) return null;
    const id = (this.lastId += 1);
    return new Promise((resolve) => {
      const settle = (received: number | null) => {
        clearTimeout(timer);
        this.pending.delete(id);
        resolve(received);
      };
      const timer = setTimeout(() => settle(null), DEADLINE_MS);
      this.pending.set(id, settle);
      this.socket.write(`${JSON.stringify({ id, do: 'stats', leg })}\n`);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      const reply = JSON.parse(line) as Reply;
      this.pending.get(reply.id)?.(reply.stats?.received ?? null);
    }
  }

  private giveUp(): void {
    for (const settle of [...this.pending.values()]) settle(null);
  }
}
