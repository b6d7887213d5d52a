/**
 * `acd`, the command line: one file for each verb. A verb gives the exit status; what it says to
 * people goes to standard output, faults to standard error.
 */
import { Argument, Command } from 'commander';
import { runCheck } from './check.ts';
import type { WrittenDemo } from './demo.ts';
import { readDemo, runDemo } from './demo.ts';
import { writeDocs } from './docs.ts';
import { EXIT } from './exit.ts';
import { addGlue } from './glue.ts';
import { addImport } from './import.ts';
import { runJournalCheck, runJournalRepair, type WrittenRepair } from './journal.ts';
import { CONFIG_OPTION, parse } from './program.ts';
import { version } from './project.ts';
import { addConfigVerbs } from './config.ts';
import { addQueueLog } from './queue-log.ts';
import { addLive } from './live/verbs.ts';
import { writeCompletion } from './manual.ts';
import { addReplay } from './replay.ts';
import { addReport } from './report.ts';
import { runRestart } from './restart.ts';
import { addServe } from './serve-verb.ts';
import { addToken } from './token.ts';
import { addTrace } from './trace.ts';
import { addSim } from './sim.ts';
import { runStart } from './start.ts';

const CONFIG = CONFIG_OPTION;

/** `acd journal …`: two verbs on one file. */
function addJournal(program: Command, done: (status: number) => void): void {
  const [flags, text, standard] = CONFIG;
  const journal = program.command('journal').description('look at the journal, or repair it');
  journal
    .command('check')
    .description('look at every event; changes nothing')
    .argument('[file]', 'the journal; the one of the configuration where none is named')
    .option(flags, text, standard)
    .action((file: string | undefined, { config }: { config: string }) => {
      done(runJournalCheck(file, config));
    });
  journal
    .command('repair')
    .description('make a damaged journal sound; the old file is kept')
    .argument('[file]', 'the journal; the one of the configuration where none is named')
    .option(flags, text, standard)
    .option('--drop-after <event>', 'keep what is up to this event; 0 begins anew')
    .option('--drop-before <event>', 'keep what is from this event on')
    .action((file: string | undefined, written: WrittenRepair) => {
      done(runJournalRepair(file, written));
    });
}

/** What is done beside a running ACD, or without one. */
function addTools(program: Command, done: (status: number) => void): void {
  addJournal(program, done);
  addSim(program, done);
  addReplay(program, CONFIG, done);
  addConfigVerbs(program, CONFIG, done);
  addImport(program, done);
  addGlue(program, CONFIG, done);
  addLive(program, CONFIG, done);
  addQueueLog(program, CONFIG, done);
  addReport(program, CONFIG, done);
  addTrace(program, CONFIG, done);
  addToken(program, done);
  program
    .command('docs')
    .description('write docs/ out of the running schemas')
    .action(async () => done(await writeDocs(program)));
  program
    .command('completion')
    .description('print a completion script: source <(acd completion bash)')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh']))
    .action((shell: 'bash' | 'zsh') => {
      process.stdout.write(writeCompletion(program, shell));
      done(EXIT.ok);
    });
}

/** All verbs; `done` hears the exit status of the one that ran. */
export function buildProgram(done: (status: number) => void): Command {
  const [flags, text, standard] = CONFIG;
  const program = new Command('acd')
    .description('An automatic call distributor that any PBX can use')
    .version(version())
    .showHelpAfterError()
    .exitOverride();
  program
    .command('start')
    .description('start everything, and keep it running')
    .option(flags, text, standard)
    .action(async ({ config }: { config: string }) => {
      done(await runStart(config));
    });
  addServe(program, done);
  program
    .command('restart')
    .description('swap the server for the version that is installed now; calls stay up')
    .option(flags, text, standard)
    .action(async ({ config }: { config: string }) => {
      done(await runRestart(config));
    });
  program
    .command('check')
    .description('look a configuration over; names every mistake with its line')
    .argument('[file]', text)
    .option(flags, text, standard)
    .action((file: string | undefined, { config }: { config: string }) => {
      done(runCheck(file ?? config));
    });
  program
    .command('demo')
    .description('see it work with no phone at all: simulated callers and agents on loopback')
    .option('--seconds <number>', 'how long callers call', '60')
    .option('--callers <number>', 'most callers at once', '8')
    .option('--agents <number>', 'agents', '4')
    .option('--seed <number>', 'the same seed gives the same people the same moods')
    .option('--json', 'print one object at the end and nothing else', false)
    .action(async (written: WrittenDemo) => {
      done(await runDemo(readDemo(written)));
    });
  addTools(program, done);
  return program;
}

/** Runs the verb named by the arguments (without node and script); gives the exit status. */
export function runCli(args: readonly string[]): Promise<number> {
  return parse(args, buildProgram);
}
