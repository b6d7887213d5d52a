/**
 * What a dialplan (extensions.conf, FreePBX's extensions_additional.conf) adds to queues: how long
 * Queue() keeps a caller, where he goes then, and which keys lead out of the line. Only plain
 * cases are understood: literal arguments, and the last Goto behind Queue().
 */
import type { Conf, Entry, Note, Section } from './conf.ts';
import type { House, ImportedQueue } from './house.ts';

interface Step {
  readonly exten: string;
  readonly app: string;
  readonly args: string;
  readonly entry: Entry;
}

/** `600,n(label),App(args)` and `same => n,App(args)`. */
function stepsOf(section: Section): Step[] {
  let exten = '';
  return section.entries.flatMap((entry): Step[] => {
    if (entry.key !== 'exten' && entry.key !== 'same') return [];
    const pattern = entry.key === 'exten' ? /^([^,]+),[^,]*,(.*)$/s : /^()[^,]*,(.*)$/s;
    const found = pattern.exec(entry.value);
    if (found === null) return [];
    if (entry.key === 'exten') exten = (found[1] ?? '').trim();
    const [, app = '', args = ''] = /^\s*(\w+)\s*(?:\((.*)\))?\s*$/s.exec(found[2] ?? '') ?? [];
    return app === '' ? [] : [{ exten, app: app.toLowerCase(), args, entry }];
  });
}

