/**
 * Asterisk's configuration files as sections of entries, each with the file and line it stands
 * in: comments (`;`, `;-- --;`), templates `[x](!)` and `[y](x)`, `[x](+)`, `key = value`,
 * `key => value`, `key += value`, `#include` and `#tryinclude` with globs. Reads any text and never
 * throws: what cannot be understood becomes a note. (Source: Asterisk's documentation of its
 * configuration file format.)
 */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** Something that was not carried over: where, what, and why. */
export interface Note extends Place {
  readonly what: string;
  readonly why: string;
}

export interface Entry extends Place {
  readonly key: string;
  readonly value: string;
}

export interface Section extends Place {
  readonly name: string;
  readonly isTemplate: boolean;
  /** What was inherited stands first. */
  readonly entries: Entry[];
}

export interface Conf {
  readonly sections: readonly Section[];
  readonly notes: readonly Note[];
}

/** Where files come from; tests give their own. */
export interface Files {
  /** Text of a file; null: it cannot be read. */
  read(file: string): string | null;
  /** Files that fit a pattern (`*` and `?`), relative to the file that includes them, sorted. */
  match(pattern: string, from: string): readonly string[];
}

const MAX_DEPTH = 10;
const MAX_LINES = 200_000;
/** Inheritance multiplies: so many entries in all, then the rest is left out with a note. */
const MAX_ENTRIES = 500_000;

interface Line extends Place {
  readonly text: string;
}

/** A line without its comment; `depth` counts open `;--`. */
function uncommented(text: string, depth: number): { text: string; depth: number } {
  let kept = '';
  let open = depth;
  for (let i = 0; i < text.length; i += 1) {
    const rest = text.slice(i, i + 4);
    if (open > 0) {
      if (rest.startsWith('--;')) {
        open -= 1;
        i += 2;
      } else if (rest.startsWith(';--') && rest[3] !== '-') {
        open += 1;
        i += 2;
      }
    } else if (rest.startsWith('\\;')) {
      kept += ';';
      i += 1;
    } else if (rest.startsWith(';--') && rest[3] !== '-') {
      open += 1;
      i += 2;
    } else if (rest.startsWith(';')) {
      break;
    } else {
      kept += text[i];
    }
  }
  return { text: kept.trim(), depth: open };
}

class Reader {
  readonly sections: Section[] = [];
  readonly notes: Note[] = [];
  private readonly files: Files;
  /** By its name in small letters: Asterisk tells names apart by nothing else. */
  private readonly byName = new Map<string, Section>();
  /** Where lines of the file that is being read go. */
  private current: Section | null = null;
  /** The last one begun, in whichever file: there an included one begins. */
  private begun: Section | null = null;
  private lines = 0;
  private entries = 0;

  constructor(files: Files) {
    this.files = files;
  }

  note(at: Place, what: string, why: string): void {
    this.notes.push({ file: at.file, line: at.line, what, why });
  }

