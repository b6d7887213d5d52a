/**
 * docs/CONFIGURATION.md out of the schema: what the program checks and what the reference says
 * cannot differ. `acd docs` writes it; a test compares.
 */
import { z } from 'zod';
import { unwrap } from './faults.ts';
import { metaOf, type Meta } from './schema-meta.ts';
import { fileSchema, NOT_YET } from './schema.ts';

const HEAD = `# Configuration

<!-- Written by \`npm run docs\` out of src/config/schema.ts; changes here are lost. -->

Everything is in one file, \`acd.yaml\`, or another by \`acd start --config FILE\`. The command
\`acd check [FILE]\` looks it over: every mistake is named with line, column, and what to do;
while there is one, nothing of the file is used. Names follow Asterisk's \`queues.conf\` wherever
it has the same thing.

* Durations are in seconds and may have decimals.
* A list may be written as a single value: \`queues: queue1\`.
* \`\${NAME}\` anywhere in a value is taken from the environment, or from the file that
  \`NAME_FILE\` names there (\`/run/secrets/pbx\`), and is a mistake where neither is
  set; \`$\${\` stands for \`\${\` itself. Passwords belong there.
* \`ACD_DRACHTIO=host:port:secret\` in the environment takes the place of \`sip.drachtio\`.
* Options of \`queues.conf\` that this version does not have: ${[...NOT_YET].join(', ')}.
`;

function standardOf(schema: unknown, meta: Meta): string {
  if (meta.required === true) return '*needed*';
  if (meta.standard !== undefined) return `\`${meta.standard}\``;
  const prefault = (schema as { def?: { defaultValue?: unknown } }).def?.defaultValue;
  if (Array.isArray(prefault)) return `\`[${prefault.join(', ')}]\``;
  return '–';
}

/** Text of one cell of a Markdown table. */
export function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** A table of a section's options, and its sections below. */
function describe(path: string, schema: unknown, intro: string): string[] {
  if (!(schema instanceof z.ZodObject)) return [];
  const rows: string[] = [];
  const below: string[] = [];
  for (const [key, value] of Object.entries(schema.shape)) {
    const meta = metaOf(value);
    const inner = unwrap(value);
    const element = inner instanceof z.ZodArray ? unwrap(inner.element) : null;
    const text = meta.text ?? '';
    if (inner instanceof z.ZodObject) {
      below.push(...describe(join(path, key), inner, text));
    } else if (element instanceof z.ZodObject) {
      const about = `A list. ${text} ${metaOf(element).text ?? ''}`;
      below.push(...describe(`${join(path, key)}[]`, element, about));
    } else {
      const kind = element === null ? (meta.kind ?? '') : `list of: ${metaOf(element).kind ?? ''}`;
      // A label names an entry in faults; a sentence explains what may stand in one.
      const entry = element === null ? '' : (metaOf(element).text ?? '');
      const explained = entry.endsWith('.') ? ` ${entry}` : '';
      const example = meta.example === undefined ? '' : ` For example \`${meta.example}\`.`;
      const cells = [`\`${key}\``, kind, standardOf(value, meta), `${text}${explained}${example}`];
      rows.push(`| ${cells.map(cell).join(' | ')} |`);
    }
  }
  const table = ['| option | value | default | meaning |', '|---|---|---|---|', ...rows, ''];
  const head = path === '' ? [] : [`## ${path}`, '', intro, ''];
  return [...head, ...(rows.length > 0 ? table : []), ...below];
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** The whole reference, as Markdown. */
export function writeReference(): string {
  return `${[HEAD, ...describe('', fileSchema, '')].join('\n').trimEnd()}\n`;
}
