// `npm test`: installs what is missing (Debian's real SIP peers included), then builds, checks
// style, format and types, and runs all tests. With arguments (`npm test -- --project unit sdp`)
// it only builds and hands them to vitest. What computes comes first, all cores at it; what needs
// processes mostly waits, for speech to end or a peer to be given up: two lanes of it run side by
// side, with the machine to themselves. What failed is told again at the end, where a reader of a
// long log looks first. The last line is `N passed, N failed`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream, existsSync, mkdirSync } from 'node:fs';
import { readFileSync, rmSync } from 'node:fs';
import { setPriority } from 'node:os';
import { pipeline } from 'node:stream/promises';
import path from 'node:path';
import { aptInstall, prepare, root, run } from '../src/bootstrap.mjs';

/** Package, and the program by which it is known to be there. */
const PEERS = {
  kamailio: '/usr/sbin/kamailio',
  'kamailio-presence-modules': '/usr/lib/*/kamailio/modules/presence.so',
  'sip-tester': '/usr/bin/sipp',
  baresip: '/usr/bin/baresip',
  'rtpengine-daemon': '/usr/bin/rtpengine',
  'redis-server': '/usr/bin/redis-server',
};

function missingPeers() {
  return Object.entries(PEERS)
    .filter(([, file]) => !run('sh', ['-c', `ls ${file}`]).ok)
    .map(([name]) => name);
}

function installPeers() {
  const missing = missingPeers();
  if (missing.length === 0) return;
  process.stdout.write(`installing ${missing.join(', ')}\n`);
  if (aptInstall(missing)) return;
  const names = missing.join(' ');
  process.stdout.write(`could not; tests that need them fail. As root: apt-get install ${names}\n`);
}

/** A step beside the tests; settles to what failed: nothing, or its name. */
function step(name, script) {
  const begun = Date.now();
  const child = spawn('npm', ['run', '--silent', script], { cwd: root });
  if (child.pid !== undefined) setPriority(child.pid, 10);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part));
  return new Promise((resolve) => {
    child.once('close', (status) => {
      const seconds = ((Date.now() - begun) / 1000).toFixed(1);
      process.stdout.write(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)\n`);
      if (status !== 0) process.stdout.write(`${output}\n`);
      resolve(status === 0 ? [] : [`${name} (see above)`]);
    });
  });
}

/** They compute, and nobody waits for them: beside tests they take what is left. */
async function check() {
  return [...(await step('types and lint', 'check')), ...(await step('format', 'format:check'))];
}

/**
 * One failure in a few lines: where, which test, what it said first, and, where that was much, what
 * it said last: a program's output is judged at its end.
 */
function told(where, title, message) {
  const all = message.trimEnd().split('\n');
  const lines = all.length <= 40 ? all : [...all.slice(0, 12), '[…]', ...all.slice(-28)];
  return [`${where}${title}`, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** What failed in one file; one that could not be loaded or made ready is one failure. */
function failuresOf({ name, status, message, assertionResults }) {
  const where = path.relative(root, name);
  const failed = assertionResults.filter((test) => test.status === 'failed');
  if (status === 'failed' && failed.length === 0)
    return [told(where, '', message || 'beforeAll or afterAll failed (see above)')];
  return failed.map((test) => told(where, ` > ${test.fullName}`, test.failureMessages.join('\n')));
}

function count(name, reportFile) {
  if (!existsSync(reportFile)) {
    return { passed: 0, failures: [`${name}: vitest left no report`], skipped: 0 };
  }
  const report = JSON.parse(readFileSync(reportFile, 'utf8'));
  return {
    passed: report.numPassedTests,
    failures: report.testResults.flatMap(failuresOf),
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

const results = path.join(root, 'test-results');

/** One vitest; what it prints goes to `output`. Gives what `count` gives. */
function runVitest(name, args, output, env = {}) {
  const reportFile = path.join(results, `${name}.json`);
  rmSync(reportFile, { force: true });
  const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const config = ['--config', path.join(root, 'test', 'vitest.config.ts')];
  const child = spawn(process.execPath, [vitest, 'run', ...config, ...reporters, ...args], {
    cwd: root,
    stdio: ['ignore', output, output],
    env: { ...process.env, ...env },
  });
  return new Promise((resolve) => {
    child.once('close', (status) => {
      const counted = count(name, reportFile);
      // An error outside of any test (an unhandled rejection) fails the run but no test.
      const isOutside = status !== 0 && counted.failures.length === 0;
      if (isOutside) counted.failures.push(`${name}: an error outside of any test (see above)`);
      resolve(counted);
    });
  });
}

/** Side by side, each with ports of its own. */
const LANES = [
  { name: 'edge', projects: ['edge', 'patient'], ports: '12000-22000' },
  { name: 'e2e', projects: ['e2e'], ports: '22000-32000' },
];

/** What the first lane prints is seen at once, the others' when all are through. */
async function runLanes() {
  const runs = LANES.map(async ({ name, projects, ports }, index) => {
    const log = path.join(results, `${name}.log`);
    const output = index === 0 ? 'inherit' : createWriteStream(log);
    if (output !== 'inherit') await once(output, 'open');
    const env = { ACD_TEST_PORTS: ports };
    const args = projects.flatMap((project) => ['--project', project]);
    const counted = await runVitest(name, args, output, env);
    if (output !== 'inherit') output.close();
    return { counted, log: output === 'inherit' ? null : log };
  });
  const ended = await Promise.all(runs);
  for (const { log } of ended) {
    if (log !== null) await pipeline(createReadStream(log), process.stdout, { end: false });
  }
  return ended.map(({ counted }) => counted);
}

/**
 * The quick tests beside the checks, then the lanes; one by one where a drachtio-server is named,
 * which serves one ACD at a time. Gives counts, and which checks failed.
 */
async function runAll() {
  if ((process.env['ACD_DRACHTIO'] ?? '') !== '') {
    return { checks: await check(), runs: [await runVitest('all', [], 'inherit')] };
  }
  const [checks, unit] = await Promise.all([
    check(),
    runVitest('unit', ['--project', 'unit', '--project', 'unit-alone'], 'inherit'),
  ]);
  return { checks, runs: [unit, ...(await runLanes())] };
}

/** What was asked for, and no checks. */
async function runSome(args) {
  return { checks: [], runs: [await runVitest('vitest', args, 'inherit')] };
}

const args = process.argv.slice(2);
mkdirSync(results, { recursive: true });
installPeers();
// A build that fails ends the process within prepare(): that is a failure to be counted, too.
const unprepared = () => process.stdout.write('0 passed, 1 failed\n');
process.once('exit', unprepared);
prepare();
process.off('exit', unprepared);
const { checks, runs } = args.length > 0 ? await runSome(args) : await runAll();
const sum = (what) => runs.reduce((total, each) => total + each[what], 0);
const failures = [...checks, ...runs.flatMap((each) => each.failures)];
for (const failure of failures.slice(0, 20)) process.stdout.write(`\nFAILED ${failure}\n`);
if (sum('skipped') > 0) process.stdout.write(`${sum('skipped')} skipped\n`);
process.stdout.write(`${sum('passed')} passed, ${failures.length} failed\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
