/**
 * The sections of acd.yaml that decide who gets which call: queues, their members, agents. Names
 * and values are those of queues.conf; where a default differs on purpose, the text says why.
 */
import type { z } from 'zod';
import * as f from './fields.ts';
import {
  CONDITIONS,
  callerNeed,
  callerPattern,
  callerRule,
  destination,
  emptyRule,
  exitKey,
  pauseReason,
  penaltyChange,
  phone,
  skill,
  skillStep,
} from './queue-fields.ts';
import { free, needed, section, standard } from './schema-parts.ts';

export const MAX_QUEUES = 1000;
const MAX_MEMBERS = 10_000;
const MAX_DESTINATIONS = 10;
const HOUR = 3600;

const STRATEGY =
  'Which agent is offered the next call. `most-idle`: idle longest over all his queues. ' +
  '`ringall`: all of the lowest penalty at once. `leastrecent`: whose last call here ended ' +
  'longest ago. `fewestcalls`: fewest calls here since login. `least-talk-time`: least time ' +
  'talking since login, over all queues. `random`. `rrmemory`: whose last offer here is longest ' +
  'ago. `rrordered`: the next in the order of members. `linear`: the first in that order. ' +
  '`wrandom`: random, the penalty is the weight. `ring-progressively`: as linear, and one more ' +
  'phone joins after each `ring-progressively-delay`. `percent`: by the `share` of each member. ' +
  'Asterisk’s default is `ringall`, which makes everybody’s phone ring for every call.';

const destinations = (text: string) =>
  f.listOf(destination('Where to'), text, MAX_DESTINATIONS).prefault([]);

const failover = section(
  'Where a call goes that leaves the queue without an agent, by exit status: the first of the ' +
    'list that can be had. `queue:name` keeps the wait it has behind it; `sip:user@host` asks ' +
    'his side to call there (302, or REFER once he is answered); `prompt:key` is played, ' +
    'then we hang up; `busy`, `congestion`, `hangup:<Q.850 cause>`. A call never comes back to a ' +
    'queue that it left for a reason that still holds. Without any he is hung up on.',
  {
    timeout: destinations('Waited longer than `max-wait`.'),
    full: destinations('`maxlen`, `max-calls-per-agent` or `max-estimated-wait`.'),
    joinempty: destinations('`joinempty`, and nobody is logged in.'),
    joinunavail: destinations('`joinempty`, and nobody logged in is able.'),
    leaveempty: destinations('`leavewhenempty`, and the last one has logged out.'),
    leaveunavail: destinations('`leavewhenempty`, and nobody logged in is able any more.'),
    withdraw: destinations('Taken out by command.'),
  },
);

export const member = section(
  'A member, and what he has of his own in this queue. Agents that name the queue in their own ' +
    '`queues` are members, too, and come after these in `linear`.',
  {
    agent: needed(f.agentId('Id of the agent.'), '2771'),
    penalty: standard(
      f.count('Members of lower penalty are rung first; one below 0 never.', -1, 1_000_000),
      '0',
    ),
    ringinuse: free(f.yesNo('In place of the queue’s `ringinuse`.'), 'yes'),
    wrapuptime: free(
      f.seconds('In place of the agent’s and the queue’s `wrapuptime`.', 0, HOUR),
      '30',
    ),
    share: standard(
      f.count('Strategy `percent`: his share of the calls, relative to the others’.', 1, 1000),
      '1',
    ),
  },
);

