/**
 * Goal: `serve` reads its arguments without the library as the library would. Method: both ways
 * over each option that the library knows, with a server that only notes what it is given.
 */
import { Command, type Option } from 'commander';
import { beforeEach, expect, it, vi } from 'vitest';
import { parse } from '../../../src/cli/program.ts';
import type { ServeOptions } from '../../../src/cli/serve.ts';
import { addServe, runCli } from '../../../src/cli/serve-verb.ts';

const served: ServeOptions[] = [];
vi.mock('../../../src/cli/serve.ts', () => ({
  runServe: async (options: ServeOptions) => served.push(options),
}));

beforeEach(() => void served.splice(0));

function library(done: (status: number) => void = () => undefined): Command {
  const program = new Command('acd').exitOverride();
  addServe(program, done);
  return program;
}

const options: readonly Option[] = library().commands[0]?.options ?? [];
const written = ({ short, long, required }: Option): string[][] =>
  [short, long].flatMap((name) => (name == null ? [] : [required ? [name, '7'] : [name]]));

it.each([
  ...[[], ...options.flatMap(written), options.flatMap((one) => written(one).at(-1) ?? [])].map(
    (args) => ({ args }),
  ),
])('reads serve $args as the library does', async ({ args }) => {
  expect(options.length).toBeGreaterThan(5);
  const given = ['serve', ...args];
  // The library alone gives an object of its own making: the order of its keys says nothing.
  await parse(given, library);
  const load = vi.spyOn(Command.prototype, 'parseAsync');
  await runCli(given);
  expect(load).not.toHaveBeenCalled();
  load.mockRestore();
  const [byLibrary, byItself] = served;
  expect(byItself).toEqual(byLibrary);
  expect(Object.keys(byItself ?? {})).toHaveLength(options.length);
});
