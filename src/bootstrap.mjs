// From a fresh clone to a running ACD with nothing but Node: installs the libraries where they are
// missing or not those of package-lock.json, builds where a source is another than at the last
// build, then runs dist/main.js in this very process, so signals need no passing on. Plain
// JavaScript without libraries, because it must run before there are any. Quiet when there is
// nothing to do.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const MIN_NODE = [20, 19];
const COMPILERS = { python3: 'python3', make: 'make', 'g++': 'g++' };
const at = (...parts) => path.join(root, ...parts);

/** One line that says what to do, and the end. */
export function giveUp(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

function say(text) {
  process.stderr.write(`acd: ${text}\n`);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [wantMajor, wantMinor] = MIN_NODE;
  if (major > wantMajor || (major === wantMajor && minor >= wantMinor)) return;
  const want = MIN_NODE.join('.');
  giveUp(`Node ${want} or newer is needed, this is ${process.versions.node}; see nodejs.org`);
}

export function isInstalled(program) {
  return (process.env.PATH ?? '').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs a command quietly; its output only where it fails. */
export function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, encoding: 'utf8', ...options });
  const output = `${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}`;
  return { ok: done.status === 0, output };
}

/** The command that makes us root: none needed, sudo without a question, or null. */
function asRoot() {
  if (process.getuid?.() === 0) return [];
  return isInstalled('sudo') && run('sudo', ['-n', 'true']).ok ? ['sudo', '-n'] : null;
}

/**
 * Installs Debian packages, starting no service of theirs. False where there is no apt-get, or
 * neither root nor sudo, or it failed (then its output is shown).
 */
export function aptInstall(packages) {
  const prefix = asRoot();
  if (prefix === null || !isInstalled('apt-get')) return false;
  const script = `
    export DEBIAN_FRONTEND=noninteractive
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
      printf '#!/bin/sh\\nexit 101\\n' > $policy && chmod 755 $policy
      trap "rm -f $policy" EXIT
    fi
    apt-get update -q && apt-get install -y -q --no-install-recommends ${packages.join(' ')}`;
  const [command = '', ...args] = [...prefix, 'sh', '-c', script];
  const done = run(command, args);
  if (!done.ok) process.stderr.write(done.output);
  return done.ok;
}

/** Libraries fit this lockfile and this Node's binary interface. */
function wantedStamp() {
  const lock = readFileSync(at('package-lock.json'));
  return `${createHash('sha256').update(lock).digest('hex')} ${process.versions.modules}\n`;
}

/** The SQLite of newer Nodes comes ready-made, that of older ones is compiled. */
const isReadyMade = Number(process.versions.napi) >= 10;
const SQLITE = isReadyMade ? 'better-sqlite3-13' : 'better-sqlite3'; // src/journal/database.ts

/** An optional library that could not be compiled is left out by npm, which calls that success. */
function hasSqlite() {
  return existsSync(at('node_modules', SQLITE, 'package.json'));
}

/** There may be none ready-made for this system. */
function sqliteWorks() {
  const code = `new (require('${SQLITE}'))(':memory:').close()`;
  return hasSqlite() && run(process.execPath, ['-e', code]).ok;
}

function librariesAreThere(stampFile, stamp) {
  if (!hasSqlite()) return false;
  if (existsSync(stampFile)) return readFileSync(stampFile, 'utf8') === stamp;
  // Installed by hand (npm ci): npm leaves its own copy of the lockfile behind.
  const own = at('node_modules', '.package-lock.json');
  if (!existsSync(own)) return false;
  if (statSync(own).mtimeMs < statSync(at('package-lock.json')).mtimeMs) return false;
  if (!sqliteWorks()) return false;
  writeFileSync(stampFile, stamp);
  return true;
}

function npm(args) {
  const script = process.env.npm_execpath;
  const viaNode = script !== undefined && /\.c?js$/.test(script);
  const env = { ...process.env, NODE_ENV: 'development' };
  return viaNode
    ? run(process.execPath, [script, ...args], { env })
    : run('npm', args, { env, shell: process.platform === 'win32' });
}

function installLibraries() {
  const stampFile = at('node_modules', '.acd-stamp');
  const stamp = wantedStamp();
  if (librariesAreThere(stampFile, stamp)) return;
  say('installing libraries (npm ci), a minute or two, only this once');
  const command = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  // Nothing has to be compiled then, and npm ci would try to, and throw the ready-made one away
  // where it cannot. One that does not work on this system is compiled after all.
  if (isReadyMade) {
    const plain = npm([...command, '--ignore-scripts']);
    if (!plain.ok) giveUp(`${plain.output}\nnpm ci failed (above); mend that and start again`);
    if (sqliteWorks()) return writeFileSync(stampFile, stamp);
  }
  let done = npm(command);
  const missing = Object.keys(COMPILERS).filter((program) => !isInstalled(program));
  if ((!done.ok || !hasSqlite()) && missing.length > 0) {
    // SQLite has no ready-made binary for this system: it is compiled, which needs these.
    const packages = missing.map((program) => COMPILERS[program]);
    say(`installing ${packages.join(', ')} to compile SQLite`);
    if (!aptInstall(packages)) {
      const names = packages.join(' ');
      giveUp(`SQLite must be compiled: run "apt-get install ${names}" as root, then start again`);
    }
    done = npm(command);
  }
  if (!done.ok) giveUp(`${done.output}\nnpm ci failed (above); mend that and start again`);
  if (!hasSqlite()) {
    giveUp('SQLite could not be compiled: "npm ci --foreground-scripts" shows why');
  }
  writeFileSync(stampFile, stamp);
}

/** Changes with whatever is built: files that come with an old date, or are gone, too. */
function sourcesStamp() {
  const files = readdirSync(at('src'), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
  const hash = createHash('sha256');
  for (const file of [...files.sort(), at('tsconfig.json')]) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${path.relative(root, file)} ${size} ${mtimeMs}\n`);
  }
  return `${hash.digest('hex')}\n`;
}

function build() {
  const stampFile = at('dist', '.built');
  // Before the compiler reads them: what is changed meanwhile is built the next time.
  const stamp = sourcesStamp();
  const isBuilt = existsSync(stampFile) && existsSync(at('dist', 'main.js'));
  if (isBuilt && readFileSync(stampFile, 'utf8') === stamp) return;
  say('building');
  const done = run(process.execPath, [at('node_modules', 'typescript', 'bin', 'tsc'), '-p', root]);
  if (!done.ok) giveUp(`${done.output}\nthe build failed (above)`);
  writeFileSync(stampFile, stamp);
}

/** Everything up to a built program. */
export function prepare() {
  checkNode();
  // An image carries the built program alone.
  if (!existsSync(at('tsconfig.json')) && existsSync(at('dist', 'main.js'))) return;
  installLibraries();
  build();
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === at('src', 'bootstrap.mjs')) {
  const args = process.argv.slice(2);
  prepare();
  if (!args.includes('--build-only')) {
    const main = at('dist', 'main.js');
    process.argv = [process.argv[0] ?? 'node', main, ...(args.length > 0 ? args : ['start'])];
    await import(pathToFileURL(main).href);
  }
}
