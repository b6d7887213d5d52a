/**
 * SIPp's parts in the benchmarks: callers, agents' phones, and the calls by which agents log in.
 * Scenarios are written where they are run, so that a reader sees the whole exchange here.
 */
import { readdirSync, readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../support/ports.ts';
import { run, type Running } from '../support/processes.ts';
import type { Product } from './product.ts';

const VIA = 'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]';

/** Headers are lines; the body's length is counted by SIPp. */
function message(first: string, lines: readonly string[], body = ''): string {
  const type = body === '' ? [] : ['Content-Type: application/sdp'];
  const text = [first, ...lines, ...type, 'Content-Length: [len]', '', body].join('\n');
  return `<![CDATA[\n${text}\n]]>`;
}

const sdp = (port: string): string =>
  ['v=0', 'o=sipp 1 1 IN IP4 [local_ip]', 's=-', 'c=IN IP4 [local_ip]', 't=0 0']
    .concat(`m=audio ${port} RTP/AVP 0`, 'a=rtpmap:0 PCMU/8000')
    .join('\n');

const scenario = (...steps: string[]): string =>
  `<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario>\n${steps.join('\n')}\n</scenario>\n`;

const send = (text: string, more = ''): string => `<send${more}>${text}</send>`;

function inviteSteps(user: string, contact: string, port: string): string[] {
  const dialog = [
    `From: <sip:[$user]@[local_ip]:[local_port]>;tag=[pid]x[call_number]`,
    'Call-ID: [call_id]',
    'Max-Forwards: 70',
  ];
  const uri = `sip:${user}@[remote_ip]:[remote_port]`;
  const contactLine = `Contact: <${contact}>`;
  const invite = [VIA, ...dialog, `To: <${uri}>`, 'CSeq: 1 INVITE', contactLine];
  const ack = [VIA, ...dialog, 'To: <[$uri]>[peer_tag_param]', 'CSeq: 1 ACK', contactLine];
  const fill = (lines: readonly string[]) =>
    lines.map((line) => line.replace('[$user]', 'caller[call_number]').replace('[$uri]', uri));
  return [
    send(message(`INVITE ${uri} SIP/2.0`, fill(invite), sdp(port)), ' retrans="500"'),
    '<recv response="100" optional="true"/>',
    '<recv response="180" optional="true"/>',
    '<recv response="200" rrs="true"/>',
    send(message('ACK [next_url] SIP/2.0', fill(ack))),
  ];
}

const OK_TO_BYE = send(
  message('SIP/2.0 200 OK', [
    '[last_Via:]',
    '[last_From:]',
    '[last_To:]',
    '[last_Call-ID:]',
    '[last_CSeq:]',
  ]),
);

/** A caller who stays until the ACD hangs up. [field0] is where he wants his RTP. */
const callerScenario = (patienceMs: number): string =>
  scenario(
    ...inviteSteps('bench', 'sip:[local_ip]:[local_port]', '[field0]'),
    `<recv request="BYE" timeout="${patienceMs}"/>`,
    OK_TO_BYE,
  );

/** Logs agent [field0] in on his phone at port [field1], and hangs up before the prompt ends. */
const loginScenario = scenario(
  ...inviteSteps('*44[field0]', 'sip:a[field0]@[local_ip]:[field1]', '[field2]'),
  '<pause milliseconds="300"/>',
  send(
    message('BYE [next_url] SIP/2.0', [
      VIA,
      'From: <sip:caller[call_number]@[local_ip]:[local_port]>;tag=[pid]x[call_number]',
      'To: <sip:*44[field0]@[remote_ip]:[remote_port]>[peer_tag_param]',
      'Call-ID: [call_id]',
      'Max-Forwards: 70',
      'CSeq: 2 BYE',
    ]),
    ' retrans="500"',
  ),
  '<recv response="200"/>',
);

const answerLines = (contact: boolean): string[] => [
  '[last_Via:]',
  '[last_From:]',
  '[last_To:];tag=[pid]y[call_number]',
  '[last_Call-ID:]',
  '[last_CSeq:]',
  ...(contact ? ['Contact: <sip:agent@[local_ip]:[local_port]>'] : []),
];

const grab = (header: string, into: string, pattern = '.*'): string =>
  `<ereg regexp="${pattern}" search_in="hdr" header="${header}" assign_to="${into}"/>`;

/** All agents' phones: cannot be watched, ring, answer at once, hang up after the talk. */
const agentScenario = (talkMs: number): string =>
  scenario(
    '<recv request="SUBSCRIBE" optional="true" next="refuse"/>',
    '<recv request="INVITE" crlf="true"><action>',
    grab('From:', 'from'),
    grab('To:', 'to'),
    grab('Contact:', 'contact', 'sip:[^;&gt;]*'),
    '</action></recv>',
    send(message('SIP/2.0 180 Ringing', answerLines(true))),
    send(message('SIP/2.0 200 OK', answerLines(true), sdp('[rtp]')), ' retrans="500"'),
    '<recv request="ACK"/>',
    `<pause milliseconds="${talkMs}"/>`,
    send(
      message('BYE [$contact] SIP/2.0', [
        VIA,
        'From:[$to];tag=[pid]y[call_number]',
        'To:[$from]',
        'Call-ID: [call_id]',
        'Max-Forwards: 70',
        'CSeq: 1 BYE',
      ]),
      ' retrans="500"',
    ),
    '<recv response="200" next="end"/>',
    '<label id="refuse"/>',
    send(message('SIP/2.0 489 Bad Event', answerLines(false))),
    '<label id="end"/>',
    '<timewait milliseconds="100"/>',
  );

export interface SippEnd {
  readonly successful: number;
  readonly failed: number;
  readonly retransmissions: number;
  /** What went wrong first, in SIPp's words. */
  readonly error: string;
}

export interface Sipp {
  readonly port: number;
  readonly process: Running;
  /** Its counters now (a second old at most), or at its end. */
  counters(): SippEnd;
}

interface Start {
  readonly name: string;
  readonly scenario: string;
  readonly args: readonly string[];
  /** Lines of the file that [field0] … are taken from. */
  readonly fields?: readonly string[];
}

let serial = 0;

/** A big receive buffer: thousands of calls answer in one moment. */
const BUFFER_BYTES = '4194304';

async function start(product: Product, { name, scenario: xml, args, fields }: Start) {
  serial += 1;
  const home = path.join(product.folder, `${name}-${serial}`);
  mkdirSync(home);
  writeFileSync(path.join(home, 'scenario.xml'), xml);
  if (fields !== undefined)
    writeFileSync(path.join(home, 'fields.csv'), `SEQUENTIAL\n${fields.join('\n')}\n`);
  const port = await freePort();
  const process = run({
    name: `sipp ${name}`,
    command: 'sipp',
    cwd: home,
    args: [
      ...['-sf', 'scenario.xml', '-i', '127.0.0.1', '-p', String(port), '-t', 'u1'],
      ...(fields === undefined ? [] : ['-inf', 'fields.csv']),
      ...['-nostdin', '-buff_size', BUFFER_BYTES, '-trace_stat', '-fd', '1', '-trace_err'],
      ...['-watchdog_interval', '0', ...args],
    ],
    env: { TERM: 'dumb' },
    graceMs: 300,
  });
  return { port, process, counters: () => countersIn(home) } satisfies Sipp;
}

function countersIn(home: string): SippEnd {
  const read = (pattern: RegExp): string =>
    readdirSync(home)
      .filter((file) => pattern.test(file))
      .map((file) => readFileSync(path.join(home, file), 'utf8'))
      .join('\n');
  const rows = read(/^scenario_.*\.csv$/)
    .trimEnd()
    .split('\n')
    .map((line) => line.split(';'));
  const [names = [], last = []] = [rows[0], rows.at(-1)];
  const cell = (column: string): number => Number(last[names.indexOf(column)] ?? 0) || 0;
  return {
    successful: cell('SuccessfulCall(C)'),
    failed: cell('FailedCall(C)'),
    retransmissions: cell('Retransmissions(C)'),
    error: read(/_errors\.log$/)
      .split('\n', 4)
      .join(' ')
      .slice(0, 300),
  };
}

const remote = (product: Product): string => `${product.host}:${product.port}`;

/** SIPp in place of all agents' phones. */
export async function startAgents(product: Product, talkMs: number, rtp: number): Promise<Sipp> {
  const args = ['-key', 'rtp', String(rtp)];
  return start(product, { name: 'agents', scenario: agentScenario(talkMs), args });
}

export interface CallerPlan {
  readonly calls: number;
  readonly perSecond: number;
  /** Most at once; a caller who ends is replaced. */
  readonly limit?: number;
  /** Longest wait for the ACD's BYE. */
  readonly patienceMs: number;
  /** RTP ports, taken in turn. */
  readonly rtp: readonly number[];
}

export async function startCallers(product: Product, plan: CallerPlan): Promise<Sipp> {
  const { calls, perSecond, patienceMs, rtp } = plan;
  const limit = plan.limit ?? calls;
  const args = ['-m', String(calls), '-r', String(perSecond), '-l', String(limit)];
  return start(product, {
    name: 'callers',
    scenario: callerScenario(patienceMs),
    args: [remote(product), ...args],
    fields: rtp.map((port) => `${port};`),
  });
}

/** Logins at once: below the ACD's own bound. */
const LOGINS_PER_SECOND = 40;

/** Logs the agents in, on phones at that port; throws if not all of them are ready then. */
export async function logIn(product: Product, ids: readonly string[], at: number, rtp: number) {
  if (ids.length === 0) return;
  if (product.addAgents !== null) return product.addAgents(ids, at);
  const login = await start(product, {
    name: 'logins',
    scenario: loginScenario,
    args: [remote(product), '-m', String(ids.length), '-r', String(LOGINS_PER_SECOND)],
    fields: ids.map((id) => `${id};${at};${rtp};`),
  });
  await login.process.ended;
  const wanted = new Set(ids);
  const deadline = performance.now() + 10_000;
  for (;;) {
    const agents = await product.agents();
    const ready = agents.filter(({ id, state }) => wanted.has(id) && state === 'idle').length;
    if (ready === ids.length) return;
    if (performance.now() > deadline) {
      const { failed, error } = login.counters();
      throw new Error(
        `${ready} of ${ids.length} agents are ready; ${failed} logins failed ${error}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