const ENDS: Readonly<Record<string, string>> = {
  busy: 'busy',
  congestion: 'congestion',
  hangup: 'hangup:16',
};
const STATUSES = ['timeout', 'full', 'joinempty', 'joinunavail', 'leaveempty', 'leaveunavail'];
/** Contexts of FreePBX in which an extension is dialled as it is. */
const PHONES = /^(from-internal|from-did-direct|ext-local|from-internal-xfer)$/;
const USER = /^[A-Za-z0-9*#+][A-Za-z0-9*#+._~-]{0,63}$/;

class Dialplan {
  private readonly house: House;
  private readonly host: string;

  constructor(house: House, host: string) {
    this.house = house;
    this.host = host;
  }

  /** Where a step leads, as acd.yaml writes it; null: it cannot be said. */
  destination({ app, args }: Step): string | null {
    if (Object.hasOwn(ENDS, app)) return ENDS[app] ?? null;
    const fields = args.split(',').map((each) => each.trim());
    if (app === 'queue') return this.queue(fields[0] ?? '');
    if (app === 'dial') {
      const user = /^(?:SIP|PJSIP|IAX2)\/([^@/&]+)$/i.exec(fields[0] ?? '')?.[1] ?? '';
      return USER.test(user) ? `sip:${user}@${this.host}` : null;
    }
    if (app !== 'goto') return null;
    const [context = '', exten = ''] = fields;
    if (context === 'app-blackhole') return ENDS[exten] ?? null;
    if (context === 'ext-queues') return this.queue(exten);
    return PHONES.test(context) && USER.test(exten) ? `sip:${exten}@${this.host}` : null;
  }

  private queue(written: string): string | null {
    const queue = this.house.queue(written);
    return queue === undefined ? null : `queue:${queue.name}`;
  }

  /** Queue() and what stands behind it in the same extension. */
  enter(steps: readonly Step[], index: number, { waits, priorities }: Variables): void {
    const step = steps[index];
    if (step === undefined) return;
    const fields = step.args.split(',').map((each) => each.trim());
    const written = fields[0] === '${QUEUENUM}' ? step.exten : (fields[0] ?? '');
    const queue = this.house.queue(written);
    if (queue === undefined) {
      this.house.note(step.entry, `Queue(${step.args})`, `there is no queue "${written}"`);
      return;
    }
    // One key alone is no number to call but a way out of a queue (see addKeys).
    if (step.exten !== queue.name && step.exten.length > 1) {
      const why = `call sip:${queue.name}@ the ACD there; acd glue prints the lines`;
      this.house.note(step.entry, `extension ${step.exten}`, why);
    }
    const wait = fields[4] === '${QMAXWAIT}' ? (waits.get(step.exten) ?? '') : (fields[4] ?? '');
    this.limit(queue, step, wait);
    const priority = priorities.get(step.exten);
    if (priority !== undefined) queue.options['priority'] = priority;
    const rule = fields[8] ?? '';
    // FreePBX writes a variable there, which is empty but for few.
    if (rule !== '' && !rule.includes('${')) queue.options['defaultrule'] = rule;
    this.leave(queue, steps, index);
  }

  private limit(queue: ImportedQueue, step: Step, wait: string): void {
    if (wait === '' || wait === '0') return;
    const seconds = Number(wait);
    if (seconds > 0 && seconds <= 43_200) queue.options['max-wait'] = String(seconds);
    else this.house.note(step.entry, `timeout ${wait}`, 'is no number of seconds up to 43200');
  }

  private leave(queue: ImportedQueue, steps: readonly Step[], index: number): void {
    const after = steps.slice(index + 1).filter(({ exten }) => exten === steps[index]?.exten);
    const exit = after.find(({ app }) => app === 'goto' || Object.hasOwn(ENDS, app));
    if (exit === undefined || exit.app === 'hangup') return;
    const to = this.destination(exit);
    if (to === null || to === `queue:${queue.name}`) {
      const why = 'leads into the dialplan; write failover';
      this.house.note(exit.entry, `${exit.app}(${exit.args})`, why);
      return;
    }
    queue.options['failover'] = Object.fromEntries(STATUSES.map((status) => [status, to]));
  }
}

/** What an extension sets for its Queue(), by extension. */
interface Variables {
  readonly waits: ReadonlyMap<string, string>;
  readonly priorities: ReadonlyMap<string, string>;
}

/** Variables of Queue() for which there is something here, but no plain value of a queue. */
const BESIDE: Readonly<Record<string, string>> = {
  QUEUE_MAX_PENALTY: 'penalty-rules',
  QUEUE_MIN_PENALTY: 'penalty-rules',
  QUEUE_RAISE_PENALTY: 'penalty-rules',
};

/**
 * `Set(QMAXWAIT=300)` of FreePBX: in an expression the last number counts. `Set(QUEUE_PRIO=5)`:
 * a number alone.
 */
function variablesOf(steps: readonly Step[], house: House): Variables {
  const [waits, priorities] = [new Map<string, string>(), new Map<string, string>()];
  for (const { exten, app, args, entry } of steps) {
    const [, name = '', value = ''] =
      app === 'set' ? (/^_*([A-Z_]+)=(.*)$/s.exec(args.trim()) ?? []) : [];
    const number = /(\d+)\D*$/.exec(value)?.[1];
    if (name === 'QMAXWAIT' && number !== undefined) waits.set(exten, number);
    if (name === 'QUEUE_PRIO' && /^\d{1,4}$/.test(value)) priorities.set(exten, value);
    else if (name === 'QUEUE_PRIO') house.note(entry, `Set(${args})`, 'write priority');
    else if (Object.hasOwn(BESIDE, name) && value !== '')
      house.note(entry, `Set(${args})`, `write ${BESIDE[name] ?? ''}`);
  }
  return { waits, priorities };
}

/** Keys of the contexts that queues name by `context`. */
function addKeys(plan: Dialplan, house: House, contexts: ReadonlyMap<string, Step[]>): void {
  for (const queue of house.queues.values()) {
    const entry = queue.options['context'] as Entry | undefined;
    delete queue.options['context'];
    if (entry === undefined) continue;
    const keys = new Map<string, string>();
    for (const step of contexts.get(entry.value) ?? []) {
      if (!/^[0-9*#]{1,8}$/.test(step.exten) || keys.has(step.exten)) continue;
      const to = plan.destination(step);
      if (to !== null && to !== `queue:${queue.name}`) keys.set(step.exten, to);
    }
    // Asterisk, too, goes at the first that fits: nobody ever came to one that begins like that.
    const isHidden = (key: string) => [...keys.keys()].some((o) => o !== key && key.startsWith(o));
    const shown = [...keys].filter(([key]) => !isHidden(key));
    if (keys.size > 0) queue.options['exit-keys'] = shown.map(([key, to]) => `${key}=${to}`);
    else {
      const why = 'no key of that context could be read; write exit-keys';
      house.note(entry, `context = ${entry.value}`, why);
    }
  }
}

/** Reads all dialplans, after the queues. Without any, contexts are noted as lost. */
export function addDialplans(house: House, host: string, confs: readonly Conf[]): readonly Note[] {
  const plan = new Dialplan(house, host);
  const contexts = new Map<string, Step[]>();
  for (const conf of confs) {
    house.notes.push(...conf.notes);
    for (const section of conf.sections) {
      const steps = stepsOf(section);
      contexts.set(section.name, steps);
      const variables = variablesOf(steps, house);
      steps.forEach(({ app }, index) => {
        if (app === 'queue') plan.enter(steps, index, variables);
      });
    }
  }
  addKeys(plan, house, contexts);
  return house.notes;
}
