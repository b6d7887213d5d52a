/**
 * Reads GET /events for as long as somebody wants it: comes back by Last-Event-ID after whatever
 * cut the line, so that nothing is told twice or left out. WHATWG HTML, "Server-sent events".
 */
import { open as openAnswer, type Place } from './reach.ts';

export interface Frame {
  readonly id: string;
  readonly name: string;
  readonly data: string;
}

export interface FollowOptions {
  readonly place: Place;
  /** Only what concerns these; empty: all. */
  readonly queues: readonly string[];
  readonly agents: readonly string[];
  /** Number of the last event that is known; null: none. */
  readonly after: string | null;
  /** The line was cut, and is tried again. */
  readonly onCut: (why: string) => void;
  /** Between two attempts; default 1 s. */
  readonly retryMs?: number;
}

/** The stream beats every 15 s: so long a silence is a dead line. */
const SILENCE_MS = 45_000;
const FRAME_MAX = 16 * 1024 * 1024;

/** The frames in a text, and what is left of it. */
function framesIn(text: string): { readonly frames: Frame[]; readonly rest: string } {
  const parts = text.split('\n\n');
  const rest = parts.pop() ?? '';
  const frames = parts.map((part) => {
    const fields = new Map<string, string>();
    for (const line of part.split('\n')) {
      const at = line.indexOf(':');
      if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1).replace(/^ /, ''));
    }
    const of = (name: string) => fields.get(name) ?? '';
    return { id: of('id'), name: of('event'), data: of('data') };
  });
  return { frames, rest };
}

async function open(options: FollowOptions, after: string | null, signal: AbortSignal) {
  const asked = new URLSearchParams();
  for (const [name, values] of [
    ['queue', options.queues],
    ['agent', options.agents],
  ] as const) {
    if (values.length > 0) asked.set(name, values.join(','));
  }
  const headers: Record<string, string> = after === null ? {} : { 'last-event-id': after };
  const path = `/events?${asked.toString()}`;
  const answer = await openAnswer(options.place, path, { method: 'GET', headers, signal });
  if (answer.statusCode === 200) return answer;
  let text = '';
  for await (const part of answer) text = `${text}${String(part)}`.slice(0, 400);
  const isForNow = answer.statusCode === 503 || answer.statusCode === 429;
  throw new Refused(`the ACD answered ${answer.statusCode}: ${text}`, isForNow);
}

/** Trying again would change nothing; `isForNow`: later it may. */
export class Refused extends Error {
  readonly isForNow: boolean;

  constructor(message: string, isForNow = false) {
    super(message);
    this.isForNow = isForNow;
  }
}

/** One connection's frames; ends or throws when it is cut. */
async function* once(options: FollowOptions, after: string | null): AsyncGenerator<Frame> {
  const line = new AbortController();
  let silence = setTimeout(() => line.abort(), SILENCE_MS);
  try {
    const body = await open(options, after, line.signal);
    let rest = '';
    const decoder = new TextDecoder();
    for await (const bytes of body as AsyncIterable<Uint8Array>) {
      clearTimeout(silence);
      silence = setTimeout(() => line.abort(), SILENCE_MS);
      const found = framesIn(rest + decoder.decode(bytes, { stream: true }));
      rest = found.rest;
      if (rest.length > FRAME_MAX) throw new Refused('the ACD sends an endless event');
      yield* found.frames;
    }
  } finally {
    clearTimeout(silence);
    line.abort();
  }
}

function whyOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return code ?? message;
}

/**
 * Never ends by itself. Throws `Refused` where the ACD does not want us; who has been let in once
 * tries again where that is for now alone (it is being restarted, or has too much to do).
 */
export async function* follow(options: FollowOptions): AsyncGenerator<Frame> {
  let { after } = options;
  let wasIn = false;
  for (;;) {
    let why = 'the stream ended';
    try {
      for await (const frame of once(options, after)) {
        wasIn = true;
        if (frame.id !== '') after = frame.id;
        yield frame;
      }
    } catch (error) {
      if (error instanceof Refused && !(error.isForNow && wasIn)) throw error;
      why = whyOf(error);
    }
    options.onCut(why);
    await new Promise((resolve) => setTimeout(resolve, options.retryMs ?? 1_000));
  }
}
