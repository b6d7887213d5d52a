/**
 * Programs that wait to be connected to (`srf.listen`), what drachtio-server calls outbound
 * connections: a new request of a method that has a rule is given to nobody who routed it. A web
 * service is asked what is to become of it, or the rule says it already: as a rule we open a
 * connection for this request alone, the program authenticates on it as if it had come to us, and
 * from then on it is a client like any other. It closes the connection when it needs it no more.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { serveLine } from './client-line.ts';
import { Client } from './clients.ts';
import type { Context, Dialler } from './context.ts';
import { newUuid } from './ids.ts';
import { MAX_OUTBOUND_CLIENTS, MAX_QUESTIONS, OUTBOUND_CONNECT_MS } from './limits.ts';
import { passOn } from './proxy-entry.ts';
import type { Received } from './received.ts';
import { reject, retryAfter } from './refusal.ts';
import { askService, parsePlace, type Instruction, type ProgramPlace } from './routing.ts';
import type { ServerTx } from './server-tx.ts';

export interface OutboundRule {
  /** Upper case, or `*`: every method that has no rule of its own. */
  method: string;
  /** The program, or the URL of the service that says which. */
  to: ProgramPlace | string;
}

/** `INVITE=tcp://127.0.0.1:9021`, `*=https://apps.example/route`; null if malformed. */
export function parseOutbound(text: string): OutboundRule | null {
  const match = /^([A-Za-z]{1,32}|\*)=((tcp|tls|https?):\/\/.+)$/.exec(text);
  const [, name = '', url = '', scheme = ''] = match ?? [];
  const method = name.toUpperCase();
  if (scheme.startsWith('http')) return URL.canParse(url) ? { method, to: url } : null;
  const to = parsePlace(url);
  return match === null || to === null ? null : { method, to };
}

/** A new request, and how a client gets it. */
interface Asked {
  received: Received;
  tx: ServerTx;
  give: (client: Client) => void;
}

export class Outbound implements Dialler {
  private readonly sockets = new Set<Socket>();
  private questions = 0;
  private readonly ctx: Context;
  private readonly options: { secret: string; rules: readonly OutboundRule[]; ca: string };

  /** @param options `ca`: who may have signed the certificates of `tls:` places, PEM; '': anybody
   *    the system trusts */
  constructor(ctx: Context, options: Outbound['options']) {
    this.ctx = ctx;
    this.options = options;
  }

  private ruleFor(method: string): OutboundRule | undefined {
    const { rules } = this.options;
    return rules.find((one) => one.method === method) ?? rules.find((one) => one.method === '*');
  }

  takes(method: string): boolean {
    return this.ruleFor(method) !== undefined;
  }

  take(received: Received, tx: ServerTx, give: (client: Client) => void): boolean {
    const rule = this.ruleFor(received.message.method);
    if (rule === undefined) return false;
    const asked = { received, tx, give };
    if (typeof rule.to === 'string') void this.ask(rule.to, asked);
    else this.callUp(rule.to, asked);
    return true;
  }

  private async ask(service: string, asked: Asked): Promise<void> {
    const { ctx } = this;
    const { received, tx } = asked;
    if (this.questions >= MAX_QUESTIONS) {
      reject(received, tx, 503, [retryAfter]);
      return;
    }
    this.questions += 1;
    const routed = await askService(service, received);
    this.questions -= 1;
    ctx.guard(() => {
      if (tx.isAnswered) return;
      if (routed.ok) this.follow(routed.instruction, asked);
      else {
        ctx.log.warn(`${received.message.method} gets 500: ${service} says ${routed.fault}`);
        reject(received, tx, 500, []);
      }
    });
  }

  private follow(instruction: Instruction, asked: Asked): void {
    const { ctx } = this;
    const { received, tx, give } = asked;
    switch (instruction.action) {
      case 'reject':
        reject(received, tx, instruction.status, [], instruction.reason);
        return;
      case 'redirect': {
        const contacts = instruction.contacts.map((value) => ({ name: 'Contact', value }));
        reject(received, tx, 302, contacts, 'Moved');
        return;
      }
      case 'proxy':
        passOn(ctx, received, tx, instruction.order);
        return;
      case 'route': {
        if ('place' in instruction) {
          this.callUp(instruction.place, asked);
          return;
        }
        const { tag } = instruction;
        const { method } = received.message;
        const client = ctx.clients.pick(method.toLowerCase(), tag);
        const isBusy = method === 'INVITE' && ctx.clients.refusesCalls(tag);
        if (isBusy) reject(received, tx, 503, [retryAfter]);
        else if (client !== null) give(client);
        else this.refuse(asked, `no program has the tag ${tag}`);
      }
    }
  }

  /** As drachtio-server answers where there is no program. */
  private refuse({ received, tx }: Asked, why: string): void {
    this.ctx.log.warn(`${received.message.method} gets 480: ${why}`);
    if (!tx.isAnswered) reject(received, tx, 480, []);
  }

  private callUp(place: ProgramPlace, asked: Asked): void {
    const { ctx } = this;
    const { secret } = this.options;
    const name = `${place.isTls ? 'tls' : 'tcp'}://${place.host}:${place.port}`;
    if (this.sockets.size >= MAX_OUTBOUND_CLIENTS) {
      this.refuse(asked, 'too many connections to programs');
      return;
    }
    const socket = this.open(place);
    this.sockets.add(socket);
    const client = new Client(newUuid(), socket, name);
    let isOver = false;
    const deadline = setTimeout(() => {
      socket.destroy(new Error('no connection in time'));
    }, OUTBOUND_CONNECT_MS);
    socket.once(place.isTls ? 'secureConnect' : 'connect', () => {
      clearTimeout(deadline);
    });
    serveLine({
      ...{ ctx, secret, socket, client, name },
      onAuthenticated: () => {
        isOver = true;
        if (asked.tx.isAnswered) socket.end();
        else asked.give(client);
      },
      onGone: () => {
        clearTimeout(deadline);
        this.sockets.delete(socket);
        if (!isOver) this.refuse(asked, `no program at ${name} that knows our secret`);
      },
    });
  }

  private open({ host, port, isTls }: ProgramPlace): Socket {
    if (!isTls) return connect({ host, port });
    const { ca } = this.options;
    return connectTls({ host, port, ...(ca === '' ? {} : { ca }) });
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