const offers = {
  timeout: standard(f.seconds('How long one agent’s phone is rung.', 0.5, 600), '15'),
  retry: standard(
    f.seconds(
      'Rest of an agent after an offer that failed, before the next. The caller does not rest: ' +
        'the next agent is rung at once.',
      0.1,
      HOUR,
    ),
    '5',
  ),
  'reject-delay': free(
    f.seconds('In place of `retry`, where he declined the call.', 0.1, HOUR),
    '30',
  ),
  'busy-delay': free(f.seconds('In place of `retry`, where his phone was busy.', 0.1, HOUR), '10'),
  'no-answer-delay': free(
    f.seconds('In place of `retry`, where he did not answer.', 0.1, HOUR),
    '60',
  ),
  timeoutrestart: standard(
    f.yesNo(
      '`yes`: each phone rings for the whole `timeout`. `no`: what a busy or unreachable phone ' +
        'took is missing for the next one. Asterisk’s default is no; ours is yes, because a ' +
        'phone that rings only for a moment helps nobody.',
    ),
    'yes',
  ),
  'ring-progressively-delay': standard(
    f.seconds('Strategy `ring-progressively`: after each such time one more phone rings.', 1, 600),
    '10',
  ),
  autofill: standard(
    f.yesNo(
      'Serve several callers at once; `no`: agents are rung for the first in line alone. ' +
        'queues.conf leaves it off unless told; ours is yes, because nobody should wait beside ' +
        'an agent who is free.',
    ),
    'yes',
  ),
  ringinuse: standard(
    f.yesNo(
      'Ring phones that are in use with a call of their own; never one with a call of ours. ' +
        'Asterisk’s default is yes; ours is no, because call waiting beeps into a conversation.',
    ),
    'no',
  ),
  defaultrule: free(
    f.name('name', 'The entry of `penalty-rules` that changes penalty limits while calls wait.'),
    'widen',
  ),
  penaltymemberslimit: standard(
    f.count(
      'With this many members logged in, or fewer, penalties do not count, neither as limits nor ' +
        'for the order; 0: they always count.',
      0,
      1000,
    ),
    '0',
  ),
  skills: f
    .listOf(
      skillStep('Requirement'),
      'What callers ask of agents: `english>=50 & (billing | !trainee)`; a name alone asks for ' +
        'any level. Relaxed while they wait: `30,english` from 30 seconds on, `60,` for nothing.',
      50,
    )
    .prefault([]),
  'caller-skills': f
    .listOf(
      callerNeed('Rule'),
      'What callers ask instead of `skills` at first, by number: `+49*=german>=50`, the first ' +
        'that fits; `1??=` asks for nothing. What the call itself brings (`sip.skills-header`) ' +
        'goes before it; the later steps of `skills` hold for everybody.',
      100,
    )
    .prefault([]),
  sticky: standard(
    f.seconds(
      'How long a caller is kept for the agent he last spoke with in this queue, if that one is ' +
        'logged in and not paused. After it, or when that agent does not answer, anybody may ' +
        'take him. Whoever is sent here from another line is not kept.',
      0,
      HOUR,
    ),
    '0',
  ),
  veto: free(
    f.name(
      'name',
      'The entry of `vetoes` that is asked before a phone rings for this queue. A call to one ' +
        'agent alone (`direct`) that it refuses goes by his `no-answer`.',
    ),
    'crm',
  ),
  'max-talks': standard(
    f.count('Most calls of this queue that ring or talk at once; 0: no limit.', 0, 100_000),
    '0',
  ),
};

const autopause = {
  autopause: standard(
    f.choice('Pause an agent who misses offers: `yes` here, `all` everywhere.', 'no', 'yes', 'all'),
    'no',
  ),
  autopausedelay: standard(
    f.seconds('No automatic pause for this long after his last call.', 0, HOUR),
    '0',
  ),
  autopausebusy: standard(f.yesNo('A busy or declined offer counts as missed, too.'), 'no'),
  autopauseunavail: standard(f.yesNo('So does one to a phone that cannot be reached.'), 'no'),
  'autopause-misses': standard(f.count('Missed offers in a row before the pause.', 1, 100), '1'),
  'autopause-length': standard(
    f.seconds('The automatic pause ends by itself after this; 0: only he ends it.', 0, 86_400),
    '0',
  ),
  wrapuptime: standard(f.seconds('Rest of an agent after a call; 0: none.', 0, HOUR), '0'),
};

