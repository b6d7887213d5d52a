/**
 * Goal: there is no moment in a call at which the death of the server costs anybody his place, his
 * talk or his farewell. Method: the product as a user starts it, but for its line to sipd, which is
 * broken at one frame after the other, and the server killed there (SIGKILL); the next one has the
 * journal, and sipd and mediad have the calls.
 */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CoreEvent } from '../../src/core/events.ts';
import { readJournalFile } from '../../src/journal/reader.ts';
import { onDrachtio, startAcd, type Acd } from '../support/acd.ts';
import type { Line } from '../support/breaking-line.ts';
import { cutsOf, type House } from '../support/cut-stories.ts';
import { kill } from '../support/full-house.ts';
import { until } from '../support/inbox.ts';
import { openStage } from '../support/stage.ts';

const stage = openStage('server-cut');

function eventsOf(acd: Acd): CoreEvent[] {
  const events: CoreEvent[] = [];
  readJournalFile(path.join(acd.folder, 'journal.db'), ({ event }) => events.push(event));
  return events;
}

/** The first event of one of these kinds, once it is in the journal. */
async function eventOf(acd: Acd, kinds: readonly string[]): Promise<object> {
  const find = () => eventsOf(acd).filter(({ kind }) => kinds.includes(kind));
  const found = await until(kinds.join(' or '), find, (all) => all.length > 0, 12_000, 100);
  return found[0] as object;
}

async function open(line: Line, folder: string): Promise<House> {
  const acd = await startAcd(
    { folder },
    {
      queues: [{ name: 'line' }],
      agents: ['1', '2'].map((id) => ({ id, queues: ['line'] })),
      sip: { drachtio: line.drachtio },
      more: { transfers: { allow: ['sip:*@127.0.0.1:*'] } },
    },
  );
  return {
    queue: 'line',
    logIn: async (agentId, desk) => {
      const login = await (await desk.dial(line.uri(`*44${agentId}`))).answered();
      await acd.agentIs(agentId, 'idle');
      await login.ended;
    },
    dialOut: async (agent, to) => {
      const body = JSON.stringify({ agent, to });
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${acd.rest}/calls`, { method: 'POST', headers, body });
      expect(response.status).toBeLessThan(300);
    },
    connected: async () => eventOf(acd, ['CallConnected', 'OutboundConnected']),
    ended: async () => eventOf(acd, ['CallEnded', 'OutboundEnded']),
    isEmpty: async () => {
      await until('a server', async () => acd.health().then(Boolean, () => false), Boolean);
      await acd.isEmpty(15_000);
      expect((await acd.health()).bugs).toBe(0);
      expect(eventsOf(acd).filter(({ kind }) => kind === 'CallEntered').length).toBeLessThan(2);
    },
    kill: () => void kill(acd, 'server'),
    // Its log is in the folder already.
    trace: () => ({
      name: 'journal',
      text: eventsOf(acd)
        .map((event) => JSON.stringify(event))
        .join('\n'),
    }),
    stop: async () => acd.stop(),
  };
}

describe.skipIf(onDrachtio)('a server killed at any frame', () => {
  const cuts = { blow: 'server killed', strides: [5, 11], folder: stage.folder, open } as const;
  for (const [title, test] of cutsOf(cuts)) it(title, { timeout: 300_000 }, test);
});
