/**
 * Issue 3, point 6: the disk is full. Who waits hears music, who talks is heard, new callers get
 * 503 with Retry-After, health says why; with space again everything goes on by itself, and what
 * happened meanwhile is in the journal. Method: the product with its journal on a real disk of
 * three megabytes.
 */
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runAcd, startAcd, type Acd } from '../support/acd.ts';
import { until } from '../support/inbox.ts';
import { header } from '../support/sip-message.ts';
import { mayMount, openSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { openStage } from '../support/stage.ts';
import { allWell, enter, hearsMusic, logIn, phone, talk } from '../support/stories.ts';

interface JournalShown {
  readonly up: boolean;
  readonly detail: string;
  readonly seq: number;
}

const obstacle = mayMount();

describe.skipIf(obstacle !== '')(`a full disk${obstacle === '' ? '' : ` (${obstacle})`}`, () => {
  const stage = openStage('disk');
  let disk: SmallDisk;
  let acd: Acd;
  let file = '';

  beforeAll(async () => {
    disk = await stage.add(openSmallDisk(3));
    file = path.join(disk.folder, 'journal.db');
    acd = await stage.add(
      startAcd(stage, {
        queues: [
          { name: 'queue1', welcome: [] },
          { name: 'queue2', welcome: [] },
        ],
        agents: [{ id: '2771', queues: ['queue1'] }],
        more: { journal: { path: file } },
      }),
    );
  });

  async function journal(): Promise<JournalShown> {
    return ((await acd.health()) as unknown as { journal: JournalShown }).journal;
  }

  it('costs nobody in the house anything, and is over by itself', async () => {
    const desk = await phone(stage, 'desk');
    await logIn(acd, desk, '2771');
    const alice = await phone(stage, 'alice');
    const talking = await enter(acd, alice, 'queue1');
    const answered = await desk.incoming();
    answered.answer();
    answered.rtp.sendSilence();
    await talk(talking, answered);
    const bob = await phone(stage, 'bob');
    const waiting = await enter(acd, bob, 'queue2');
    await hearsMusic(waiting.rtp);

    disk.fill();
    // The log has some room of its own: callers come until it is used up.
    const carol = await phone(stage, 'carol');
    let refused = null;
    for (let count = 0; count < 400 && refused === null; count += 1) {
      const call = await carol.dial(acd.uri('queue2'));
      if ((await call.status()) === 200) await call.bye();
      else refused = call;
    }
    const final = await (refused ?? expect.unreachable('the disk was never full')).final;
    expect([await refused?.status(), header(final, 'Retry-After')]).toEqual([503, '5']);
    expect(await journal()).toMatchObject({
      up: false,
      detail: expect.stringMatching(
        /its disk is full; free some space .*; since 20.*refused; it/,
      ) as string,
    });

    await talk(talking, answered);
    await hearsMusic(waiting.rtp);
    // His goodbye is answered at once; what follows from it waits until it is written down.
    await talking.bye();
    expect(await acd.calls('queue1')).toHaveLength(1);

    disk.free();
    await until('the journal to be back', journal, (shown) => shown.up, 5_000);
    await answered.ended;
    await acd.callsAre('queue1', 0);
    await acd.agentIs('2771', 'idle');
    await hearsMusic(waiting.rtp);
    const again = await enter(acd, carol, 'queue1');
    const second = await desk.incoming();
    second.answer();
    await talk(again, second);
    await again.bye();
    await waiting.bye();
    await allWell(acd);
  });

  it('left a journal that is sound, also while the product runs', async () => {
    const check = runAcd(stage.folder, ['journal', 'check', file]);
    await check.ended;
    expect(check.output()).toMatch(/: sound\n/);
  });
});
