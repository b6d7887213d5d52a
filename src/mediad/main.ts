#!/usr/bin/env node
/**
 * The audio process. One thread, one timer, all RTP sessions; ordered about over a local socket.
 * Says one JSON line on stdout when it is ready, or why it is not (and exits 1). It outlives its
 * clients: legs, music and bridges go on until someone releases them or the process is ended by
 * SIGTERM or SIGINT, or, with --stop-with-parent, by the end of its stdin; with --lifeline only
 * where nobody takes it over within --linger-ms after that.
 */
import { isIP } from 'node:net';
import { setPriority } from 'node:os';
import { parseArgs } from 'node:util';
import { Later } from '../shared/later.ts';
import { Lifeline, showAs } from '../shared/lifeline.ts';
import { Control } from './control.ts';
import { Legs, type Settings } from './legs.ts';
import { log, setLevel, setOutput, type Level } from './log.ts';

const usage = `mediad --control PATH|HOST:PORT [--rtp ADDRESS] [--ports MIN-MAX]
       [--external-address ADDRESS] [--silence-ms N] [--log debug|info|warn|error]
       [--nice N] [--stop-with-parent [--lifeline PATH --mark TEXT --linger-ms N] [--spare]]`;

interface Options extends Settings {
  readonly control: string;
  readonly stopWithParent: boolean;
  readonly lifeline: { readonly path: string; readonly mark: string; readonly lingerMs: number };
  readonly nice: number;
  /** Waits, with its code loaded, for the word `go` of its parent (supervisor/spare.ts). */
  readonly isSpare: boolean;
}

function readOptions(args: readonly string[]): Options | string {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        control: { type: 'string' },
        rtp: { type: 'string', default: '0.0.0.0' },
        ports: { type: 'string', default: '20000-29999' },
        'external-address': { type: 'string' },
        'silence-ms': { type: 'string', default: '10000' },
        log: { type: 'string', default: 'info' },
        nice: { type: 'string', default: '-10' },
        'stop-with-parent': { type: 'boolean', default: false },
        lifeline: { type: 'string', default: '' },
        mark: { type: 'string', default: '' },
        'linger-ms': { type: 'string', default: '0' },
        spare: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return (error as Error).message;
  }
  if (values.control === undefined) return 'needs --control PATH or HOST:PORT';
  if (isIP(values.rtp) === 0) return `--rtp ${values.rtp} is no IP address`;
  const external = values['external-address'] ?? null;
  if (external !== null && isIP(external) === 0) {
    return `--external-address ${external} is no IP address`;
  }
  const ports = /^(\d+)-(\d+)$/.exec(values.ports);
  const [min, max] = [Number(ports?.[1]), Number(ports?.[2])];
  if (ports === null || min < 1 || max > 65_535 || max - min < 1) {
    return `--ports ${values.ports}: give MIN-MAX with at least two ports`;
  }
  const silenceMs = Number(values['silence-ms']);
  if (!Number.isInteger(silenceMs) || silenceMs < 100) return '--silence-ms must be at least 100';
  if (!['debug', 'info', 'warn', 'error'].includes(values.log)) return `--log ${values.log}?`;
  const nice = Number(values.nice);
  if (!Number.isInteger(nice) || nice < -20 || nice > 19) return '--nice must be from -20 to 19';
  const lingerMs = Number(values['linger-ms']);
  if (!Number.isInteger(lingerMs) || lingerMs < 0) return '--linger-ms must be a whole number';
  if (values.spare && !values['stop-with-parent']) return '--spare needs --stop-with-parent';
  setLevel(values.log as Level);
  return {
    control: values.control,
    range: { address: values.rtp, min, max },
    externalAddress: external,
    silenceMs,
    stopWithParent: values['stop-with-parent'],
    lifeline: { path: values.lifeline, mark: values.mark, lingerMs },
    nice,
    isSpare: values.spare,
  };
}

/** Audio is due every 5 ms, everything else can wait; without the right to it, all the same. */
function raisePriority(nice: number): void {
  if (nice === 0) return;
  try {
    setPriority(nice);
  } catch (error) {
    log('debug', 'runs at ordinary priority', { why: (error as Error).message });
  }
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function refuse(error: string): void {
  say({ ready: false, error });
  process.exitCode = 1;
}

/** False: we are not wanted. */
async function beSpare(word: Promise<boolean>): Promise<boolean> {
  say({ prepared: true });
  if (!(await word)) return false;
  showAs(process.argv.slice(2).filter((each) => each !== '--spare'));
  return true;
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n${usage}\n`);
    refuse(options);
    return;
  }
  const beginning = new Later<boolean>();
  let stop = (_why: string): void => process.exit();
  const lifeline = options.stopWithParent
    ? new Lifeline({
        ...options.lifeline,
        end: (why) => stop(why),
        orphaned: () => beginning.settle(false),
        order: (word) => word === 'go' && beginning.settle(true),
      })
    : null;
  if (options.isSpare) {
    lifeline?.watchParent();
    if (!(await beSpare(beginning.promise))) process.exit();
  }
  const legs = new Legs(options);
  const fault = await legs.fault();
  if (fault !== null) {
    refuse(`RTP address ${options.range.address}: ${fault}`);
    return;
  }
  const control = new Control(legs);
  const listening = await control.listen(options.control);
  if (!listening.ok) {
    refuse(`control socket ${options.control}: ${listening.why}`);
    return;
  }
  const told = { control: listening.where };
  const deaf = (await lifeline?.listen(told)) ?? null;
  if (deaf !== null) {
    refuse(`lifeline ${deaf}`);
    process.exit();
  }
  raisePriority(options.nice);
  legs.clock.start();
  stop = (why: string): void => {
    log('info', 'stopping', { why });
    lifeline?.close();
    control.close();
    legs.close();
    process.exit(0);
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  // A reader of our log that went away must not end the calls.
  const unread = (): void => {
    if (lifeline === null) setLevel('error');
  };
  process.stderr.on('error', unread);
  process.stdout.on('error', unread);
  if (lifeline !== null) {
    setOutput((line) => lifeline.say(line, process.stderr));
    if (!options.isSpare) lifeline.watchParent();
  }
  say({ ready: true, ...told });
}

await main();
