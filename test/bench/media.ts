/**
 * Benchmark (b), audio part: legs that are played music, by mediad alone;
 * with --speaking the callers also send, as telephones do. CPU and memory are
 * mediad's own, read from /proc; packets are judged by a process apart (media-callers.ts).
 * Options: --legs 100,500,1000,2000  --seconds 10  --speaking  --json
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { parseArgs } from 'node:util';
import { loadPlaylist } from '../../src/media/playlist.ts';
import { MediaWorker } from '../../src/media/worker.ts';

const root = path.resolve(import.meta.dirname, '../..');
const clockTicks = 100;

interface Row {
  readonly legs: number;
  readonly cpuMsPerLegSecond: number;
  readonly cpuPercent: number;
  readonly rssMb: number;
  readonly rssKbPerLeg: number;
  readonly setupMs: number;
  readonly packets: number;
  readonly late: number;
  readonly lost: number;
  readonly disordered: number;
  readonly gapP50: number;
  readonly gapP99: number;
  readonly gapMax: number;
}

interface Program {
  readonly child: ChildProcess;
  line(): Promise<Record<string, unknown>>;
}

function start(file: string, args: readonly string[]): Program {
  const command = ['--import', 'tsx', path.join(root, file), ...args];
  const child = spawn(process.execPath, command, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    line: async () => JSON.parse(String((await lines.next()).value)) as Record<string, unknown>,
  };
}

function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / clockTicks;
}

function rssKb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}

/** Who measures must not be kept waiting longer than who is measured. */
function shareRank(from: number, to: number): void {
  try {
    os.setPriority(to, os.getPriority(from));
  } catch (error) {
    process.stderr.write(`callers run at ordinary priority: ${(error as Error).message}\n`);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function measure(legs: number, seconds: number, isSpeaking: boolean): Promise<Row> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'acd-bench-'));
  const control = path.join(folder, 'mediad.sock');
  const common = ['--control', control, '--ports', '33000-41999', '--rtp', '127.0.0.1'];
  const mediad = start('src/mediad/main.ts', [...common, '--stop-with-parent', '--log', 'error']);
  const callers = start('test/bench/media-callers.ts', ['4']);
  const loaded = loadPlaylist('builtin', path.join(root, 'prompts'));
  if (!loaded.ok) throw new Error(loaded.detail);
  const worker = new MediaWorker({ control, playlist: loaded.playlist });
  try {
    const ready = await mediad.line();
    if (ready['ready'] !== true) throw new Error(String(ready['error']));
    const ports = (await callers.line())['ports'] as number[];
    shareRank(mediad.child.pid ?? 0, callers.child.pid ?? 0);
    worker.start();
    const pid = mediad.child.pid ?? 0;
    const rssBefore = rssKb(pid);
    const own: number[] = [];
    const begin = performance.now();
    for (let index = 0; index < legs; index += 1) {
      const port = ports[index % ports.length] ?? 0;
      const accepted = await worker.accept(`leg-${index}`, offerFor(port));
      if (!accepted.ok) throw new Error(accepted.detail);
      own.push(Number(/^m=audio (\d+)/m.exec(accepted.sdp)?.[1]));
      await worker.music(`leg-${index}`, 'default');
    }
    const setupMs = (performance.now() - begin) / legs;
    if (isSpeaking) callers.child.stdin?.write(`${JSON.stringify({ speak: own })}\n`);
    await pause(1500);
    callers.child.stdin?.write('\n');
    await callers.line();
    const cpuBefore = cpuMs(pid);
    const since = performance.now();
    await pause(seconds * 1000);
    const spent = cpuMs(pid) - cpuBefore;
    const lasted = performance.now() - since;
    const rss = rssKb(pid);
    callers.child.stdin?.write('\n');
    const seen = await callers.line();
    return rowOf(legs, { setupMs, spent, lasted, rss, rssBefore }, seen);
  } finally {
    await worker.close();
    for (const { child } of [mediad, callers]) child.stdin?.end();
    await pause(300);
    rmSync(folder, { recursive: true, force: true });
  }
}

function offerFor(port: number): string {
  const lines = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'];
  return [...lines, `m=audio ${port} RTP/AVP 0`, ''].join('\r\n');
}

function rowOf(
  legs: number,
  own: { setupMs: number; spent: number; lasted: number; rss: number; rssBefore: number },
  seen: Record<string, unknown>,
): Row {
  const gap = seen['gap'] as Record<string, number>;
  const round = (value: number): number => Math.round(value * 1000) / 1000;
  return {
    legs,
    cpuMsPerLegSecond: round(own.spent / legs / (own.lasted / 1000)),
    cpuPercent: round((own.spent / own.lasted) * 100),
    rssMb: round(own.rss / 1024),
    rssKbPerLeg: round((own.rss - own.rssBefore) / legs),
    setupMs: round(own.setupMs),
    packets: Number(seen['packets']),
    late: Number(seen['late']),
    lost: Number(seen['lost']),
    disordered: Number(seen['disordered']),
    gapP50: round(gap['p50'] ?? 0),
    gapP99: round(gap['p99'] ?? 0),
    gapMax: round(gap['max'] ?? 0),
  };
}

/** Runs the benchmark; prints a table, or with --json one object. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      legs: { type: 'string', default: '100,500,1000,2000' },
      seconds: { type: 'string', default: '10' },
      speaking: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const rows: Row[] = [];
  for (const legs of values.legs.split(',')) {
    rows.push(await measure(Number(legs), Number(values.seconds), values.speaking));
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ media: rows })}\n`);
  else console.table(rows);
}
