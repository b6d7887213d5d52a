/** What all of `acd`'s verbs share: where the configuration is, and how arguments are taken. */
import type { Command } from 'commander';
import { EXIT } from './exit.ts';

/** Flags, text and standard value. */
export const CONFIG_OPTION: [string, string, string] = [
  '-c, --config <file>',
  'the configuration',
  process.env['ACD_CONFIG'] ?? 'acd.yaml',
];

/** Runs the verb named by the arguments (without node and script); gives the exit status. */
export async function parse(
  args: readonly string[],
  build: (done: (status: number) => void) => Command,
): Promise<number> {
  let status: number = EXIT.ok;
  const program = build((given) => {
    status = given;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    const { exitCode, code } = error as { exitCode?: number; code?: string };
    // commander has said it already (help, version, an unknown option).
    if (typeof code === 'string' && code.startsWith('commander.')) return exitCode ?? EXIT.wrong;
    throw error;
  }
  return status;
}
