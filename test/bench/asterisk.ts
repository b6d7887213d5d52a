/**
 * Asterisk's `app_queue` in the place of the product, so that both are measured by the same SIPp
 * on the same machine within the hour: `ACD_BENCH_ASTERISK=/usr npm run bench -- a b c`, where
 * /usr/sbin/asterisk and /usr/lib/asterisk/modules are. One with chan_sip (up to Asterisk 20): its
 * cheaper channel. It gets a configuration and folders of its own, of what is needed and no more;
 * our music as µ-law, so that nothing is transcoded; all agents as peers at SIPp's port.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { encode, readWav } from '../support/audio.ts';
import { until } from '../support/inbox.ts';
import { freePort } from '../support/ports.ts';
import { run } from '../support/processes.ts';
import { cpuOf, memoryOf, QUEUE, root, RTP_PORTS } from './product.ts';
import type { ByPart, Product } from './product.ts';

const HOST = '127.0.0.1';
const MODULES = [
  ...['chan_sip', 'app_queue', 'app_dial', 'app_stack', 'pbx_config', 'func_callerid'],
  ...['res_timing_timerfd', 'res_musiconhold', 'res_rtp_asterisk', 'res_http_websocket'],
  ...['codec_ulaw', 'format_pcm', 'bridge_simple', 'bridge_native_rtp', 'bridge_softmix'],
  ...['bridge_builtin_features', 'res_crypto', 'res_stasis'],
];
/** Without a file of theirs some modules do not load. */
const EMPTY = ['acl', 'queuerules'];
const STANDARD = ['features', 'http', 'manager', 'stasis', 'ccss', 'udptl', 'indications'];

const section = (name: string, options: Readonly<Record<string, string | number>>): string =>
  `[${name}]\n${Object.entries(options)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')}`;

function folders(prefix: string, home: string): string {
  const data = [`${prefix}/var/lib/asterisk`, `${prefix}/share/asterisk`].find((folder) =>
    existsSync(path.join(folder, 'documentation')),
  );
  const own = ['db', 'key', 'agi', 'spool', 'run', 'log'].map((name) => {
    mkdirSync(path.join(home, name));
    return `ast${name}dir => ${path.join(home, name)}\n`;
  });
  const given = [
    `astetcdir => ${home}\nastvarlibdir => ${data ?? home}\nastdatadir => ${data ?? home}\n`,
    `astmoddir => ${prefix}/lib/asterisk/modules\n`,
  ];
  const options = section('options', { maxcalls: 20_000, maxfiles: 200_000 });
  return `[directories]\n${[...given, ...own].join('')}${options}`;
}

function writeHouse(prefix: string, home: string, port: number): void {
  const write = (name: string, text: string) => writeFileSync(path.join(home, name), text);
  const [first, last] = RTP_PORTS.split('-');
  write('asterisk.conf', folders(prefix, home));
  for (const name of EMPTY) write(`${name}.conf`, '');
  for (const name of STANDARD) write(`${name}.conf`, '[general]\n');
  for (const name of ['cdr', 'cel']) write(`${name}.conf`, section('general', { enable: 'no' }));
  const loads = MODULES.map((name) => `load = ${name}.so\n`).join('');
  write('modules.conf', section('modules', { autoload: 'no' }) + loads);
  write('logger.conf', '[general]\n[logfiles]\nmessages => error,warning\n');
  mkdirSync(path.join(home, 'music'));
  const music = encode(readWav(path.join(root, 'prompts/music/default.wav')), 'ulaw');
  writeFileSync(path.join(home, 'music/default.ulaw'), music);
  const moh = { mode: 'files', directory: path.join(home, 'music') };
  write('musiconhold.conf', section('default', moh));
  write('rtp.conf', section('general', { rtpstart: first ?? '', rtpend: last ?? '' }));
  const dialplan = `exten => ${QUEUE},1,Answer()\n same => n,Queue(${QUEUE})\n`;
  write('extensions.conf', `[general]\n[default]\n${dialplan}`);
  const sip = { context: 'default', allowguest: 'yes', udpbindaddr: `${HOST}:${port}` };
  const media = { disallow: 'all', allow: 'ulaw', directmedia: 'no', callcounter: 'yes' };
  write(
    'sip.conf',
    `${section('general', { ...sip, ...media, srvlookup: 'no' })}#include peers.conf\n`,
  );
  writePeers(home, [], 0);
  writeMembers(home, []);
}

