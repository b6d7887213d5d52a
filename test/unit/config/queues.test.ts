/**
 * Goal: what queues.conf's administrators write is understood as Asterisk does, and mistakes in
 * it are named. Method: small texts through parseConfig, compared with what the core is given.
 */
import { describe, expect, it } from 'vitest';
import { parseConfig, writeFault } from '../../../src/config/load.ts';
import { queueRules } from '../../../src/core/rules.ts';
import type { QueueConfig } from '../../../src/core/types.ts';

const options = { env: {}, folder: '/etc/acd' };

function load(text: string) {
  const result = parseConfig(text, options);
  if (!result.ok) throw new Error(result.faults.map((one) => writeFault('f', one)).join('\n'));
  return result.config.core;
}

function queue(text: string): QueueConfig {
  const [first] = load(`queues: [{name: q, ${text}}, {name: other}]`).queues;
  if (first === undefined) throw new Error('no queue');
  return first;
}

function faults(text: string): string[] {
  const result = parseConfig(text, options);
  return result.ok ? [] : result.faults.map((fault) => writeFault('acd.yaml', fault));
}

describe('a queue', () => {
  it('has the core’s standard values where nothing is written', () => {
    const [plain] = load('queues: [{name: q}]').queues;
    const minimal: QueueConfig = {
      name: 'q',
      strategy: 'most-idle',
      timeoutMs: 15_000,
      retryMs: 5_000,
      wrapupMs: 0,
      maxlen: 0,
      weight: 0,
      periodicAnnounceMs: 0,
    };
    expect(plain).toEqual(queueRules(minimal));
  });

  it.each([
    ['joinempty: yes', []],
    ['joinempty: no', ['penalty', 'paused', 'invalid']],
    ['joinempty: strict', ['penalty', 'paused', 'invalid', 'unavailable']],
    ['joinempty: loose', ['penalty', 'invalid']],
    ['joinempty: "wrapup, paused"', ['paused', 'wrapup']],
  ])('%s', (text, expected) => {
    expect(queue(text).joinEmpty).toEqual(expected);
  });

  it.each([
    ['leavewhenempty: no', []],
    ['leavewhenempty: yes', ['penalty', 'paused', 'invalid']],
    ['leavewhenempty: strict', ['penalty', 'paused', 'invalid', 'unavailable']],
  ])('%s', (text, expected) => {
    expect(queue(text).leaveWhenEmpty).toEqual(expected);
  });

  it('has destinations by exit status and by key', () => {
    const found = queue(
      'failover: {timeout: [queue:other, busy], full: "hangup:21", joinempty: hangup, ' +
        'leaveempty: prompt:bye, withdraw: "sip:desk@pbx"}, ' +
        'exit-keys: ["0=queue:other", "0=congestion", "*12=busy"]',
    );
    expect(found.failover).toEqual({
      TIMEOUT: [{ to: 'queue', queue: 'other' }, { to: 'busy' }],
      FULL: [{ to: 'hangup', cause: 21 }],
      JOINEMPTY: [{ to: 'hangup', cause: 16 }],
      LEAVEEMPTY: [{ to: 'prompt', prompt: 'bye' }],
      WITHDRAW: [{ to: 'uri', uri: 'sip:desk@pbx' }],
    });
    expect(found.exitKeys).toEqual({
      '0': [{ to: 'queue', queue: 'other' }, { to: 'congestion' }],
      '*12': [{ to: 'busy' }],
    });
  });

  it('gives callers priorities by pattern', () => {
    expect(queue('priority: 2, caller-priority: ["+49*=10", "1??=-1"]')).toMatchObject({
      priority: 2,
      callers: [
        { pattern: '+49*', priority: 10 },
        { pattern: '1??', priority: -1 },
      ],
    });
  });

  it('asks skills by pattern', () => {
    const found = queue('skills: sales, caller-skills: ["+49*=german>=50 & sales", "1??="]');
    const level = (skill: string, least: number) => ({ is: 'level', skill, least, most: 100 });
    expect(found.callerSkills).toEqual([
      { pattern: '+49*', need: { is: 'all', of: [level('german', 50), level('sales', 1)] } },
      { pattern: '1??', need: null },
    ]);
  });

  it('has members with something of their own, in their order', () => {
    const text = `
queues:
  - name: q
    members:
      - {agent: 2, penalty: 3, ringinuse: yes, wrapuptime: 7}
      - {agent: 1, share: 40}
agents:
  - {id: 1, queues: [r, q], wrapuptime: 9}
  - {id: 2}
`;
    const { agents } = load(`${text}`.replace('agents:', '  - {name: r}\nagents:'));
    expect(agents).toEqual([
      {
        id: '1',
        name: '',
        queues: ['r', 'q'],
        wrapupMs: 9_000,
        memberships: [{ queue: 'q', penalty: 0, share: 40, order: 1 }],
      },
      {
        id: '2',
        name: '',
        queues: ['q'],
        memberships: [
          { queue: 'q', penalty: 3, share: 1, order: 0, ringInUse: true, wrapupMs: 7_000 },
        ],
      },
    ]);
  });
});

