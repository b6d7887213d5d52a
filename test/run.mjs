// `npm test`: installs what is missing (Debian's real SIP peers included), then builds, checks
// style, format and types, and runs all tests. With arguments (`npm test -- --project unit sdp`)
// it only builds and hands them to vitest. The last line is `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
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

/** A step before the tests; true where it went well. */
function step(name, script) {
  const begun = Date.now();
  const done = run('npm', ['run', '--silent', script]);
  const seconds = ((Date.now() - begun) / 1000).toFixed(1);
  process.stdout.write(`${done.ok ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)\n`);
  if (!done.ok) process.stdout.write(`${done.output}\n`);
  return done.ok;
}

/** A file that could not even be loaded is one failure. */
function count(reportFile) {
  if (!existsSync(reportFile)) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(readFileSync(reportFile, 'utf8'));
  const unloaded = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloaded.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function runVitest(args) {
  const reportFile = path.join(root, 'test-results', 'vitest.json');
  mkdirSync(path.dirname(reportFile), { recursive: true });
  rmSync(reportFile, { force: true });
  const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const config = ['--config', path.join(root, 'test', 'vitest.config.ts')];
  const done = spawnSync(process.execPath, [vitest, 'run', ...config, ...reporters, ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  const counted = count(reportFile);
  // An error outside of any test (an unhandled rejection) fails the run but no test.
  if (done.status !== 0 && counted.failed === 0) return { ...counted, failed: 1 };
  return counted;
}

const args = process.argv.slice(2);
installPeers();
// A build that fails ends the process within prepare(): that is a failure to be counted, too.
const unprepared = () => process.stdout.write('0 passed, 1 failed\n');
process.once('exit', unprepared);
prepare();
process.off('exit', unprepared);
const checks =
  args.length > 0
    ? []
    : [step('types', 'typecheck'), step('lint', 'lint'), step('format', 'format:check')];
const { passed, failed, skipped } = runVitest(args);
const all = failed + checks.filter((ok) => !ok).length;
if (skipped > 0) process.stdout.write(`${skipped} skipped\n`);
process.stdout.write(`${passed} passed, ${all} failed\n`);
process.exitCode = all > 0 ? 1 : 0;
