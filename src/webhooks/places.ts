/**
 * How far each receiver is, in a small file beside the journal: by it a restarted server goes on
 * where the one before it was. Written at most once a second, so after a crash a receiver may get
 * the events of the last second again.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

const EVERY_MS = 1_000;

interface Told {
  warn(fields: object, text: string): void;
}

export class Places {
  /** null: nothing is kept. */
  readonly #file: string | null;
  readonly #log: Told;
  readonly #places = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;
  #isFaulty = false;

  constructor(file: string | null, log: Told) {
    this.#file = file;
    this.#log = log;
    for (const [url, seq] of Object.entries(this.#read())) {
      if (typeof seq === 'number' && Number.isSafeInteger(seq)) this.#places.set(url, seq);
    }
  }

  of(url: string): number | null {
    return this.#places.get(url) ?? null;
  }

  /** Its place where it has none yet. */
  begin(url: string, seq: number): void {
    if (!this.#places.has(url)) this.#places.set(url, seq);
  }

  reach(url: string, seq: number): void {
    this.#places.set(url, seq);
    this.#timer ??= setTimeout(() => this.save(), EVERY_MS);
  }

  /** Receivers that are not in the configuration any more. */
  keepOnly(urls: readonly string[]): void {
    for (const url of this.#places.keys()) if (!urls.includes(url)) this.#places.delete(url);
  }

  /** By way of another file: a crash leaves the old one or the new one. */
  save(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#file === null) return;
    try {
      const text = JSON.stringify(Object.fromEntries(this.#places));
      // An address may have a secret in its query.
      writeFileSync(`${this.#file}.new`, text, { mode: 0o600 });
      renameSync(`${this.#file}.new`, this.#file);
      this.#isFaulty = false;
    } catch (error) {
      if (!this.#isFaulty) {
        const { message } = error as Error;
        this.#log.warn({ detail: message }, 'how far webhooks are cannot be kept');
      }
      this.#isFaulty = true;
    }
  }

  #read(): Record<string, unknown> {
    if (this.#file === null) return {};
    try {
      return JSON.parse(readFileSync(this.#file, 'utf8')) as Record<string, unknown>;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT') {
        this.#log.warn({ detail: message }, 'how far webhooks were is lost; they begin anew');
      }
      return {};
    }
  }
}
