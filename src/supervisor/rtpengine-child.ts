/**
 * rtpengine as a child of the supervisor, for `media.engine: rtpengine` without running engines:
 * installed where root or sudo allows, started on free ports, started again when it ends.
 */
import { spawn } from 'node:child_process';
import { RESTART_MS } from './child.ts';
import type { MediaConfig } from '../config/types.ts';
import type { RtpengineProcess, RtpengineStart } from '../media/rtpengine-process.ts';
import { INSTALL_RTPENGINE, startRtpengine } from '../media/rtpengine-process.ts';

const INSTALL_MS = 300_000;

export interface RtpengineChild {
  /** `host:port` of its ng listener. */
  readonly engine: string;
  stop(): Promise<void>;
}

type Note = (level: 'info' | 'warn' | 'error', text: string) => void;

/** Runs a command; true where it ended well in time. */
async function run(command: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], {
      stdio: 'ignore',
      timeout: INSTALL_MS,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

async function install(note: Note): Promise<boolean> {
  const isRoot = process.getuid?.() === 0;
  const as = isRoot ? [] : ['sudo', '-n'];
  if (!isRoot && !(await run('sudo', ['-n', 'true']))) return false;
  note('info', `installing rtpengine: ${INSTALL_RTPENGINE}`);
  const [command = '', ...rest] = [...as, ...INSTALL_RTPENGINE.split(' '), '-y'];
  if (await run(command, rest)) return true;
  const [update = '', ...updateRest] = [...as, 'apt-get', 'update'];
  return (await run(update, updateRest)) && run(command, rest);
}

function optionsOf(media: MediaConfig, ports: { min: number; max: number }) {
  return {
    addresses: [media.address],
    externalAddress: media.externalAddress,
    ...(media.redis === null ? {} : { redis: media.redis }),
    portMin: ports.min,
    portMax: ports.max,
  };
}

/**
 * Starts it; `ok: false` with one line that says what to do.
 * @param ports `control`: where it listened before, taken again if it can be had; 0: anywhere
 */
export async function keepRtpengine(
  media: MediaConfig,
  ports: { readonly min: number; readonly max: number; readonly control: number },
  note: Note,
): Promise<{ ok: true; child: RtpengineChild } | { ok: false; detail: string }> {
  const options = optionsOf(media, ports);
  const former = ports.control === 0 ? null : { ...options, ngPort: ports.control };
  let first: RtpengineStart = await startRtpengine(former ?? options);
  if (!first.ok && first.reason === 'failed' && former !== null) {
    first = await startRtpengine(options);
  }
  if (!first.ok && first.reason === 'missing' && (await install(note))) {
    first = await startRtpengine(options);
  }
  if (!first.ok) return { ok: false, detail: first.detail };
  const { engine } = first.rtpengine;
  let running: RtpengineProcess | null = first.rtpengine;
  let stopping = false;
  const watch = async (): Promise<void> => {
    for (let failures = 0; !stopping;) {
      const why = running === null ? 'rtpengine did not start' : await running.ended;
      running = null;
      if (stopping) return;
      const pause = RESTART_MS[Math.min(failures, RESTART_MS.length - 1)] ?? 0;
      note('error', `${why}; starting it again in ${pause / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (stopping) return;
      const again = await startRtpengine({ ...options, ngPort: engine.port });
      failures = again.ok ? 0 : failures + 1;
      if (again.ok) running = again.rtpengine;
    }
  };
  const watching = watch();
  const stop = async () => {
    stopping = true;
    await running?.stop();
    await watching;
    // It was just being started again.
    await running?.stop();
  };
  const where = `${engine.host}:${engine.port}`;
  return { ok: true, child: { engine: where, stop } };
}
