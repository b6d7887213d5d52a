/**
 * A local socket at a path, for our own user alone (mode 0600), that stays to be found: where its
 * file or its folder is taken away while we live, as by `rm -rf /tmp/*`, it is made again. Whoever
 * is connected notices nothing.
 */
import { chmodSync, existsSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';

const LOOK_EVERY_MS = 1_000;

export class KeptSocket {
  private readonly path: string;
  private readonly server: Server;
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;

  constructor(path: string, welcome: (socket: Socket) => void) {
    this.path = path;
    this.server = createServer(welcome);
    // Who cannot be let in, as no descriptors are left, is no reason to end.
    this.server.on('error', () => undefined);
  }

  /** Null: it listens. Else why not. */
  async listen(): Promise<string | null> {
    const { path } = this;
    if (existsSync(path)) {
      if (await answers(path)) return `${path} is in use by another process`;
      // Left by a process that was killed.
      unlinkSync(path);
    }
    hasFolder(dirname(path));
    const why = await this.bind();
    // Who can do without it for now may have it later.
    this.timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
    return why;
  }

  /** Connections stay; they are their owner's. */
  close(): void {
    this.isClosed = true;
    if (this.timer !== null) clearInterval(this.timer);
    this.server.close();
  }

  private bind(): Promise<string | null> {
    const { path, server } = this;
    return new Promise((resolve) => {
      const failed = (error: Error): void => {
        server.off('listening', bound);
        resolve(`${path}: ${error.message}`);
      };
      const bound = (): void => {
        server.off('error', failed);
        resolve(secure(path));
      };
      server.once('error', failed);
      server.once('listening', bound);
      server.listen(path);
    });
  }

  /** What cannot be made now is tried again a second later. */
  private async look(): Promise<void> {
    const isThere = await access(this.path).then(
      () => true,
      () => false,
    );
    if (isThere || this.isClosed || !hasFolder(dirname(this.path))) return;
    this.server.close();
    await this.bind();
  }
}

/** Null: it is ours alone now. Else why not. */
function secure(path: string): string | null {
  try {
    chmodSync(path, 0o600);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** It is there, or again. One that somebody else put in its place could lead to his own sockets. */
function hasFolder(folder: string): boolean {
  try {
    // Not what it is in: /tmp is not ours to make.
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
    const { uid } = lstatSync(folder);
    return uid === 0 || uid === process.getuid?.();
  } catch {
    // No space, or not ours to write to: by and by.
    return false;
  }
}

async function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
