/**
 * The command line described by itself: docs/CLI.md, and the completion scripts of bash and zsh,
 * both walked out of the program's own verbs, so that they cannot be wrong.
 */
import type { Command } from 'commander';
import { cell } from '../config/reference.ts';

interface Verb {
  /** `queue show` */
  readonly path: string;
  readonly command: Command;
}

/** Verbs that do something, groups left out, in order of declaration. */
function verbsOf(program: Command, path = ''): Verb[] {
  return program.commands.flatMap((command) => {
    const own = `${path} ${command.name()}`.trim();
    return command.commands.length > 0 ? verbsOf(command, own) : [{ path: own, command }];
  });
}

/** What an argument or option means, which words it takes, and its default. */
function meaningOf(one: {
  readonly description: string;
  readonly argChoices?: readonly string[] | undefined;
  readonly defaultValue?: unknown;
}): string {
  const choices = one.argChoices === undefined ? '' : ` (${one.argChoices.join(', ')})`;
  const { defaultValue: value } = one;
  const fallback = typeof value === 'string' && value !== '' ? `; default \`${value}\`` : '';
  return `${one.description}${choices}${fallback}`;
}

/** Options of every verb on a running ACD: explained once, at the top. */
const COMMON = ['-c, --config <file>', '--url <url>', '--token-file <file>', '--json'];

function section({ path, command }: Verb): string {
  const args = command.registeredArguments.map((each) => {
    const name = each.variadic ? `${each.name()}...` : each.name();
    return [each.required ? `<${name}>` : `[${name}]`, meaningOf(each)] as const;
  });
  const flags = new Set(command.options.map((each) => each.flags));
  const isLive = COMMON.every((each) => flags.has(each));
  const options = command.options
    .filter((each) => !isLive || !COMMON.includes(each.flags))
    .map((each) => [each.flags, meaningOf(each)] as const);
  const rows = [...args, ...options]
    .filter(([, meaning]) => meaning !== '')
    .map(([name, meaning]) => `| \`${cell(name)}\` | ${cell(meaning)} |`);
  const table = rows.length === 0 ? [] : ['', '| | |', '|---|---|', ...rows];
  const title = ['acd', path, ...args.map(([name]) => name)].join(' ');
  const text = command.description();
  const sentence = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  const end = /[.?]$/.test(text) ? '' : '.';
  const live = isLive ? ' *Asks a running ACD.*' : '';
  return [`## ${title}`, '', `${sentence}${end}${live}`, ...table, ''].join('\n');
}

const HEAD = `# Command line

<!-- Written by \`npm run docs\` out of the program's own verbs; changes here are lost. -->

\`acd\` is \`node dist/main.js\`.

Verbs that ask a running ACD use its REST interface. All of them take:

| | |
|---|---|
| \`-c, --config <file>\` | the configuration; default \`ACD_CONFIG\`, else \`acd.yaml\` |
| \`--url <url>\` | where REST is; default \`ACD_URL\`, else \`http.listen\` of the configuration |
| \`--token-file <file>\` | file of the token; default \`ACD_TOKEN\`, else \`ACD_TOKEN_FILE\` |
| \`--json\` | print what REST answers, and nothing else |

Over HTTPS they trust the system's authorities and those of \`NODE_EXTRA_CA_CERTS\`.

| status | meaning |
|---|---|
| 0 | done |
| 1 | the command, its arguments or the configuration are wrong, or the verb could not do it here |
| 2 | the ACD refused (it says why) |
| 3 | there is no such queue, agent, call, version, ban or lock |
| 4 | no ACD answers there, or not in time |
| 5 | \`status\`: it answers, and a part of it does not work |
| 70 | \`serve\`: an internal fault; who supervises it should start it again |
| 130 | killed by a third Ctrl-C |
`;

/** The text of docs/CLI.md. */
export function writeManual(program: Command): string {
  return [HEAD, ...verbsOf(program).map(section)].join('\n');
}

/** A completion script: `source <(acd completion bash)`; of zsh by its bash emulation. */
export function writeCompletion(program: Command, shell: 'bash' | 'zsh'): string {
  const cases = new Map<string, string[]>();
  cases.set(
    '',
    program.commands.map((each) => each.name()),
  );
  for (const group of program.commands) {
    if (group.commands.length > 0) {
      cases.set(
        group.name(),
        group.commands.map((each) => each.name()),
      );
    }
  }
  for (const { path, command } of verbsOf(program)) {
    const choices = command.registeredArguments.flatMap((each) => each.argChoices ?? []);
    const flags = command.options.map(({ long, short }) => long ?? short ?? '');
    cases.set(path, [...choices, ...flags]);
  }
  const verbs = new Set(verbsOf(program).map(({ path }) => path));
  // Where a verb is still to be chosen, files would hide those that there are.
  const lines = [...cases].map(([path, words]) => {
    const files = verbs.has(path) ? ' files=-f' : '';
    return `    "${path}") words="${words.join(' ')}"${files} ;;`;
  });
  const head = shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : [];
  return [
    ...head,
    '_acd() {',
    '  local path="" word words="" files="" i',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    word="${COMP_WORDS[i]}"',
    '    [[ $i -le 2 && $word =~ ^[a-z-]+$ && $word != -* ]] && path="${path:+$path }$word"',
    '  done',
    '  case "$path" in',
    ...lines,
    `    *) case "\${path%% *}" in`,
    ...lines.map((line) => `  ${line}`),
    '    esac ;;',
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" $files -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -F _acd acd',
    '',
  ].join('\n');
}
