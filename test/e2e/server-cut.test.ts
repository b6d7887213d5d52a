/**
 * Goal: there is no moment in a call at which the death of the server costs anybody his place, his
 * talk or his farewell. Method: the product as a user starts it, but for its line to sipd, which is
 * broken at one frame after the other, and the server killed there (SIGKILL); the next one has the
 * journal, and sipd and mediad have the calls.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CoreEvent } from '../../src/core/events.ts';
import { readJournalFile } from '../../src/journal/reader.ts';
import { onDrachtio, startAcd, type Acd } from '../support/acd.ts';
import { Line, SECRET, Server, type Point } from '../support/breaking-line.ts';
import { areFree, playAll, stories, strideOf, type Story } from '../support/cut-stories.ts';
import { kill } from '../support/full-house.ts';
import { until } from '../support/inbox.ts';
import { Phone } from '../support/phone.ts';
import { freePort } from '../support/ports.ts';
import { openStage } from '../support/stage.ts';

const stage = openStage('server-cut');
let plays = 0;

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

function sceneOf(acd: Acd, desks: readonly [Phone, Phone], guest: Phone, queue: string) {
  return {
    ...{ desks, guest, queue },
    dialOut: async (agent: string, to: string) => {
      const body = JSON.stringify({ agent, to });
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${acd.rest}/calls`, { method: 'POST', headers, body });
      expect(response.status).toBeLessThan(300);
    },
    connected: async () => eventOf(acd, ['CallConnected', 'OutboundConnected']),
    ended: async () => eventOf(acd, ['CallEnded', 'OutboundEnded']),
  };
}

/** The story with the server killed there; false: it was over before that. */
async function play(story: Story, point: Point): Promise<boolean> {
  const [admin, sip] = [await freePort(), await freePort()];
  // Its own: the ports come round again, and a journal may not.
  const folder = path.join(stage.folder, String((plays += 1)));
  mkdirSync(folder);
  const server = new Server(admin, sip, path.join(folder, 'calls'));
  await server.start();
  let acd: Acd | null = null;
  const line = new Line(admin, () => {
    if (acd !== null) kill(acd, 'server');
  });
  const port = await line.listen();
  const agents = ['1', '2'].map((id) => ({ id, queues: ['line'] }));
  const drachtio = { host: '127.0.0.1', port, secret: SECRET };
  const at = {
    queues: [{ name: 'line' }],
    agents,
    sip: { drachtio },
    more: { transfers: { allow: ['sip:*@127.0.0.1:*'] } },
  };
  acd = await startAcd({ folder }, at);
  const open = async (user: string): Promise<Phone> => Phone.open({ user });
  const desks = [await open('desk1'), await open('desk2')] as const;
  const guest = await open('guest');
  try {
    for (const [index, desk] of desks.entries()) {
      const id = String(index + 1);
      const login = await (await desk.dial(`sip:*44${id}@127.0.0.1:${sip}`)).answered();
      await acd.agentIs(id, 'idle');
      await login.ended;
    }
    line.arm(point);
    await story(sceneOf(acd, desks, guest, `sip:line@127.0.0.1:${sip}`));
    await expect.poll(() => server.calls()).toEqual([]);
    const back = acd;
    await until('a server', async () => back.health().then(Boolean, () => false), Boolean);
    await acd.isEmpty(15_000);
    await areFree([...desks, guest]);
    expect((await acd.health()).bugs).toBe(0);
    expect(eventsOf(acd).filter(({ kind }) => kind === 'CallEntered').length).toBeLessThan(2);
    return line.hasStruck;
  } catch (trouble) {
    // The stage's folder stays when a test failed; the ACD's log is there already.
    const traces = [...desks, guest].map((one) => one.trace());
    const text = traces.map((trace) => `===== ${trace.name}\n${trace.text}`).join('\n');
    const events = eventsOf(acd).map((event) => JSON.stringify(event));
    writeFileSync(
      path.join(acd.folder, `${point.frames} ${point.direction}.txt`),
      [...events, text].join('\n'),
    );
    throw trouble;
  } finally {
    await acd.stop();
    await Promise.all([...desks, guest].map(async (phone) => phone.stop()));
    await line.stop();
    await server.stop();
  }
}

describe.skipIf(onDrachtio)('a server killed at any frame', () => {
  for (const [index, [title, story]] of Object.entries(stories).entries())
    for (const direction of ['to the SIP server', 'from it'] as const)
      it(`${title}: ${direction}`, { timeout: 300_000 }, async () => {
        const at = async (point: Point): Promise<boolean> => play(story, point);
        await playAll(['server killed', direction], strideOf(index, 5, 11), at);
      });
});
