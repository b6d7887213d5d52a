/**
 * `acd token NAME`: makes a bearer token for REST. The token goes to standard output, once, and is
 * kept nowhere; what acd.yaml needs to know it by goes to standard error (with --json both are in
 * one object). It has 256 random bits, so its plain hash tells nothing of it.
 */
import { randomBytes } from 'node:crypto';
import { Option, type Command } from 'commander';
import { hashOf } from '../config/http-access.ts';
import { ROLES } from '../config/http-fields.ts';
import { parseConfig } from '../config/load.ts';
import { EXIT, fault } from './exit.ts';

const RANDOM_BYTES = 32;

export interface WrittenToken {
  readonly role: string;
  readonly queues?: string;
  readonly agent?: string;
  readonly expires?: string;
  readonly json: boolean;
}

/** The entry of `http.tokens`. */
function entryOf(name: string, written: WrittenToken, hash: string): Record<string, unknown> {
  const { role, queues, agent, expires } = written;
  return {
    name,
    role,
    ...(agent === undefined ? {} : { agent }),
    ...(queues === undefined ? {} : { queues: queues.split(',') }),
    ...(expires === undefined ? {} : { expires }),
    hash,
  };
}

function asYaml(entry: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(entry).map(([key, value]) => {
    const text = Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
    return `${key}: ${text}`;
  });
  return ['http:', '  tokens:', ...lines.map((line, at) => `    ${at === 0 ? '-' : ' '} ${line}`)]
    .join('\n')
    .concat('\n');
}

function runToken(name: string, written: WrittenToken): number {
  if (!/^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$/.test(name)) {
    return fault(`"${name}" cannot be used; take letters, digits, . _ ~ -, at most 64`);
  }
  const token = `acd_${randomBytes(RANDOM_BYTES).toString('base64url')}`;
  const entry = entryOf(name, written, hashOf(token));
  // An entry that acd.yaml would not take is of no use.
  const read = parseConfig(asYaml(entry), { env: {}, folder: '/' });
  if (!read.ok) {
    return fault(read.faults.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  }
  if (written.json) {
    process.stdout.write(`${JSON.stringify({ token, entry })}\n`);
    return EXIT.ok;
  }
  process.stderr.write(
    `put this into acd.yaml, then \`acd reload\` (where http.listen changes: \`acd restart\`):\n` +
      `${asYaml(entry)}and keep this line, which is shown once:\n`,
  );
  process.stdout.write(`${token}\n`);
  return EXIT.ok;
}

export function addToken(program: Command, done: (status: number) => void): void {
  program
    .command('token')
    .description('make a token for REST; acd.yaml gets its hash alone')
    .argument('<name>', 'who it is for, as log and journal show it')
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).default('read-only'))
    .option('--queues <names>', 'of these queues alone: sales,help')
    .option('--agent <id>', 'the agent whom a token of role agent steers')
    .option('--expires <date>', 'as 2027-01-31')
    .option('--json', 'print one object: the token, and its entry of http.tokens', false)
    .action((name: string, written: WrittenToken) => done(runToken(name, written)));
}