  readFile(file: string, text: string, trail: readonly string[]): void {
    let depth = 0;
    for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
      const at = { file, line: index + 1 };
      this.lines += 1;
      if (this.lines > MAX_LINES) {
        this.note(at, 'the rest', `there are more than ${MAX_LINES} lines`);
        return;
      }
      const found = uncommented(raw, depth);
      ({ depth } = found);
      if (found.text !== '') this.take({ ...at, text: found.text }, trail);
    }
    if (depth > 0) {
      const line = text.split(/\r\n|\r|\n/).length;
      this.note({ file, line }, ';--', 'the comment is never closed by --;');
    }
  }

  private take(line: Line, trail: readonly string[]): void {
    if (line.text.startsWith('[')) this.open(line);
    else if (line.text.startsWith('#')) this.directive(line, trail);
    else this.assign(line);
  }

  private directive(line: Line, trail: readonly string[]): void {
    const [, verb = '', rest = ''] = /^#\s*([A-Za-z]+)\s*(.*)$/.exec(line.text) ?? [];
    const name = rest.replace(/^(["<])(.*)[">]$/, '$2').trim();
    const word = verb.toLowerCase();
    if ((word !== 'include' && word !== 'tryinclude') || name === '') {
      const why = word === 'exec' ? 'programs are not run' : 'is no directive that is known';
      this.note(line, line.text, why);
      return;
    }
    const found = this.included(name, [...trail, line.file]);
    if (found.length === 0 && word === 'include') this.note(line, line.text, 'no such file');
    for (const file of found) this.include(line, file, [...trail, line.file]);
  }

  /** Asterisk looks in its own folder, where the first file is, whichever file includes. */
  private included(name: string, [first = '', ...others]: readonly string[]): readonly string[] {
    const found = this.files.match(name, first);
    const last = others.at(-1);
    return found.length > 0 || last === undefined ? found : this.files.match(name, last);
  }

  private include(line: Line, file: string, trail: readonly string[]): void {
    if (trail.includes(file)) {
      this.note(line, line.text, `${file} includes itself`);
    } else if (trail.length > MAX_DEPTH) {
      this.note(line, line.text, `files include each other more than ${MAX_DEPTH} deep`);
    } else {
      const text = this.files.read(file);
      if (text === null) this.note(line, line.text, `${file} cannot be read`);
      else this.readWithin(file, text, trail);
    }
  }

  /** What stands behind the #include goes on in the section in which that stands. */
  private readWithin(file: string, text: string, trail: readonly string[]): void {
    const { current } = this;
    this.current = this.begun;
    this.readFile(file, text, trail);
    this.current = current;
  }

  private open(line: Line): void {
    const found = /^\[([^\]]+)\](?:\(([^)]*)\)?)?(.*)$/s.exec(line.text);
    this.current = null;
    this.begun = null;
    if (found === null) {
      this.note(line, line.text, 'the section has no name or no ]; its lines are left out');
      return;
    }
    const name = (found[1] ?? '').trim();
    const options = (found[2] ?? '').split(',').map((each) => each.trim());
    const rest = (found[3] ?? '').trim();
    if (rest !== '') this.note(line, rest, 'stands behind the ]; Asterisk does not read it either');
    const isTemplate = options.includes('!');
    const known = this.byName.get(name.toLowerCase());
    if (options.includes('+') && known === undefined) {
      this.note(line, line.text, 'there is no such section before; taken as a new one');
    } else if (known !== undefined && !options.includes('+')) {
      this.note(line, line.text, `is there already (${known.file}:${known.line}); added to that`);
    }
    const { file, line: number } = line;
    const section = known ?? { file, line: number, name, isTemplate, entries: [] };
    if (known === undefined) {
      this.sections.push(section);
      this.byName.set(name.toLowerCase(), section);
    }
    this.current = section;
    this.begun = section;
    for (const parent of options) {
      if (!['', '!', '+'].includes(parent)) this.inherit(line, section, parent);
    }
  }

  private inherit(line: Line, section: Section, parent: string): void {
    const template = this.byName.get(parent.toLowerCase());
    if (template === undefined) {
      this.note(line, line.text, `there is no template "${parent}" before this line`);
      return;
    }
    for (const entry of [...template.entries]) this.add(section, entry);
  }

  private add(section: Section, entry: Entry): void {
    this.entries += 1;
    if (this.entries > MAX_ENTRIES) {
      if (this.entries === MAX_ENTRIES + 1) {
        this.note(entry, 'the rest', `there are more than ${MAX_ENTRIES} entries`);
      }
      return;
    }
    section.entries.push(entry);
  }

  private assign(line: Line): void {
    const [, written = '', sign = '', value = ''] =
      /^([^=]*?)\s*(\+=|=>|=)(.*)$/s.exec(line.text) ?? [];
    if (written === '') {
      this.note(line, line.text, 'is neither a section nor key = value');
    } else if (this.current === null) {
      this.note(line, line.text, 'stands in no section');
    } else {
      const { file, line: number } = line;
      const key = written.toLowerCase();
      const { entries } = this.current;
      const at = sign === '+=' ? entries.findLastIndex((each) => each.key === key) : -1;
      const before = entries[at];
      if (before === undefined)
        this.add(this.current, { file, line: number, key, value: value.trim() });
      // The blanks between the two stay, and it is one line as before, no second one.
      else entries[at] = { file, line: number, key, value: `${before.value}${value}`.trim() };
    }
  }
}

/** Reads a file with all that it includes. */
export function readConf(file: string, text: string, files: Files): Conf {
  const reader = new Reader(files);
  reader.readFile(file, text, []);
  return { sections: reader.sections, notes: reader.notes };
}

/** `[general]`, however it is written. */
export function isGeneral({ name }: Section): boolean {
  return name.toLowerCase() === 'general';
}

/** The last value of a key; null: it is not set. */
export function last(section: Section, key: string): Entry | null {
  return section.entries.findLast((each) => each.key === key) ?? null;
}