describe('skills', () => {
  it('are levels of agents, and requirements of the queue by rising time', () => {
    const text =
      'queues: [{name: q, sticky: 20, skills: ["60,", "30,en>=20", "en>=50 & !trainee"]}]\n' +
      'agents: [{id: 1, queues: [q], skills: [en=80, billing], never: ["+49*"]}]';
    const { queues, agents } = load(text);
    const level = (skill: string, least: number) => ({ is: 'level', skill, least, most: 100 });
    expect(queues[0]).toMatchObject({
      stickyMs: 20_000,
      skills: { is: 'all', of: [level('en', 50), { is: 'not', of: level('trainee', 1) }] },
      skillSteps: [
        { atMs: 30_000, need: level('en', 20) },
        { atMs: 60_000, need: null },
      ],
    });
    expect(agents[0]).toMatchObject({ skills: { en: 80, billing: 100 }, never: ['+49*'] });
  });

  it.each([
    ['queues: [{name: q, skills: ["en>>3"]}]', '"en>>3" is no requirement; write english>=50'],
    ['queues: [{name: q, skills: ["0,"]}]', 'is no requirement'],
    ['agents: [{id: 1, skills: ["en=101"]}]', '"en=101" is no skill'],
  ])('%s is a mistake', (text, expected) => {
    expect(faults(text).join('\n')).toContain(expected);
  });
});

describe('a penalty rule', () => {
  it('is resolved for the queue that names it, by rising time', () => {
    const text =
      'penalty-rules: [{name: widen, penaltychange: ["60,+5,-1,2", "30,10", "90,,,r7"]}]\n' +
      'queues: [{name: q, defaultrule: widen, penaltymemberslimit: 2}]';
    expect(load(text).queues[0]).toMatchObject({
      penaltyMembersLimit: 2,
      penaltySteps: [
        { atMs: 30_000, max: { by: 'set', value: 10 } },
        {
          atMs: 60_000,
          max: { by: 'add', value: 5 },
          min: { by: 'add', value: -1 },
          raise: { by: 'set', value: 2 },
        },
        { atMs: 90_000, raise: { by: 'set', value: 7 }, keepsMin: true },
      ],
    });
  });

  it.each([
    ['penalty-rules: [{name: a, penaltychange: "30"}]', '"30" cannot be used; write 30,10'],
    ['penalty-rules: [{name: a, penaltychange: "30,x"}]', '"30,x" cannot be used'],
    ['penalty-rules: [{name: a, penaltychange: "30,r5"}]', '"30,r5" cannot be used'],
    ['penalty-rules: [{name: a, penaltychange: "30,,,r"}]', '"30,,,r" cannot be used'],
    ['queues: [{name: q, defaultrule: a}]', 'queues[0].defaultrule: there is no rule "a"'],
  ])('%s is a mistake', (text, expected) => {
    expect(faults(text).join('\n')).toContain(expected);
  });
});

