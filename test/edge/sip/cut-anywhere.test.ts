/**
 * Goal: there is no moment in a call at which losing the SIP server, or the connection to it, costs
 * anybody his place, his talk or his farewell. Method: the same story from INVITE to BYE, again
 * and again; each time the line between the edge and the real SIP server breaks one frame later,
 * and that frame is lost; then the same with the SIP server killed there. Phones repeat themselves
 * as phones do.
 */
import { describe, expect, it } from 'vitest';
import type { Line } from '../../support/breaking-line.ts';
import { cutsOf, type House } from '../../support/cut-stories.ts';
import { openStage } from '../../support/stage.ts';
import { acdConfig, queueConfig } from '../../unit/sip/fakes.ts';
import { startAcd } from './acd.ts';

const stage = openStage('sip-cut-anywhere');

function configOf() {
  const config = acdConfig();
  const agents = ['1', '2'].map((id) => ({ id, name: id, queues: ['queue1'] }));
  return { ...config, core: { ...config.core, queues: [queueConfig('queue1')], agents } };
}

async function open(line: Line): Promise<House> {
  // Its SIP server ends with the line.
  const acd = await startAcd({ ...line.drachtio, stop: async () => undefined }, configOf());
  const { loop, media, events } = acd;
  return {
    queue: 'queue1',
    logIn: async (agentId, desk) => {
      const device = { uri: desk.contact, registrar: null };
      await loop.submit({ kind: 'LogInAgent', by: 'test', agentId, device });
      await expect.poll(() => loop.state.agents.get(agentId)?.deviceState).toBe('idle');
    },
    dialOut: async (agentId, uri) => {
      const order = { callId: loop.newId(), agentId, uri } as const;
      const outcome = await loop.submit({ kind: 'DialOut', by: 'test', ...order });
      expect(outcome).toMatchObject({ ok: true });
    },
    connected: async () =>
      Promise.race([acd.event('CallConnected'), acd.event('OutboundConnected')]),
    ended: async () => Promise.race([acd.event('CallEnded'), acd.event('OutboundEnded')]),
    isEmpty: async () => {
      await expect.poll(() => [...media.live]).toEqual([]);
      expect(events.filter((one) => one.event.kind === 'CallEntered').length).toBeLessThan(2);
    },
    kill: () => undefined,
    trace: () => acd.trace(),
    stop: async () => acd.stop(),
  };
}

describe.each(['cut', 'sipd killed'] as const)('wherever the line is broken (%s)', (blow) => {
  for (const [title, test] of cutsOf({ blow, strides: [2, 5], folder: stage.folder, open }))
    it(title, { timeout: 240_000 }, test);
});
