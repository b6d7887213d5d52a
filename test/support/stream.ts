/** A TCP connection into the server's core in memory: bytes are cut as the real one cuts them. */
import { onMessage } from '../../src/sipd/core.ts';
import { Framer } from '../../src/sipd/framer.ts';
import type { World } from './sipd-core.ts';

export class Stream {
  /** CRLF keep-alives that were recognised. */
  pings = 0;
  /** Why the server would have closed the connection; '' while it is open. */
  closed = '';
  private readonly world: World;
  private readonly framer = new Framer();

  constructor(world: World) {
    this.world = world;
  }

  /** Has a message begun that is not complete? */
  get isPartial(): boolean {
    return this.framer.isPartial;
  }

  push(bytes: string): void {
    const { world } = this;
    const path = world.network.pathTo('tcp', world.peer.address, world.peer.port);
    for (const framed of this.framer.push(bytes)) {
      if (framed.kind === 'ping') this.pings += 1;
      else {
        const fault = framed.kind === 'broken' ? framed.reason : null;
        onMessage(world.ctx, framed.text, path, fault);
        if (fault !== null) this.closed = fault;
      }
    }
  }
}