/** The queue as the product's is configured, with the strategy that is nearest to most-idle. */
function writeMembers(home: string, ids: readonly string[]): void {
  const offers = { strategy: 'leastrecent', timeout: 15, retry: 1, wrapuptime: 0 };
  const line = { musicclass: 'default', autofill: 'yes', ringinuse: 'no', joinempty: 'yes' };
  const members = ids.map((id) => `member => SIP/${id}\n`).join('');
  const text = section('general', { autofill: 'yes' }) + section(QUEUE, { ...offers, ...line });
  writeFileSync(path.join(home, 'queues.conf'), text + members);
}

function writePeers(home: string, ids: readonly string[], port: number): void {
  const peer = { type: 'peer', host: HOST, port, context: 'default', callcounter: 'yes' };
  const more = { insecure: 'port,invite', qualify: 'no' };
  const peers = ids.map((id) => section(id, { ...peer, ...more, defaultuser: id }));
  writeFileSync(path.join(home, 'peers.conf'), peers.join(''));
}

/** @param prefix where it is installed: `sbin/asterisk` and `lib/asterisk/modules` below it */
export async function startAsterisk(prefix: string): Promise<Product> {
  const home = mkdtempSync(path.join(tmpdir(), 'acd-bench-asterisk-'));
  const port = await freePort();
  writeHouse(prefix, home, port);
  const program = path.join(prefix, 'sbin/asterisk');
  const env = { LD_LIBRARY_PATH: path.join(prefix, 'lib') };
  const conf = ['-C', path.join(home, 'asterisk.conf')];
  const asterisk = run({ name: 'asterisk', command: program, args: ['-f', ...conf], env });
  const ask = async (order: string): Promise<string> => {
    const options = { env: { ...process.env, ...env } };
    return (await promisify(execFile)(program, [...conf, '-rx', order], options)).stdout;
  };
  const inQueue = async () =>
    Number(/ has (\d+) calls/.exec(await ask(`queue show ${QUEUE}`))?.[1] ?? 0);
  const stop = async () => {
    await asterisk.stop();
    rmSync(home, { recursive: true, force: true });
  };
  const asServer = (value: number): ByPart => ({ sipd: 0, mediad: 0, server: value });
  const members: string[] = [];
  const isUp = () => ask(`queue show ${QUEUE}`).then((told) => told.includes(' calls'));
  try {
    await until(
      'Asterisk',
      () => isUp().catch(() => false),
      (up) => up,
      30_000,
    );
  } catch (trouble) {
    await stop();
    throw new Error(`Asterisk did not start:\n${asterisk.output()}`, { cause: trouble });
  }
  return {
    host: HOST,
    port,
    rest: '',
    folder: home,
    cpu: () => asServer(cpuOf(asterisk.pid)),
    memory: () => asServer(memoryOf(asterisk.pid)),
    agents: () => Promise.resolve(members.map((id) => ({ id, state: 'idle' }))),
    calls: async () => ({ waiting: await inQueue(), talking: 0 }),
    health: async () => ({ bugs: 0, legs: await inQueue() }),
    addAgents: async (ids, phones) => {
      members.push(...ids);
      writePeers(home, members, phones);
      writeMembers(home, members);
      const count = async (order: string, pattern: RegExp) =>
        Number(pattern.exec(await ask(order))?.[1] ?? 0);
      const are = (known: number) => known >= members.length;
      await ask('sip reload');
      await until('peers', () => count('sip show peers', /(\d+) sip peers/), are, 30_000);
      await ask('queue reload all');
      const idle = async () => (await ask(`queue show ${QUEUE}`)).split('Not in use').length - 1;
      await until('idle members', idle, are, 30_000);
    },
    stop,
  };
}
