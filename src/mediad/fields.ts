/**
 * Reading the fields of a request. Each reader gives a usable value and notes the first fault;
 * the request is then refused as a whole, with that one sentence.
 */
import { isIP } from 'node:net';
import { limits } from './limits.ts';
import type { Law } from './g711.ts';
import type { Endpoint } from './latch.ts';
import type { Remote } from './leg.ts';
import type { Item } from './legs.ts';
import { normalAddress } from './route.ts';

type Fields = Readonly<Record<string, unknown>>;

export class FieldReader {
  /** What is wrong; null: nothing so far. */
  fault: string | null = null;
  private readonly fields: Fields;

  constructor(fields: Fields) {
    this.fields = fields;
  }

  name(field: string): string {
    return this.text(field, limits.nameLength, 1);
  }

  text(field: string, longest: number, shortest = 0): string {
    const value = this.fields[field];
    if (typeof value === 'string' && value.length <= longest && value.length >= shortest) {
      return value;
    }
    return this.wrong(`${field} must be text of ${shortest} to ${longest} characters`, '');
  }

  optionalText(field: string, longest: number): string | null {
    return this.fields[field] == null ? null : this.text(field, longest);
  }

  integer(field: string, min: number, max: number): number {
    const value = this.fields[field];
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) {
      return value as number;
    }
    return this.wrong(`${field} must be a whole number from ${min} to ${max}`, min);
  }

  optionalInteger(field: string, min: number, max: number): number | null {
    return this.fields[field] == null ? null : this.integer(field, min, max);
  }

  flag(field: string): boolean {
    const value = this.fields[field];
    return typeof value === 'boolean' ? value : this.wrong(`${field} must be true or false`, false);
  }

  digits(field: string): string {
    const value = this.text(field, limits.dialDigits, 1);
    return /^[0-9*#A-D]*$/i.test(value) ? value : this.wrong(`${field}: digits are 0-9*#A-D`, '');
  }

  list(field: string, most: number): readonly unknown[] {
    const value = this.fields[field];
    if (Array.isArray(value) && value.length <= most) return value as unknown[];
    return this.wrong(`${field} must be a list of at most ${most}`, []);
  }

  files(field: string, most: number): readonly string[] {
    const list = this.list(field, most);
    return list.every((file) => typeof file === 'string')
      ? list
      : this.wrong(`${field} must be file names`, []);
  }

  items(field: string): readonly Item[] {
    return this.list(field, limits.playItems).map((entry): Item => {
      const reader = new FieldReader(asFields(entry));
      const item: Item = reader.has('file')
        ? { file: reader.text('file', 4096, 1) }
        : { silenceMs: reader.integer('silenceMs', 1, limits.silenceItemMs) };
      return this.inner(field, reader, item);
    });
  }

  remote(field: string): Remote {
    const reader = new FieldReader(asFields(this.fields[field]));
    const address = reader.text('address', 64);
    if (isIP(address) === 0) reader.wrong('address must be an IP address', null);
    const remote: Remote = {
      address: isIP(address) === 6 ? normalAddress(address) : address,
      port: reader.integer('port', 0, 65_535),
      rtcpPort: reader.integer('rtcpPort', 0, 65_535),
      audio: reader.list('audio', 16).map((entry) => {
        const codec = new FieldReader(asFields(entry));
        const payloadType = codec.integer('payloadType', 0, 127);
        const law = codec.text('law', 4);
        if (law !== 'ulaw' && law !== 'alaw') codec.wrong('law must be ulaw or alaw', null);
        return reader.inner('audio', codec, { payloadType, law: law as Law });
      }),
      dtmf: reader.optionalInteger('dtmf', 0, 127),
      sends: reader.flag('sends'),
      receives: reader.flag('receives'),
    };
    return this.inner(field, reader, remote);
  }

  endpoint(field: string): Endpoint {
    const reader = new FieldReader(asFields(this.fields[field]));
    const address = reader.text('address', 64);
    if (isIP(address) === 0) reader.wrong('address must be an IP address', null);
    const port = reader.integer('port', 1, 65_535);
    return this.inner(field, reader, { address: normalAddress(address), port });
  }

  has(field: string): boolean {
    return this.fields[field] != null;
  }

  private inner<T>(field: string, reader: FieldReader, value: T): T {
    return reader.fault === null ? value : this.wrong(`${field}: ${reader.fault}`, value);
  }

  private wrong<T>(fault: string, value: T): T {
    this.fault ??= fault;
    return value;
  }
}

export function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