describe('agents', () => {
  it('may be static, and pause for given reasons', () => {
    const core = load(
      'pause-reasons: [lunch=3600, mail]\n' +
        'sip: {register: [{name: pbx, registrar: "sip:pbx", username: u, password: p}]}\n' +
        'agents: [{id: 1, device: "sip:101@PBX", registrar: pbx}]',
    );
    expect(core.agents[0]?.device).toEqual({ uri: 'sip:101@pbx', registrar: 'pbx' });
    expect(core.pauseReasons).toEqual([
      { reason: 'lunch', maxMs: 3_600_000 },
      { reason: 'mail', maxMs: 0 },
    ]);
  });

  it.each([
    ['agents: [{id: 1, device: 101}]', '"101" is no phone; write sip:user@host'],
    ['agents: [{id: 1, device: "sip:1@p", registrar: x}]', 'there is no registrar "x"'],
    [
      'agents: [{id: 1, device: "sip:1@p"}, {id: 2, device: "sip:1@p"}]',
      'phone "sip:1@p" is there',
    ],
    ['pause-reasons: ["=5"]', '"=5" cannot be used; write lunch=3600'],
  ])('%s is a mistake', (text, expected) => {
    expect(faults(text).join('\n')).toContain(expected);
  });
});

describe('a mistake', () => {
  it.each([
    ['strategy: fair', 'queues[0].strategy: "fair" is not one of: most-idle, ringall'],
    ['joinempty: asleep', '"asleep" is no condition; there are: paused, penalty, inuse'],
    ['autofill: maybe', '"maybe" is neither yes nor no; write one of them'],
    ['failover: {full: nowhere}', 'failover.full[0]: "nowhere" leads nowhere; write queue:name'],
    ['failover: {full: "hangup:200"}', '"hangup:200" leads nowhere'],
    ['failover: {full: [busy, "queue:othr"]}', 'failover.full[1]: there is no queue "othr"; did'],
    ['exit-keys: ["0 queue:other"]', '"0 queue:other" cannot be used; write 0=queue:operator'],
    ['exit-keys: "0=queue:gone"', 'queues[0].exit-keys: there is no queue "gone"'],
    ['exit-keys: [12=busy, 1=busy]', '1 begins 12, which nobody could press'],
    ['exit-keys: 123456789=busy', '"123456789=busy" cannot be used'],
    ['caller-skills: "49*=a >"', '"49*=a >" cannot be used; write +49*=german>=50'],
    ['caller-priority: "49"', '"49" cannot be used; write +49*=10'],
    ['members: [{agent: 9}]', 'queues[0].members[0].agent: there is no agent "9"'],
    ['members: [{agent: 1}, {agent: 1}]', 'member "1" is there already on line 1'],
    ['failover: {never: busy}', 'failover.never: is not an option here'],
  ])('%s', (text, expected) => {
    const file = `queues: [{name: q, ${text}}, {name: other}]\nagents: [{id: 1}]`;
    expect(faults(file).join('\n')).toContain(expected);
  });
});

describe('direct calls', () => {
  const text = (more = '') =>
    `queues: [{name: q, direct: yes}, {name: r${more}}]\n` +
    'agents: [{id: 1, queues: r, no-answer: [queue:r, busy]}]';

  it('make every agent a member, and never wait for one who is logged out', () => {
    const { queues, agents } = load(text());
    expect(queues[0]).toMatchObject({ direct: true, joinEmpty: ['invalid'] });
    expect(queues[0]?.leaveWhenEmpty).toEqual(['invalid']);
    expect(agents[0]).toMatchObject({
      queues: ['r', 'q'],
      noAnswer: [{ to: 'queue', queue: 'r' }, { to: 'busy' }],
    });
  });

  it('have one queue, and lead to queues there are', () => {
    expect(faults(text(', direct: yes')).join('\n')).toContain('"q" is direct already; keep one');
    expect(faults(text().replace('queue:r', 'queue:s')).join('\n')).toContain('no queue "s"');
  });
});

describe('a veto', () => {
  const text = (name: string) =>
    'vetoes: [{name: crm, url: http://crm/, secret: sixteen characters, silence: refuse}]\n' +
    `queues: [{name: q, veto: ${name}}, {name: r}]`;

  it('is that which the queue names; what the core need not know stays outside', () => {
    const { queues } = load(text('crm'));
    expect(queues[0]?.veto).toEqual({ name: 'crm', timeoutMs: 2_000, silence: 'refuse' });
    expect(queues[1]?.veto).toBeNull();
  });

  it('must be there', () => {
    expect(faults(text('cmr')).join('\n')).toContain('no veto "cmr"; did you mean "crm"?');
  });
});
