/**
 * What the imported files say, put together: queues, agents and penalty rules of one acd.yaml.
 * Names are made usable, every member becomes an agent once, and what has no place is noted with
 * its line.
 */
import { penaltyRules } from '../../config/queue-schema.ts';
import type { Conf, Entry, Note, Place, Section } from './conf.ts';
import { isGeneral, last } from './conf.ts';
import { readMember, splitFields, truthOf, type Member } from './members.ts';
import { changeOf, STANDARDS, type Sounds } from './options.ts';

export interface ImportedMember {
  readonly agent: string;
  readonly [option: string]: string;
}

export interface ImportedQueue {
  readonly name: string;
  /** As queues.conf calls it. */
  readonly written: string;
  readonly options: Record<string, unknown>;
  readonly members: ImportedMember[];
  /** What each of them is called by, as it is written there. */
  readonly devices: string[];
}

export interface ImportedAgent {
  readonly id: string;
  readonly options: Record<string, unknown>;
}

const MAX_MEMBERS = 10_000;
const MAX_AGENTS = 10_000;
const MAX_QUEUES = 1000;
/** Ids given to phones whose name cannot be keyed begin here. */
const FIRST_GIVEN_ID = 900_001;
const GLOBAL_ONLY = ['autofill', 'monitor-type'];
/** As it is here in any case. */
const ALWAYS_SO = ['persistentmembers', 'shared_lastcall', 'force_longest_waiting_caller'];
/** Of which Asterisk adds one line to the other. */
const ADDING = ['joinempty', 'leavewhenempty'];

export class House {
  /** By the name that queues.conf has, in small letters: Asterisk heeds no others. */
  readonly queues = new Map<string, ImportedQueue>();
  readonly agents = new Map<string, ImportedAgent>();
  readonly rules: { name: string; penaltychange: string[] }[] = [];
  readonly notes: Note[] = [];
  private readonly byUser = new Map<string, string>();
  private readonly names = new Set<string>(['acdlogin', 'acdlogout']);
  private nextId = FIRST_GIVEN_ID;
  private readonly sounds: Sounds;
  /** Host of the PBX through which phones are called. */
  private readonly host: string;

  constructor(host: string, sounds: Sounds) {
    this.host = host;
    this.sounds = sounds;
  }

  note(at: Place, what: string, why: string): void {
    this.notes.push({ file: at.file, line: at.line, what, why });
  }

  /** Of this name in queues.conf. */
  queue(written: string): ImportedQueue | undefined {
    return this.queues.get(written.toLowerCase());
  }

