/** Where callers' and agents' RTP goes: nearly all into a sink, a sample to be measured. */
import path from 'node:path';
import { run, type Running } from '../support/processes.ts';
import { root } from './product.ts';

export interface Sink {
  readonly port: number;
  stop(): Promise<void>;
}

function program(file: string, args: readonly string[] = []): Running {
  const script = path.join(import.meta.dirname, file);
  return run({
    name: file,
    command: process.execPath,
    args: ['--import', 'tsx', script, ...args],
    cwd: root,
    graceMs: 200,
  });
}

export async function openSink(): Promise<Sink> {
  const process = program('sink.ts');
  const told = await process.printed(/^sink at (\d+)$/m);
  return { port: Number(told[1]), stop: () => process.stop() };
}

export interface Heard {
  readonly streams: number;
  readonly packets: number;
  readonly lost: number;
  readonly disordered: number;
  /** More than 30 ms after the one before. */
  readonly late: number;
  readonly gap: { readonly p1: number; readonly p50: number; readonly p99: number; max: number };
}

export interface Ears extends Sink {
  /** What was heard since the last time. */
  listen(): Promise<Heard>;
}

export async function openEars(): Promise<Ears> {
  const process = program('media-callers.ts', ['1']);
  const told = await process.printed(/^\{"ports":\[(\d+)\]\}$/m);
  let read = process.output().length;
  return {
    port: Number(told[1]),
    stop: () => process.stop(),
    listen: async () => {
      process.write('\n');
      const line = await process.printed(/^\{"streams".*\}$/m, 15_000, read);
      read = process.output().length;
      return JSON.parse(line[0]) as Heard;
    },
  };
}
