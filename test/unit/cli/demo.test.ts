/** Goal: the demo's counting and drawing, which its end-to-end test cannot see into. */
import { describe, expect, it, vi } from 'vitest';
import { faultOfDemo } from '../../../src/cli/demo.ts';
import type { AudioCheck } from '../../../src/cli/demo/audio-check.ts';
import type { Line } from '../../../src/cli/demo/line.ts';
import { castAgents } from '../../../src/cli/demo/people.ts';
import { Talk } from '../../../src/cli/demo/play.ts';
import { Random } from '../../../src/sim/random.ts';
import { percentile, Score } from '../../../src/cli/demo/score.ts';
import { draw, Screen } from '../../../src/cli/demo/screen.ts';
import type { Seen } from '../../../src/cli/demo/watch.ts';

describe('offer latency', () => {
  it('given an agent frees up while a caller waits, runs from the BYE to the INVITE', () => {
    const score = new Score();
    score.callerReady('call', 100);
    score.agentFree('2001', 500);
    score.offered('2001', 'call', 508);
    expect(score.samples).toEqual([8]);
  });

  it('given an idle agent, runs from the caller’s ACK', () => {
    const score = new Score();
    score.agentFree('2001', 50, false);
    score.callerReady('call', 100);
    score.offered('2001', 'call', 103);
    expect(score.samples).toEqual([3]);
  });

  it('given the later moment is known to the ACD alone, takes no sample', () => {
    const score = new Score();
    score.callerReady('call', 100);
    score.agentFree('2001', 500, false);
    score.offered('2001', 'call', 508);
    score.offered('2001', 'call', 600);
    score.offered('2001', 'nobody', 700);
    expect(score.samples).toEqual([]);
    expect(score.result().offer_latency_ms).toEqual({ p50: null, p99: null });
  });

  it('gives percentiles by nearest rank, and 0 of nothing', () => {
    const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([percentile(samples, 0.5), percentile(samples, 0.99)]).toEqual([50, 99]);
    expect(percentile([], 0.5)).toBe(0);
  });
});

describe('audio of a talk', () => {
  /** Packets that arrive at each leg in every millisecond. */
  async function judge(rates: { caller: number; agent: number }, ms: number) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const began = performance.now();
    const received = async (leg: 'caller' | 'agent') => rates[leg] * (performance.now() - began);
    const audio = { received: received as unknown as AudioCheck['received'] };
    const line = (leg: string) => ({ leg, ended: new Promise(() => undefined) }) as unknown as Line;
    const talk = new Talk('Anna', line('agent'), line('caller'), audio);
    await vi.advanceTimersByTimeAsync(ms);
    const heard = await talk.wasHeard();
    vi.useRealTimers();
    return heard;
  }

  it('given packets both ways, both were heard', async () => {
    expect(await judge({ caller: 0.05, agent: 0.049 }, 5_000)).toBe('both');
  });

  it('given it is over before voices have begun, demands nothing', async () => {
    expect(await judge({ caller: 0.05, agent: 0 }, 50)).toBe('both');
  });

  it('given one direction is silent or in tatters, says who heard', async () => {
    expect(await judge({ caller: 0.05, agent: 0 }, 5_000)).toBe('caller');
    expect(await judge({ caller: 0.02, agent: 0.05 }, 5_000)).toBe('agent');
    expect(await judge({ caller: 0, agent: 0 }, 5_000)).toBe('none');
  });
});

describe('people', () => {
  it('given the same seed, draws the same', () => {
    const draws = (seed: number) => {
      const random = new Random(seed);
      return [random.next(), random.fork().next(), random.between(5, 6)];
    };
    expect(draws(7)).toEqual(draws(7));
    expect(draws(7)).not.toEqual(draws(8));
  });

  it('given any number of agents, every queue is served', () => {
    for (const count of [1, 2, 3, 7]) {
      const served = new Set(castAgents(count).flatMap(({ queues }) => queues));
      expect([...served].sort()).toEqual(['sales', 'support']);
    }
  });
});

describe('options', () => {
  const good = { seconds: 60, callers: 8, agents: 4, json: false, seed: 1 };
  it('names what is out of bounds', () => {
    expect(faultOfDemo(good)).toBe(null);
    expect(faultOfDemo({ ...good, callers: Number.NaN })).toMatch(/^--callers must be .* 1 to 200/);
    expect(faultOfDemo({ ...good, seed: 1.5 })).toBe('--seed must be a whole number');
  });
});

const seen: Seen = {
  queues: [
    {
      name: 'sales',
      calls: [
        {
          ...{ id: 'b', state: 'assigned', name: 'Noah', position: 0 },
          ...{ waited_seconds: 3, talked_seconds: 65, agent: '2001' },
        },
        {
          ...{ id: 'a', state: 'queued', name: 'Mia', position: 1 },
          ...{ waited_seconds: 12, talked_seconds: 0, agent: '' },
        },
      ],
    },
  ],
  agents: [
    { id: '2001', name: 'Anna', state: 'busy', idletime: '0', memberof: ['sales'], call: 'b' },
    { id: '2002', name: 'Ben', state: 'idle', idletime: '34', memberof: ['sales'], call: '' },
  ],
};

describe('screen', () => {
  it('shows who waits where, who talks to whom, and who is idle', () => {
    const text = draw(seen, new Score(), 9).map((row) => row.text);
    expect(text).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^ sales +1 in line, 1 talking$/),
        expect.stringMatching(/Noah +talks to Anna 1:05/),
        expect.stringMatching(/1\. Mia +waits 0:12 +hears music/),
        expect.stringMatching(/^ Anna +busy +Noah +sales/),
        expect.stringMatching(/^ Ben +idle +idle for 34 s +sales/),
      ]) as unknown,
    );
  });

  it('given a small terminal, stays within it and gives it back at the end', () => {
    let written = '';
    const out = { columns: 30, rows: 6, write: (text: string) => (written += text) };
    const screen = new Screen(out, 'terminal');
    screen.say('a long line that certainly does not fit into thirty columns');
    screen.show(seen, new Score(), 9);
    const visible = written.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').split('\n');
    expect(visible.length).toBeLessThanOrEqual(6);
    expect(Math.max(...visible.map((line) => line.length))).toBeLessThanOrEqual(29);
    screen.close();
    expect(written.endsWith('\u001b[?25h\u001b[?1049l')).toBe(true);
  });

  it('given a terminal that says it has no size, takes it for a usual one', () => {
    let written = '';
    const out = { columns: 0, rows: 0, write: (text: string) => (written += text) };
    const screen = new Screen(out, 'terminal');
    screen.say('Noah hangs up');
    screen.show(seen, new Score(), 9);
    expect(written).toContain('Noah hangs up');
    expect(written).toMatch(/Mia .* hears music\u001b/);
  });

  it('given no terminal, prints the commentary alone; with json nothing', () => {
    for (const [mode, lines] of [
      ['lines', 1],
      ['json', 0],
    ] as const) {
      const written: string[] = [];
      const screen = new Screen({ write: (text) => void written.push(text) }, mode);
      screen.say('Mia gives up');
      screen.show(seen, new Score(), 9);
      screen.close();
      expect(written).toHaveLength(lines);
    }
  });
});