const entry = {
  priority: standard(
    f.count('Priority of its callers; the higher goes first.', -1_000_000, 1_000_000),
    '0',
  ),
  'caller-priority': f
    .listOf(
      callerRule('Rule'),
      'Priority by caller: the first whose pattern fits his number. `*` is any rest, `?` one ' +
        'character.',
      1000,
    )
    .prefault([]),
  maxlen: standard(f.count('Most calls waiting; 0: no limit.', 0, 100_000), '0'),
  'max-calls-per-agent': standard(
    f.count('Nobody enters while this many wait per logged-in member; 0: no check.', 0, 1000),
    '0',
  ),
  'max-estimated-wait': standard(
    f.seconds(
      'Nobody enters whose wait is estimated as longer (from who stands before him, who can ' +
        'serve him, and the last calls); 0: no check. Where nothing is known yet, everybody ' +
        'enters.',
      0,
      43_200,
    ),
    '0',
  ),
  joinempty: standard(
    emptyRule(
      'A caller enters only if some logged-in member is in none of these conditions: ' +
        `${CONDITIONS.map((each) => `\`${each}\``).join(', ')}. Members who may never take the ` +
        'caller (`skills`, `never`) do not count at all. `yes`: no check; `no`: ' +
        '`penalty,paused,invalid`; `strict`: and `unavailable`; `loose`: `penalty,invalid`.',
      'yes',
    ),
    'yes',
  ),
  leavewhenempty: standard(
    emptyRule(
      'Likewise for those who wait: they leave when no member is left. `no`: no check; `yes`: ' +
        '`penalty,paused,invalid`.',
      'no',
    ),
    'no',
  ),
  'max-wait': standard(
    f.seconds('Longest wait in this queue, then `failover.timeout`; 0: no limit.', 0, 43_200),
    '0',
  ),
  timeoutpriority: standard(
    f.choice(
      'When `max-wait` passes while a phone rings: `app` ends it at once, `conf` lets it ring out.',
      'app',
      'conf',
    ),
    'app',
  ),
  'exit-keys': f
    .listOf(
      exitKey('Key'),
      'Keys that lead out of the line, of one to eight digits: `0=queue:operator`, ' +
        '`12=sip:12@pbx`. A caller leaves as soon as a key is complete, as by Asterisk’s ' +
        '`context`, so no key may begin with another one. Digits are forgotten ' +
        '`sip.login.digit-timeout` after the last.',
      100,
    )
    .prefault([]),
  failover: failover.prefault({}),
};

const sounds = {
  welcome: f
    .listOf(
      f.prompt('Prompt'),
      'Prompts played once, at the start, by key or as /a/file.wav; `[]`: none.',
      10,
    )
    .prefault(['queue-welcome']),
  musicclass: standard(f.name('name', 'Music on hold.'), 'default'),
  'periodic-announce': f
    .listOf(f.prompt('Prompt'), 'Prompts of the recurring announcement.', 10)
    .prefault(['queue-periodic-announce']),
  'periodic-announce-frequency': standard(
    f.seconds('How often that is played; 0: never.', 0, 3600),
    '0',
  ),
};

export const queue = section('One queue. It is called at `sip:<name>@<this host>`.', {
  name: needed(f.name('name', 'Name, as it is dialled.'), 'queue1'),
  direct: standard(
    f.yesNo(
      'Calls to `<agent id>@<this host>` wait here for that agent, whatever phone he is logged ' +
        'in on, while he is busy; every agent is a member. When he does not answer, is logged ' +
        'out, or after `max-wait`, they go by his `no-answer`, else by `failover`. One queue at ' +
        'most; nobody can call it by its own name.',
    ),
    'no',
  ),
  strategy: standard(
    f.choice(
      STRATEGY,
      'most-idle',
      'ringall',
      'leastrecent',
      'fewestcalls',
      'least-talk-time',
      'random',
      'rrmemory',
      'rrordered',
      'linear',
      'wrandom',
      'ring-progressively',
      'percent',
    ),
    'most-idle',
  ),
  servicelevel: standard(
    f.seconds(
      'A call answered within this is answered in time (service level). Asterisk’s default is 0, ' +
        'which no call meets; ours is the 20 seconds by which most centres measure themselves.',
      1,
      3600,
    ),
    '20',
  ),
  weight: standard(
    f.count('Where queues share agents, the heavier is served first.', 0, 1000),
    '0',
  ),
  ...offers,
  ...autopause,
  ...entry,
  ...sounds,
  members: f
    .listOf(member, 'Members, where they have something of their own.', MAX_MEMBERS)
    .prefault([]),
});

export const agent = section('One agent.', {
  id: needed(f.agentId('What the agent keys to log in.'), '2771'),
  name: free(f.words('text', 'Name shown in GET /agents.', 80), 'Ann'),
  pin: free(f.pin('Asked for after the id at a login.'), '${ANN_PIN}'),
  device: free(
    phone('A static member: his phone. He is always logged in there, and cannot log in or out.'),
    'sip:101@192.168.0.3',
  ),
  registrar: free(
    f.name('name', 'Name of the `sip.register` entry through which that phone is called.'),
    'pbx',
  ),
  wrapuptime: free(f.seconds('In place of the queues’ `wrapuptime`.', 0, HOUR), '20'),
  skills: f
    .listOf(skill('Skill'), 'What he can do, and how well (1 to 100): `english=80`.', 100)
    .prefault([]),
  never: f
    .listOf(
      callerPattern('Caller'),
      'Callers he is never given, by number: `*` is any rest, `?` one character.',
      1000,
    )
    .prefault([]),
  'no-answer': destinations(
    'Where calls to him alone go (`queues[].direct`) that he does not take; `[]`: by the ' +
      '`failover` of that queue.',
  ),
  queues: f
    .listOf(f.name('queue', 'Queue'), 'Names of the queues the agent serves.', MAX_QUEUES)
    .prefault([]),
});

export const idleClock = section(
  'What starts an agent’s idle clock anew (strategy `most-idle`), besides the end of a call.',
  {
    login: standard(f.yesNo('A login.'), 'yes'),
    wrapup: standard(f.yesNo('The end of wrap-up: who writes up a call has worked.'), 'yes'),
    pause: standard(f.yesNo('The end of a pause.'), 'no'),
    'own-call': standard(
      f.yesNo('The end of a call of his own, as his phone tells, or made by `POST /calls`.'),
      'no',
    ),
    missed: standard(f.yesNo('An offer that he did not answer.'), 'no'),
  },
);

/** A queue as the file has it, with standard values and units. */
export type QueueFile = z.output<typeof queue>;
export type AgentFile = z.output<typeof agent>;

export const pauseReasons = f
  .listOf(
    pauseReason('Reason'),
    'Reasons for which agents may pause, each with its longest time in seconds (`lunch=3600`) or ' +
      'without one (`training`). The time counts from when he asks. Empty: any reason, as long ' +
      'as he likes.',
    100,
  )
  .prefault([]);

export const penaltyRule = section(
  'A rule as in queuerules.conf; an edited one reaches calls that wait already.',
  {
    name: needed(f.name('name', 'Its name, for `queues[].defaultrule`.'), 'widen'),
    penaltychange: f
      .listOf(
        penaltyChange('Change'),
        'Who may take a call after so many seconds in the queue: `seconds,max,min,raise`. ' +
          'Members whose penalty is between min and max may; those below raise count as if they ' +
          'had that penalty (`r5`: but for those below min). `+5` and `-5` change the former ' +
          'value, nothing leaves it.',
        100,
      )
      .prefault([]),
  },
);

export const penaltyRules = f
  .listOf(penaltyRule, 'Rules that change the penalties that may take a call while it waits.', 100)
  .prefault([]);
