/**
 * Uploaded prompts: converted, kept as files beside the journal, and named by the configuration
 * document, so an upload is a version like any other change. A file carries a hash of what is in
 * it and is never written again: who is listening hears it to the end, and an older version of
 * the configuration finds its own.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Doc } from '../config/document.ts';
import { uploadsOf } from '../config/document.ts';
import type { Edited } from '../config/edit.ts';
import type {
  ConfigPort,
  IfVersion,
  PromptOutcome,
  PromptShown,
  PromptsPort,
} from '../http/config-port.ts';
import { convertWav, OUT_RATE } from '../media/convert.ts';

/** Files kept, those of former versions included. */
const FILES_MAX = 1_000;
const HEADER_BYTES = 44;

const breathe = async () => new Promise((resolve) => setImmediate(resolve));

function withUploads(doc: Doc, uploads: ReadonlyMap<string, string>): Doc {
  const next = uploads.size === 0 ? undefined : Object.fromEntries(uploads);
  return { ...doc, uploads: next };
}

export interface PromptsOptions {
  readonly configuration: ConfigPort;
  /** Path of the journal; `:memory:` keeps nothing, so there is no place for files. */
  readonly journal: string;
}

export class Prompts implements PromptsPort {
  readonly #configuration: ConfigPort;
  /** null: there is none. */
  readonly #folder: string | null;
  #version = -1;
  #files: ReadonlyMap<string, string> = new Map();

  constructor({ configuration, journal }: PromptsOptions) {
    this.#configuration = configuration;
    const isKept = journal !== ':memory:';
    this.#folder = isKept ? path.join(path.dirname(journal), 'prompts') : null;
  }

  /** Whole paths by key, as of now. */
  files(): ReadonlyMap<string, string> {
    const version = this.#configuration.version();
    if (version === this.#version) return this.#files;
    const folder = this.#folder ?? '';
    const uploads = uploadsOf(this.#configuration.document());
    this.#files = new Map([...uploads].map(([key, name]) => [key, path.join(folder, name)]));
    this.#version = version;
    return this.#files;
  }

  async list(): Promise<PromptShown[]> {
    const shown: PromptShown[] = [];
    for (const [key, file] of this.files()) {
      // One that somebody has removed by hand is shown as empty.
      const bytes = await stat(file).then(
        ({ size }) => size,
        () => 0,
      );
      const audio = Math.max(0, bytes - HEADER_BYTES);
      shown.push({ key, bytes, seconds: audio / (2 * OUT_RATE) });
    }
    return shown;
  }

  async upload(
    by: string,
    key: string,
    audio: Buffer,
    ifVersion?: IfVersion,
  ): Promise<PromptOutcome> {
    const converted = await convertWav(audio, breathe);
    if (!converted.ok) return { ok: false, why: 'bad-audio', detail: converted.detail };
    const { wav } = converted;
    const hash = createHash('sha256').update(wav).digest('hex').slice(0, 16);
    const name = `${key}.${hash}.wav`;
    const failed = await this.#keep(name, wav);
    if (failed !== null) return { ok: false, why: 'no-place', detail: failed };
    const edit = (doc: Doc): Edited => {
      return { ok: true, doc: withUploads(doc, uploadsOf(doc).set(key, name)) };
    };
    return this.#configuration.change(by, `prompt ${key} uploaded`, edit, ifVersion);
  }

  async remove(by: string, key: string, ifVersion?: IfVersion): Promise<PromptOutcome> {
    const edit = (doc: Doc): Edited => {
      const uploads = uploadsOf(doc);
      if (!uploads.delete(key)) return { ok: false, why: 'unknown', kind: 'prompt', name: key };
      return { ok: true, doc: withUploads(doc, uploads) };
    };
    return this.#configuration.change(by, `prompt ${key} removed`, edit, ifVersion);
  }

  /** Whole or not at all; null: it is there. */
  async #keep(name: string, wav: Buffer): Promise<string | null> {
    const folder = this.#folder;
    if (folder === null) return 'with journal.path :memory: nothing is kept; give it a file';
    try {
      await mkdir(folder, { recursive: true });
      const there = await readdir(folder);
      if (!there.includes(name) && there.length >= FILES_MAX) {
        return `${folder} holds ${FILES_MAX} files; remove those that no version needs`;
      }
      const file = path.join(folder, name);
      await writeFile(`${file}.new`, wav);
      await rename(`${file}.new`, file);
      return null;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      return `${folder} cannot be written (${code})`;
    }
  }
}
