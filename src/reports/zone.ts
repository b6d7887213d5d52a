/**
 * Days and intervals of a time zone: reports are cut where the people who read them cut their
 * days, summer time included. Pure: the zone comes in by its name.
 */

const HOUR_MS = 3_600_000;
/** Longest that a day of any zone lasts: 24 hours, and one more when summer time ends. */
const DAY_MAX_MS = 26 * HOUR_MS;
const DAY = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;

export interface Day {
  /** `2026-11-25` */
  readonly name: string;
  readonly from: number;
  /** Not included. */
  readonly to: number;
}

export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  #last: Day = { name: '', from: 0, to: 0 };

  /** Throws for a zone that does not exist: the configuration has been asked. */
  constructor(name: string) {
    this.name = name;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
  }

  /** The clock on the wall at an instant, as if it were one of UTC, ms. */
  wall(at: number): number {
    const part = new Map<string, string>();
    for (const { type, value } of this.#format.formatToParts(at)) part.set(type, value);
    const get = (name: string) => Number(part.get(name) ?? 0);
    const ms = ((at % 1000) + 1000) % 1000;
    const second = get('second');
    return (
      Date.UTC(get('year'), get('month') - 1, get('day'), get('hour'), get('minute'), second) + ms
    );
  }

  /** `2026-10-25T02:00:00+01:00`: which of two hours of the same name it is, it says, too. */
  local(at: number): string {
    const wall = this.wall(at);
    const minutes = Math.round((wall - at) / 60_000);
    const [hour, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
    const two = (value: number) => String(value).padStart(2, '0');
    const offset = `${minutes < 0 ? '-' : '+'}${two(hour)}:${two(rest)}`;
    return `${new Date(wall).toISOString().slice(0, 19)}${offset}`;
  }

  /** `2026-11-25` */
  dayOf(at: number): string {
    return new Date(this.wall(at)).toISOString().slice(0, 10);
  }

  /** The day an instant lies in. */
  day(at: number): Day {
    if (at >= this.#last.from && at < this.#last.to) return this.#last;
    const name = this.dayOf(at);
    const from = this.#firstOf(name, at - DAY_MAX_MS, at);
    this.#last = { name, from, to: this.#firstAfter(name, at) };
    return this.#last;
  }

  /** A day by its name; null: it is none. */
  dayNamed(name: string): Day | null {
    if (!DAY.test(name)) return null;
    const noon = Date.parse(`${name}T12:00:00Z`);
    if (Number.isNaN(noon)) return null;
    const found = this.day(noon - (this.wall(noon) - noon));
    return found.name === name ? found : null;
  }

  /** First instant of the day: days begin on whole minutes, everywhere. */
  #firstOf(name: string, low: number, high: number): number {
    let [before, within] = [Math.floor(low / 60_000), Math.floor(high / 60_000)];
    while (within - before > 1) {
      const middle = Math.floor((before + within) / 2);
      if (this.dayOf(middle * 60_000) < name) before = middle;
      else within = middle;
    }
    return within * 60_000;
  }

  #firstAfter(name: string, at: number): number {
    let [within, after] = [Math.floor(at / 60_000), Math.ceil((at + DAY_MAX_MS) / 60_000)];
    while (after - within > 1) {
      const middle = Math.floor((after + within) / 2);
      if (this.dayOf(middle * 60_000) <= name) within = middle;
      else after = middle;
    }
    return after * 60_000;
  }
}
