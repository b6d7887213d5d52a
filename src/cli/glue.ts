/**
 * `acd glue PBX`: what this acd.yaml needs on the PBX's side, to be pasted there: the account, what
 * is dialled for each queue and code, hints and the subscribe context for presence.
 */
import { Argument, type Command } from 'commander';
import { readConfiguration } from './configuration.ts';
import { EXIT, fault } from './exit.ts';
import { confValue, glueAsterisk, glueFreepbx } from './glue/asterisk.ts';
import { glueFreeswitch, xml } from './glue/freeswitch.ts';
import { glueKamailio } from './glue/kamailio.ts';
import { partsOf, PASSWORD, type GlueParts } from './glue/parts.ts';

export const GLUES = {
  asterisk: glueAsterisk,
  freepbx: glueFreepbx,
  kamailio: glueKamailio,
  freeswitch: glueFreeswitch,
} as const satisfies Record<string, (parts: GlueParts) => string>;

type Pbx = keyof typeof GLUES;

/** A password as the file of that PBX has to have it. */
const WRITTEN: Readonly<Partial<Record<Pbx, (password: string) => string>>> = {
  asterisk: confValue,
  freeswitch: xml,
};

/** What is printed for a PBX; `password`: null where it is not to be shown. */
export function glueOf(kind: Pbx, parts: GlueParts, password: string | null): string {
  const text = GLUES[kind](parts);
  if (password === null) return text;
  return text.split(PASSWORD).join(WRITTEN[kind]?.(password) ?? password);
}

export interface WrittenGlue {
  readonly config: string;
  readonly pbx?: string;
  readonly withPassword: boolean;
}

function runGlue(kind: Pbx, written: WrittenGlue): number {
  const config = readConfiguration(written.config);
  if (config === null) return EXIT.wrong;
  const parts = partsOf(config, written.pbx);
  if (typeof parts === 'string') return fault(parts);
  const password = written.withPassword ? parts.account.password : null;
  process.stdout.write(glueOf(kind, parts, password));
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
