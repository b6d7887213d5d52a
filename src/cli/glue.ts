/**
 * `acd glue PBX`: what this acd.yaml needs on the PBX's side, to be pasted there: the account, what
 * is dialled for each queue and code, hints and the subscribe context for presence.
 */
import { Argument, type Command } from 'commander';
import { readConfiguration } from './configuration.ts';
import { EXIT } from './exit.ts';
import { glueAsterisk, glueFreepbx } from './glue/asterisk.ts';
import { glueFreeswitch } from './glue/freeswitch.ts';
import { glueKamailio } from './glue/kamailio.ts';
import { partsOf, PASSWORD, type GlueParts } from './glue/parts.ts';

export const GLUES = {
  asterisk: glueAsterisk,
  freepbx: glueFreepbx,
  kamailio: glueKamailio,
  freeswitch: glueFreeswitch,
} as const satisfies Record<string, (parts: GlueParts) => string>;

type Pbx = keyof typeof GLUES;

export interface WrittenGlue {
  readonly config: string;
  readonly pbx?: string;
  readonly withPassword: boolean;
}

function runGlue(kind: Pbx, written: WrittenGlue): number {
  const config = readConfiguration(written.config);
  if (config === null) return EXIT.wrong;
  const parts = partsOf(config, written.pbx);
  if (typeof parts === 'string') {
    process.stderr.write(`${parts}\n`);
    return EXIT.wrong;
  }
  const text = GLUES[kind](parts);
  const { password } = parts.account;
  process.stdout.write(written.withPassword ? text.split(PASSWORD).join(password) : text);
  return EXIT.ok;
}

export function addGlue(
  program: Command,
  [flags = '', text = '', standard = '']: readonly string[],
  done: (status: number) => void,
): void {
  program
    .command('glue')
    .description('print the PBX’s side of this configuration')
    .addArgument(new Argument('<kind>', 'which PBX').choices(Object.keys(GLUES)))
    .option(flags, text, standard)
    .option('--pbx <name>', 'which entry of sip.register; default the first')
    .option('--with-password', 'print the account’s password, too', false)
    .action((kind: Pbx, written: WrittenGlue) => done(runGlue(kind, written)));
}
