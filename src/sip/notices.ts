/**
 * What an agent must be told when it happens, as a line of text on his phone (SIP MESSAGE, RFC
 * 3428): that we have paused him because he missed offers. Without it he would wait for calls
 * that never come. A phone that takes no text is no fault: GET /agents says it, too.
 */
import type { AgentPaused, CoreEvent } from '../core/events.ts';
import { newTag, TRANSACTION_DEADLINE_MS } from './client.ts';
import type { EdgeContext } from './context.ts';
import { clean, nameAddr } from './headers.ts';
import type { Routes } from './routes.ts';

/** Notices on their way at once; with more the rest is only logged. */
const NOTICES_MAX = 100;

export class Notices {
  private readonly context: EdgeContext;
  private readonly routes: Routes;
  private underWay = 0;

  constructor(context: EdgeContext, routes: Routes) {
    this.context = context;
    this.routes = routes;
    context.runtime.react(({ event }) => this.react(event));
  }

  private react(event: CoreEvent): void {
    if (event.kind === 'AgentPaused' && event.auto === true) void this.tell(event);
  }

  private async tell(event: AgentPaused): Promise<void> {
    const { runtime, client, log } = this.context;
    const { agentId, queue, reason, until } = event;
    const device = runtime.state.agents.get(agentId)?.device ?? null;
    const route = device === null ? null : this.routes.to(device);
    if (route === null || this.underWay >= NOTICES_MAX) {
      log.warn({ agentId, reason }, 'agent paused, and not told');
      return;
    }
    const where = queue === undefined ? '' : ` in ${queue}`;
    const ends = until === undefined ? 'until you resume' : `for ${this.secondsTo(until)} s`;
    this.underWay += 1;
    const outcome = await client.request(
      {
        method: 'MESSAGE',
        uri: route.uri,
        ...(route.nextHop === null ? {} : { nextHop: route.nextHop }),
        headers: {
          From: `${nameAddr('ACD', route.account ?? 'sip:acd@localhost')};tag=${newTag()}`,
          To: nameAddr('', route.uri),
          'Content-Type': 'text/plain;charset=UTF-8',
        },
        body: clean(`You are paused${where} ${ends}: ${reason}`),
      },
      { credentials: route.credentials, deadlineMs: TRANSACTION_DEADLINE_MS },
    );
    this.underWay -= 1;
    const status = outcome.kind === 'response' ? outcome.response.status : 0;
    log.info({ agentId, queue, reason, told: status >= 200 && status < 300 }, 'agent paused');
  }

  private secondsTo(until: number): number {
    return Math.max(0, Math.round((until - this.context.runtime.now()) / 1000));
  }
}
