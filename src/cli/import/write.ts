/**
 * From Asterisk's files to the text of an acd.yaml and the list of what was left out. Pure but for
 * the reader of files it is given. What it writes passes `acd check`: it is read again before it
 * is handed out.
 */
import path from 'node:path';
import { stringify } from 'yaml';
import { parseConfig, writeFault } from '../../config/load.ts';
import type { Files, Note } from './conf.ts';
import { readConf } from './conf.ts';
import { addDialplans } from './dialplan.ts';
import { House } from './house.ts';
import type { Sounds } from './options.ts';

export interface ImportOptions {
  /** Host of the PBX, as phones and the ACD reach it: `pbx.example.com` or `192.168.0.3:5060`. */
  readonly host: string;
  readonly sounds: Sounds;
  readonly files: Files;
}

export type Imported =
  | { readonly ok: true; readonly yaml: string; readonly notes: readonly Note[] }
  | { readonly ok: false; readonly faults: readonly string[] };

type Kind = 'queues' | 'rules' | 'agents' | 'dialplan';

/** What a file is, by its name. */
export function kindOf(file: string): Kind {
  const name = path.basename(file).toLowerCase();
  if (name.includes('rules')) return 'rules';
  if (name.includes('extensions')) return 'dialplan';
  return name.includes('agents') ? 'agents' : 'queues';
}

/** Whole numbers stand as such, as people write them; a name is a text though it be of digits. */
const isNumber = (key: string, value: string): boolean =>
  /^(0|[1-9]\d{0,8})$/.test(value) && !['name', 'defaultrule'].includes(key);

/** `${` would be taken from the environment. */
function literal(value: unknown, key = ''): unknown {
  if (typeof value === 'string')
    return isNumber(key, value) ? Number(value) : value.split('${').join('$${');
  if (Array.isArray(value)) return value.map((each) => literal(each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([own, each]) => [own, literal(each, own)]));
}

/** A rule that there is not is lost, whichever file should have had it. */
function dropUnknownRules(house: House, files: readonly string[]): void {
  const known = new Set(house.rules.map(({ name }) => name));
  for (const queue of house.queues.values()) {
    const rule = queue.options['defaultrule'];
    if (typeof rule !== 'string' || known.has(rule)) continue;
    delete queue.options['defaultrule'];
    const at = { file: files[0] ?? '', line: 1 };
    const why = `no rule "${rule}" was imported; give queuerules.conf, too`;
    house.note(at, `[${queue.written}] defaultrule = ${rule}`, why);
  }
}

function documentOf(house: House, host: string): unknown {
  const rules = house.rules.length > 0 ? { 'penalty-rules': house.rules } : {};
  return literal({
    ...rules,
    queues: [...house.queues.values()].map(({ name, options, members }) => ({
      name,
      ...options,
      ...(members.length > 0 ? { members } : {}),
    })),
    agents: [...house.agents.values()].map(({ id, options }) => ({ id, ...options })),
    sip: {
      register: [{ name: 'pbx', registrar: `sip:${host}`, username: 'acd', password: 'change-me' }],
    },
  });
}

const HEAD = `# Written by acd import out of Asterisk's configuration. Set the account under
# sip.register (acd glue prints the PBX's side of it), then run acd check.
`;

/** Imports files whose text was read; `files.read` follows their includes. */
export function importFiles(
  given: readonly { readonly file: string; readonly text: string }[],
  { host, sounds, files }: ImportOptions,
): Imported {
  const house = new House(host, sounds);
  const confs = given.map(({ file, text }) => ({
    kind: kindOf(file),
    conf: readConf(file, text, files),
  }));
  const of = (kind: Kind) => confs.filter((each) => each.kind === kind).map(({ conf }) => conf);
  for (const conf of of('rules')) house.addRules(conf);
  for (const conf of of('agents')) house.addAgents(conf);
  for (const conf of of('queues')) house.addQueues(conf);
  addDialplans(house, host, of('dialplan'));
  dropUnknownRules(
    house,
    given.map(({ file }) => file),
  );
  const yaml = `${HEAD}\n${stringify(documentOf(house, host), { lineWidth: 100 })}`;
  const read = parseConfig(yaml, { env: {}, folder: '/', sounds });
  if (read.ok) return { ok: true, yaml, notes: house.notes };
  return { ok: false, faults: read.faults.map((fault) => writeFault('acd.yaml', fault)) };
}
