/**
 * The media port with an rtpengine in front of every leg. A leg is one plain offer/answer in one
 * engine: the party on one side (tag `party`), its mediad port on the other (tag `mediad`). So
 * SRTP, ICE, NAT and transcoding are the engine's, and playing, bridging and DTMF stay mediad's:
 * what is not about SDP goes to the inner port as it comes.
 *
 * A leg stays on its engine and keeps its ports there. New legs go round the healthy engines; an
 * offer that one does not take is made to the next. Legs of an engine that dies are reported lost
 * (`down`, `onLost`), and `moved` as soon as an engine can take them: another one at once, the same
 * one when it is back without them (with a redis it is back with them, and nobody need be told).
 *
 * Deadlines: each command 2 s, `accept` and `offer` try at most three engines. Requests for one
 * leg run one after another, as the SDP of one depends on the other's.
 */
import type { InnerMedia, LegId, MediaEvents, MediaPort, MediaResult } from './port.ts';
import { failure } from './failure.ts';
import { Rtpengine, type RtpengineOptions } from './rtpengine-session.ts';

export interface RtpengineMedia extends MediaPort {
  /** Legs that the engine `host:port` has, as far as known. */
  legsOn(engine: string): readonly LegId[];
  /** Asks the engines now, say because a child's end was noticed; else every second. */
  probe(): Promise<void>;
}

/** Requests of one leg waiting for its former one. */
const MAX_WAITING = 16;

/** Runs the requests of a leg one after another. */
function createLines() {
  const lines = new Map<LegId, { tail: Promise<unknown>; waiting: number }>();
  return function inLine<T>(leg: LegId, work: () => Promise<MediaResult<T>>) {
    const line = lines.get(leg) ?? { tail: Promise.resolve(), waiting: 0 };
    if (line.waiting >= MAX_WAITING) {
      return Promise.resolve(failure('limit', `${MAX_WAITING} requests wait for leg ${leg}`));
    }
    line.waiting += 1;
    lines.set(leg, line);
    const done = line.tail.then(work).finally(() => {
      line.waiting -= 1;
      if (line.waiting === 0) lines.delete(leg);
    });
    line.tail = done.catch((error: unknown) => error); // thrown to whoever asked, not to the next
    return done;
  };
}

/** What is told as it comes. */
function passedOn(events: MediaEvents) {
  return {
    dtmf: (...args: Parameters<MediaEvents['dtmf']>) => events.dtmf(...args),
    playEnded: (...args: Parameters<MediaEvents['playEnded']>) => events.playEnded(...args),
    firstPacket: (leg: LegId) => events.firstPacket(leg),
    silence: (leg: LegId, silentMs: number, wasHeard: boolean) =>
      events.silence(leg, silentMs, wasHeard),
    down: (detail: string) => events.down(detail),
  };
}

/** The inner port's legs with our SDP in the place of mediad's; those no engine knows are left. */
async function adoptAll(inner: InnerMedia, media: Rtpengine): ReturnType<MediaPort['adopt']> {
  const there = await inner.adopt();
  if (!there.ok) return there;
  await media.adopt(there.legs.map(({ leg }) => leg));
  const mine = await Promise.all(
    there.legs.map(async (facts) => {
      const sdp = await media.lastSdp(facts.leg);
      return sdp === null ? [] : [{ ...facts, sdp }];
    }),
  );
  return { ok: true, legs: mine.flat() };
}

/** Puts rtpengines in front of `inner`; begins to ask them at once. */
export function createRtpengineMedia(options: RtpengineOptions): RtpengineMedia {
  const { inner } = options;
  const media = new Rtpengine(options);
  const { legs } = media;
  const inLine = createLines();
  return {
    accept: (leg, sdp) => inLine(leg, () => media.accept(leg, sdp)),
    offer: (leg, remoteHost) => inLine(leg, () => media.offer(leg, remoteHost)),
    answered: (leg, sdp) => inLine(leg, () => media.answered(leg, sdp)),
    reoffered: (leg, sdp) => inLine(leg, () => media.reoffered(leg, sdp)),
    current: (leg) => inLine(leg, () => media.current(leg)),
    reoffer: (leg) => inLine(leg, () => media.reoffer(leg)),
    renew: (leg) => inLine(leg, () => media.renew(leg)),
    restore: (leg, dialog) => inLine(leg, () => media.restore(leg, dialog)),
    release: (leg) => inLine(leg, () => media.release(leg)),
    play: (leg, playId, items) => inner.play(leg, playId, items),
    stop: (leg) => inner.stop(leg),
    music: (leg, musicClass) => inner.music(leg, musicClass),
    connect: (a, b) => inner.connect(a, b),
    disconnect: (leg) => inner.disconnect(leg),
    dial: (leg, digits) => inner.dial(leg, digits),
    remember: (leg, text) => inner.remember(leg, text),
    adopt: () => adoptAll(inner, media),
    async legs() {
      const there = await inner.legs();
      if (there.ok) await media.adopt(there.legs);
      return there;
    },
    listen(events) {
      media.events = events;
      inner.listen({
        ...passedOn(events),
        up: (restored) => void media.adopt(restored).then(() => events.up(legs.among(restored))),
        moved: (ids) => {
          for (const leg of ids) void inLine(leg, () => media.follow(leg));
        },
      });
      legs.tellHomeless();
    },
    health() {
      const { up, detail, loss } = inner.health();
      const engines = legs.engines.all.map(
        ({ name, state }) => `rtpengine ${name} ${state}, ${legs.alive(name).length} legs`,
      );
      const someEngine = legs.engines.all.some(({ state }) => state !== 'down');
      const text = [...engines, detail].join('; ');
      return { up: up && someEngine, detail: text, legs: legs.size, ...(loss && { loss }) };
    },
    legsOn: (engine) => legs.alive(engine),
    probe: () => legs.engines.probe(),
    async close() {
      legs.engines.close();
      await inner.close();
    },
  };
}
