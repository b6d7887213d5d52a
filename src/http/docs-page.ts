/** The OpenAPI document as one HTML page for people: no script, no outside part. */

interface Field {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly anyOf?: readonly Field[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly items?: Field;
  readonly $ref?: string;
}

interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly {
    readonly name?: string;
    readonly in?: string;
    readonly description?: string;
    readonly required?: boolean;
  }[];
  readonly requestBody?: unknown;
  readonly responses?: Readonly<Record<string, unknown>>;
}

interface Document {
  readonly info?: { readonly title?: string; readonly version?: string; description?: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> };
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escape = (text: string): string => text.replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? '');

const nameOf = (ref: string): string => ref.replace(/^.*\//, '');

function typeText(field: Field): string {
  if (field.$ref !== undefined) {
    const name = escape(nameOf(field.$ref));
    return `<a href="#schema-${name}">${name}</a>`;
  }
  if (field.enum !== undefined) return field.enum.map((one) => escape(String(one))).join(' | ');
  if (field.items !== undefined) return `list of ${typeText(field.items)}`;
  if (field.anyOf !== undefined) return field.anyOf.map(typeText).join(' | ');
  if (field.const !== undefined) return escape(JSON.stringify(field.const));
  return escape([field.type ?? ''].flat().join(' | '));
}

function parameterRow(one: NonNullable<Operation['parameters']>[number]): string {
  const need = one.required === true ? 'needed' : '';
  const cells = [one.name, one.in, need, one.description].map((cell) => escape(cell ?? ''));
  return `<tr><td>${cells.join('</td><td>')}</td></tr>`;
}

function refsIn(value: unknown): string[] {
  return [...JSON.stringify(value ?? null).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref = '']) =>
    typeText({ $ref: ref }),
  );
}

function section(path: string, method: string, operation: Operation): string {
  const {
    summary = '',
    description = '',
    parameters = [],
    requestBody,
    responses = {},
  } = operation;
  const taken = parameters.map(parameterRow).join('');
  const body = refsIn(requestBody);
  const answers = Object.entries(responses).map(([status, answer]) => {
    const names = [...new Set(refsIn(answer))].join(', ');
    return `<li>${escape(status)} ${names}</li>`;
  });
  return [
    `<section><h3><b>${escape(method.toUpperCase())}</b> <code>${escape(path)}</code></h3>`,
    `<p>${escape(summary)}. ${escape(description)}</p>`,
    taken === '' ? '' : `<table>${taken}</table>`,
    requestBody === undefined ? '' : `<p>Body: ${body.join(', ') || 'JSON'}</p>`,
    `<ul>${answers.join('')}</ul></section>`,
  ].join('\n');
}

function schemaSection(name: string, schema: unknown): string {
  const { properties = {}, description = '' } = schema as {
    properties?: Readonly<Record<string, Field>>;
    description?: string;
  };
  const rows = Object.entries(properties).map(
    ([key, field]) =>
      `<tr><td><code>${escape(key)}</code></td><td>${typeText(field)}</td>` +
      `<td>${escape(field.description ?? '')}</td></tr>`,
  );
  return (
    `<section id="schema-${escape(name)}"><h3>${escape(name)}</h3>` +
    `<p>${escape(description)}</p><table>${rows.join('')}</table></section>`
  );
}

const STYLE =
  'body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}' +
  'section{border-top:1px solid #ccc}table{border-collapse:collapse}' +
  'td{border:1px solid #ddd;padding:.2rem .5rem;vertical-align:top}code{background:#f4f4f4}';

export function writePage(openapi: object): string {
  const { info = {}, paths = {}, components = {} } = openapi as Document;
  const title = `${info.title ?? 'ACD'} ${info.version ?? ''}`;
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      section(path, method, operation as Operation),
    ),
  );
  const schemas = Object.entries(components.schemas ?? {}).map(([name, schema]) =>
    schemaSection(name, schema),
  );
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title>`,
    `<style>${STYLE}</style></head><body><h1>${escape(title)}</h1>`,
    `<p>${escape(info.description ?? '')} <a href="/openapi.json">openapi.json</a></p>`,
    '<h2>Routes</h2>',
    ...routes,
    '<h2>Shapes</h2>',
    ...schemas,
    '</body></html>',
  ].join('\n');
}
