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

function section({ path, command }: Verb): string {
  const args = command.registeredArguments.map((each) => {
    const name = each.variadic ? `${each.name()}...` : each.name();
    return each.required ? `<${name}>` : `[${name}]`;
  });
  const rows = command.options.map(({ flags, description, defaultValue }) => {
    const written = typeof defaultValue === 'string' ? defaultValue : '';
    const value = written === '' ? '' : `; default \`${written}\``;
    return `| \`${cell(flags)}\` | ${cell(description)}${value} |`;
  });
  const table = rows.length === 0 ? [] : ['', '| option | meaning |', '|---|---|', ...rows];
  const title = ['acd', path, ...args].join(' ');
  return [`## ${title}`, '', `${command.description()}.`, ...table, ''].join('\n');
}

const HEAD = `# Command line

<!-- Written by \`npm run docs\` out of the program's own verbs; changes here are lost. -->

\`acd\` is \`node dist/main.js\`.

Verbs on a running ACD use its REST interface: at \`--url\`, else \`ACD_URL\`, else where
\`http.listen\` of the configuration says. Their token is that of \`--token-file\`, else
\`ACD_TOKEN\`, else the file named by \`ACD_TOKEN_FILE\`. Over HTTPS they trust the system's
authorities and those of \`NODE_EXTRA_CA_CERTS\`. \`ACD_CONFIG\` names another configuration than
\`acd.yaml\`.

| status | meaning |
|---|---|
| 0 | done |
| 1 | the command, its arguments or the configuration are wrong |
| 2 | the ACD refused (it says why) |
| 3 | there is no such queue, agent or call |
| 4 | no ACD answers there, or not in time |
| 5 | \`status\`: it answers, and a part of it does not work |
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
  const lines = [...cases].map(([path, words]) => `    "${path}") words="${words.join(' ')}" ;;`);
  const head = shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : [];
  return [
    ...head,
    '_acd() {',
    '  local path="" word words="" i',
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
    '  COMPREPLY=($(compgen -W "$words" -f -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -F _acd acd',
    '',
  ].join('\n');
}
