/**
 * The kinds of value acd.yaml knows: a duration in seconds, a port, an address, a SIP URI, a
 * name. Each takes the written text, and gives either the typed value or one sentence of what is
 * wrong and what to do. The text beside each field becomes docs/CONFIGURATION.md.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { isPin, isSealed } from './pin.ts';

/** What the reference says of a field. `secret` values are never repeated in a message. */
export interface FieldDoc {
  readonly text: string;
  readonly kind: string;
  /** As it would be written in the file; absent: the field is optional without a value. */
  readonly standard?: string;
  readonly required?: boolean;
  readonly example?: string;
}

/** A value that cannot be used: "what is wrong; what to do". */
export class Wrong {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

type Extra = Omit<FieldDoc, 'text' | 'kind'>;

/** A field of written text. */
export function field<T>(kind: string, text: string, parse: (written: string) => T | Wrong) {
  return z
    .string()
    .transform((written, context): T => {
      const value = parse(written.trim());
      if (!(value instanceof Wrong)) return value;
      context.issues.push({ code: 'custom', message: value.message, input: written });
      return z.NEVER;
    })
    .meta({ kind, text });
}

/** Documents how a field's default is written; the schema applies it with `prefault`. */
export function documented<T extends z.ZodType>(schema: T, extra: Extra): T {
  return schema.meta({ ...schema.meta(), ...extra });
}

function decimal(written: string): number {
  return /^-?\d+(\.\d+)?$/.test(written) ? Number(written) : NaN;
}

/** Whole number within bounds. */
export function count(text: string, min: number, max: number) {
  return field('number', text, (written) => {
    const value = decimal(written);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    return new Wrong(`"${written}" cannot be used; give a whole number from ${min} to ${max}`);
  });
}

/** A duration written in seconds; gives milliseconds. */
export function seconds(text: string, min: number, max: number) {
  return field('seconds', text, (written) => {
    const value = decimal(written);
    if (value >= min && value <= max) return Math.round(value * 1000);
    return new Wrong(`"${written}" cannot be used; give seconds from ${min} to ${max}, as 15`);
  });
}

/** As `seconds`, or 0 for never. */
export function secondsOrNever(text: string, min: number, max: number) {
  return field('seconds', text, (written) => {
    const value = decimal(written);
    if (value === 0 || (value >= min && value <= max)) return Math.round(value * 1000);
    return new Wrong(
      `"${written}" cannot be used; give seconds from ${min} to ${max}, as 15, or 0 for never`,
    );
  });
}

/** A duration written in days; gives milliseconds. */
export function days(text: string, min: number, max: number) {
  return field('days', text, (written) => {
    const value = decimal(written);
    if (value >= min && value <= max) return Math.round(value * 86_400_000);
    return new Wrong(`"${written}" cannot be used; give days from ${min} to ${max}, as 30`);
  });
}

/** A duration written in milliseconds. */
export function milliseconds(text: string, min: number, max: number) {
  return field('milliseconds', text, (written) => {
    const value = decimal(written);
    if (value >= min && value <= max) return Math.round(value);
    return new Wrong(`"${written}" cannot be used; give milliseconds from ${min} to ${max}`);
  });
}

/** One of a few words. */
export function choice<const T extends string>(text: string, ...words: readonly T[]) {
  return field(words.map((word) => `\`${word}\``).join(' or '), text, (written) => {
    const found = words.find((word) => word === written.toLowerCase());
    return (
      found ?? new Wrong(`"${written}" is not one of: ${words.join(', ')}; choose one of them`)
    );
  });
}

/** Yes or no, as in queues.conf. */
export function yesNo(text: string) {
  return field('`yes` or `no`', text, (written) => {
    const word = written.toLowerCase();
    if (['yes', 'true', 'on', '1'].includes(word)) return true;
    if (['no', 'false', 'off', '0'].includes(word)) return false;
    return new Wrong(`"${written}" is neither yes nor no; write one of them`);
  });
}

/** Free text within a length. */
export function words(kind: string, text: string, max = 200) {
  return field(kind, text, (written) => {
    if (written.length > 0 && written.length <= max && !/\p{Cc}/u.test(written)) return written;
    return new Wrong(`must have 1 to ${max} printable characters; shorten or fill it`);
  });
}

/** A password and the like: any text of `min` characters or more, never repeated in a message. */
export function secret(text: string, min = 1) {
  return field('secret', text, (written) =>
    written.length >= min && written.length <= 200 && !/\p{Cc}/u.test(written)
      ? written
      : new Wrong(`must have ${min} to 200 printable characters; set it, or take it from \${NAME}`),
  );
}

/** A word that can be the user part of a SIP URI and a file name. */
export function name(kind: string, text: string) {
  return field(kind, text, (written) =>
    /^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$/.test(written)
      ? written
      : new Wrong(`"${written}" cannot be used; take letters, digits, . _ ~ -, at most 64`),
  );
}

/** A prompt of the manifest by its key, or a WAV file of one's own by its whole path. */
export function prompt(text: string) {
  return field('prompt', text, (written) =>
    /^(\/[^\p{Cc}]{1,500}|[A-Za-z0-9][A-Za-z0-9._~-]{0,63})$/u.test(written)
      ? written
      : new Wrong(
          `"${written}" names no prompt; take a key of prompts/manifest.json, or /a/file.wav`,
        ),
  );
}

/** What can be dialled at the ACD: a name, or a code such as *44. */
export function dialled(text: string) {
  return field('name or code', text, (written) =>
    /^[A-Za-z0-9*#][A-Za-z0-9*#._~-]{0,63}$/.test(written)
      ? written
      : new Wrong(`"${written}" cannot be dialled; take letters, digits, * #, at most 64`),
  );
}

export function agentId(text: string) {
  return field('digits', text, (written) =>
    /^\d{1,16}$/.test(written)
      ? written
      : new Wrong(`"${written}" cannot be keyed on a phone; take 1 to 16 digits`),
  );
}

export function pin(text: string) {
  return field('digits (secret)', text, (written) =>
    isPin(written) || isSealed(written)
      ? written
      : new Wrong('a PIN is keyed on a phone; take 1 to 16 digits'),
  );
}

/** Splits `host:port`, `[v6]:port`, `host` or `port`; null where it is none of them. */
export function splitAddress(
  written: string,
  standard: { readonly host: string | null; readonly port: number | null },
): { readonly host: string; readonly port: number } | null {
  // 1: IPv6 in brackets. 2: a name, which is not digits alone, or IPv4. 3: the port.
  const named = String.raw`[^:\s[\]]*[^:\s[\]\d][^:\s[\]]*|\d+(?:\.\d+){3}`;
  const pattern = String.raw`^(?:\[([0-9A-Fa-f:.%]+)\]|(${named}))?(?:(?:^|:)(\d+))?$`;
  const found = new RegExp(pattern).exec(written);
  if (found === null || written === '') return null;
  const host = found[1] ?? found[2] ?? standard.host;
  const port = found[3] === undefined ? standard.port : Number(found[3]);
  if (host === null || port === null || port < 0 || port > 65_535) return null;
  const isHost =
    isIP(host) !== 0 || /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(host);
  return isHost ? { host, port } : null;
}

/** `host:port`; a bare port binds the standard host. */
export function address(text: string, standard: { host: string | null; port: number | null }) {
  return field('host:port', text, (written) => {
    const found = splitAddress(written, standard);
    return found ?? new Wrong(`"${written}" is not an address; write host:port, as 127.0.0.1:8242`);
  });
}

/** An IP address without a port. */
export function ipAddress(text: string) {
  return field('IP address', text, (written) => {
    const bare = written.replace(/^\[(.*)\]$/, '$1');
    return isIP(bare) !== 0
      ? bare
      : new Wrong(`"${written}" is not an IP address; write one as 192.168.0.10 or fd00::2`);
  });
}

/** From where SIP may come. */
export function origin(text: string) {
  return field('network or word', text, (written) => {
    if (['any', 'private', 'registrars'].includes(written)) return written;
    const [address = '', bits, ...more] = written.split('/');
    const width = isIP(address) === 6 ? 128 : 32;
    const isWidth = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width);
    return isIP(address) !== 0 && isWidth && more.length === 0
      ? written
      : new Wrong(`"${written}" is no network; write 192.0.2.0/24, private, registrars or any`);
  });
}

/** A place to listen for SIP: `udp:0.0.0.0:5071`, `tcp:[::]:5071`, or a port for both. */
export function listening(text: string) {
  return field('udp:host:port, tcp:host:port or port', text, (written) => {
    const [, protocol = '', rest = ''] = /^(?:(udp|tcp):)?(.*)$/i.exec(written) ?? [];
    const found = splitAddress(rest, { host: '0.0.0.0', port: null });
    if (found === null) {
      return new Wrong(`"${written}" is no place to listen; write udp:0.0.0.0:5071, or a port`);
    }
    const protocols = protocol === '' ? (['udp', 'tcp'] as const) : [protocol.toLowerCase()];
    return protocols.map((one) => ({ protocol: one as 'udp' | 'tcp', ...found }));
  });
}

/** `A-B`, both ports; an even first port and room for at least one pair. */
export function portRange(text: string) {
  return field('first-last', text, (written) => {
    const [, low = '', high = ''] = /^(\d+)\s*-\s*(\d+)$/.exec(written) ?? [];
    const [portMin, portMax] = [Number(low), Number(high)];
    if (low === '' || portMin < 1024 || portMax > 65_535 || portMax - portMin < 3) {
      return new Wrong(`"${written}" is no port range; write first-last within 1024-65535`);
    }
    return { portMin, portMax };
  });
}

/** `sip:host[:port][;transport=udp|tcp]`, as a registrar is named. */
export function registrarUri(text: string) {
  return field('SIP URI', text, (written) => {
    const bad = new Wrong(
      `"${written}" names no registrar; write sip:host, sip:host:port or sip:host;transport=tcp`,
    );
    const found = /^sip:([^@;?\s]+)((?:;transport=(?:udp|tcp))?)$/i.exec(written);
    if (found === null) return bad;
    const place = splitAddress(found[1] ?? '', { host: null, port: 5060 });
    return place === null || place.port === 0 ? bad : written;
  });
}

/** A list, or a single value in place of a list of one. */
/** An address that calls may be sent to, with `*`; or `registrars`. */
export function transferTarget(text: string) {
  return field('address pattern', text, (written) => {
    const isPattern = /^sips?:[^@;?<>\s"]+@[^@;?<>\s"]+$/i.test(written) && written.length <= 255;
    if (written === 'registrars' || isPattern) return written;
    return new Wrong(`"${written}" cannot be used; write registrars, or sip:49*@pbx.example.com`);
  });
}

export function listOf<T extends z.ZodType>(element: T, text: string, max: number) {
  return z
    .preprocess(
      (written) => (typeof written === 'string' ? [written] : written),
      z.array(element).max(max, { error: () => `has more than ${max} entries; shorten the list` }),
    )
    .meta({ text, list: true });
}