  /** A name that can be dialled, and is not taken. */
  private nameFor(section: Section): string {
    const cleaned = section.name
      .replace(/[^A-Za-z0-9._~-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 56);
    const base = cleaned === '' ? 'queue' : cleaned;
    let name = base;
    for (let i = 2; this.names.has(name); i += 1) name = `${base}-${i}`;
    this.names.add(name);
    if (name !== section.name) {
      this.note(section, `[${section.name}]`, `cannot be dialled as it is; called ${name} here`);
    }
    return name;
  }

  addQueues(conf: Conf): void {
    this.notes.push(...conf.notes);
    const general = conf.sections.find(isGeneral);
    const negative = general === undefined ? null : last(general, 'negative_penalty_invalid');
    if (general !== undefined) this.addGeneral(general);
    for (const section of conf.sections) {
      if (section.isTemplate || section === general) continue;
      if (this.queues.size === MAX_QUEUES) {
        this.note(section, `[${section.name}]`, `an ACD has at most ${MAX_QUEUES} queues`);
        return;
      }
      if (this.queue(section.name) !== undefined) {
        this.note(
          section,
          `[${section.name}]`,
          'another file has that queue; this one is left out',
        );
      } else {
        this.addQueue(section, general, truthOf(negative?.value ?? '') === true);
      }
    }
  }

  private addGeneral(general: Section): void {
    const known = [...GLOBAL_ONLY, ...ALWAYS_SO, 'negative_penalty_invalid'];
    for (const entry of general.entries) {
      if (known.includes(entry.key)) continue;
      const what = `${entry.key} = ${entry.value}`;
      this.note(entry, what, 'this version has no such option for all queues');
    }
  }

  private addQueue(section: Section, general: Section | undefined, negative: boolean): void {
    const options: Record<string, unknown> = { ...STANDARDS, welcome: [] };
    const inherited = GLOBAL_ONLY.flatMap((key) => (general && last(general, key)) ?? []);
    const queue: ImportedQueue = {
      name: this.nameFor(section),
      written: section.name,
      options,
      members: [],
      devices: [],
    };
    // A later line takes the place of an earlier one, but for the strategy; members and conditions
    // add up.
    const lines = new Map<string, Entry>();
    for (const entry of [...inherited, ...section.entries]) {
      const { key, value } = entry;
      const before = ADDING.includes(key) ? lines.get(key)?.value : undefined;
      const first = key === 'strategy' ? lines.get(key)?.value : undefined;
      if (key === 'member') this.addMember(queue, entry, negative);
      else if (first !== undefined) this.keepStrategy(entry, first);
      else lines.set(key, before === undefined ? entry : { ...entry, value: `${before},${value}` });
    }
    for (const entry of lines.values()) this.addOption(queue, entry);
    this.queues.set(section.name.toLowerCase(), queue);
  }

  /** app_queue sets a queue's strategy before all else, by the first line that it finds. */
  private keepStrategy(entry: Entry, first: string): void {
    if (entry.value === first) return;
    const why = `Asterisk goes by the first one, ${first}, which may be a template's`;
    this.note(entry, `strategy = ${entry.value}`, why);
  }

  private addOption(queue: ImportedQueue, entry: Entry): void {
    if (entry.key === 'context' && entry.value !== '') {
      queue.options['context'] = entry;
      return;
    }
    const change = changeOf(entry, this.sounds);
    if (change === null || entry.value === '') return;
    const what = `${entry.key} = ${entry.value}`;
    if (change.why !== undefined) this.note(entry, what, change.why);
    if ('key' in change) queue.options[change.key] = change.value;
  }

  private addMember(queue: ImportedQueue, entry: Entry, negative: boolean): void {
    const what = `member = ${entry.value}`;
    const member = readMember(entry.value, negative);
    if ('why' in member) {
      this.note(entry, what, member.why);
      return;
    }
    for (const each of member.lost) this.note(entry, each.what, each.why);
    const agent = this.agentFor(entry, member);
    const at = queue.members.findIndex((each) => each.agent === agent);
    if (agent === null || (at === -1 && queue.members.length === MAX_MEMBERS)) {
      this.note(entry, what, 'there are more members than an ACD may have');
      return;
    }
    if (at !== -1 && queue.devices[at] !== member.device) {
      this.note(entry, what, `agent ${agent} is a member already`);
      return;
    }
    const own: Record<string, string> = { agent };
    if (member.penalty !== 0) own['penalty'] = String(member.penalty);
    if (member.ringinuse !== null) own['ringinuse'] = member.ringinuse ? 'yes' : 'no';
    if (member.wrapuptime !== '') this.memberWrapup(own, entry, member.wrapuptime);
    // As in Asterisk a member that is there already becomes what the later line says.
    const place = at === -1 ? queue.members.length : at;
    queue.members[place] = own as ImportedMember;
    queue.devices[place] = member.device;
  }

  private memberWrapup(own: Record<string, string>, entry: Entry, written: string): void {
    const seconds = Number(written);
    // As in Asterisk none of his own is that of the queue.
    if (seconds === 0) return;
    if (seconds > 0 && seconds <= 3600) own['wrapuptime'] = String(seconds);
    else
      this.note(entry, `wrapuptime ${written}`, 'give seconds from 1 to 3600; as the queue has it');
  }

  /** The agent behind a member: one for each phone, whatever the technology. */
  private agentFor(at: Place, member: Member): string | null {
    const { user } = member;
    const known = user === null ? member.id : this.byUser.get(user);
    const id = known ?? this.freeId(at, member);
    const agent = this.agent(id);
    if (agent === null) return null;
    if (user !== null) {
      this.byUser.set(user, id);
      agent.options['device'] ??= `sip:${user}@${this.host}`;
      agent.options['registrar'] ??= 'pbx';
    }
    this.nameAgent(agent, member.name);
    return id;
  }

  private freeId(at: Place, member: Member): string {
    if (member.id !== null && !this.agents.has(member.id)) return member.id;
    while (this.agents.has(String(this.nextId))) this.nextId += 1;
    const id = String(this.nextId);
    this.nextId += 1;
    this.note(at, member.user ?? '', `agents have ids of digits; this one got ${id}`);
    return id;
  }

  private agent(id: string): ImportedAgent | null {
    const found = this.agents.get(id);
    if (found !== undefined) return found;
    if (this.agents.size === MAX_AGENTS) return null;
    const agent = { id, options: {} };
    this.agents.set(id, agent);
    return agent;
  }

  private nameAgent(agent: ImportedAgent, written: string): void {
    const name = written
      .replace(/\p{Cc}/gu, ' ')
      .trim()
      .slice(0, 80)
      .trim();
    if (name !== '') agent.options['name'] ??= name;
  }

  /** agents.conf: `agent => id,pin,name` of app_agent, or a section for each (app_agent_pool). */
  addAgents(conf: Conf): void {
    this.notes.push(...conf.notes);
    for (const section of conf.sections) {
      if (section.isTemplate || isGeneral(section)) continue;
      if (section.name.toLowerCase() !== 'agents') this.addAgentSection(section);
      else for (const entry of section.entries) this.addAgentLine(entry);
    }
  }

  private addAgentSection(section: Section): void {
    if (!/^\d{1,16}$/.test(section.name)) {
      this.note(section, `[${section.name}]`, 'agents have ids of digits');
      return;
    }
    const agent = this.agent(section.name);
    if (agent === null) return;
    this.nameAgent(agent, last(section, 'fullname')?.value ?? '');
    for (const entry of section.entries) {
      const what = `${entry.key} = ${entry.value}`;
      if (entry.key === 'wrapuptime' && Number(entry.value) > 0) {
        // app_agent_pool counts milliseconds.
        agent.options['wrapuptime'] = String(Math.min(3600, Number(entry.value) / 1000));
      } else if (!['fullname', 'wrapuptime'].includes(entry.key)) {
        this.note(entry, what, 'this version has no such option for an agent');
      }
    }
  }

  private addAgentLine(entry: Entry): void {
    const what = `${entry.key} = ${entry.value}`;
    if (entry.key !== 'agent') {
      this.note(entry, what, 'this version has no such option for an agent');
      return;
    }
    const [id = '', pin = '', name = ''] = splitFields(entry.value);
    const agent = /^\d{1,16}$/.test(id) ? this.agent(id) : null;
    if (agent === null) {
      this.note(entry, what, 'agents have ids of digits');
      return;
    }
    if (/^\d{1,16}$/.test(pin)) agent.options['pin'] = pin;
    else if (pin !== '') this.note(entry, `the PIN of agent ${id}`, 'a PIN is of digits');
    this.nameAgent(agent, name);
  }

  /** queuerules.conf. */
  addRules(conf: Conf): void {
    this.notes.push(...conf.notes);
    for (const section of conf.sections) {
      if (section.isTemplate || isGeneral(section)) continue;
      const rule = { name: section.name, penaltychange: [] as string[] };
      for (const entry of section.entries) {
        const tried = { ...rule, penaltychange: [...rule.penaltychange, entry.value] };
        const found = penaltyRules.safeParse([tried]);
        if (entry.key === 'penaltychange' && found.success) rule.penaltychange.push(entry.value);
        else {
          const why = found.error?.issues[0]?.message ?? 'this version has no such option';
          this.note(entry, `${entry.key} = ${entry.value}`, why);
        }
      }
      const isThere = this.rules.some(({ name }) => name === rule.name);
      if (isThere) this.note(section, `[${rule.name}]`, 'another file has that rule; left out');
      else if (penaltyRules.safeParse([...this.rules, rule]).success) this.rules.push(rule);
      else this.note(section, `[${section.name}]`, 'cannot be the name of a rule');
    }
  }
}
