/**
 * Two ordered structures the state keeps its lines in, so that no command has to look at every
 * call or every agent: an ordered set that knows ranks (sorted blocks), and a heap of timers from
 * which any timer can be taken out. Both compare O(log n) times an operation. What comes out
 * depends only on what is in them, never on the order it went in: ties are broken by the
 * comparator, so a restored state behaves like the original.
 */

/** Plain order of strings by code unit: the same on every machine, unlike localeCompare. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A block that holds more is cut in two. */
const BLOCK_MAX = 128;

/**
 * A set ordered by a comparator that gives 0 only for the same element. Its elements lie in blocks,
 * of which each is sorted and none is empty, so most operations touch two small arrays: a search
 * for the block, one within it. Not to be changed while it is walked through.
 */
export class OrderedSet<T> implements Iterable<T> {
  size = 0;
  readonly #compare: (a: T, b: T) => number;
  readonly #blocks: T[][] = [];

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  first(): T | undefined {
    return this.#blocks[0]?.[0];
  }

  last(): T | undefined {
    const block = this.#blocks[this.#blocks.length - 1];
    return block?.[block.length - 1];
  }

  /** How many elements stand before `value`, whether it is in the set or not. */
  rank(value: T): number {
    const at = this.#blockFor(value);
    if (at < 0) return 0;
    let before = 0;
    for (let each = 0; each < at; each += 1) before += this.#blocks[each]!.length;
    return before + this.#placeIn(this.#blocks[at]!, value);
  }

  /** The element with so many before it. */
  at(rank: number): T | undefined {
    if (rank < 0 || rank >= this.size) return undefined;
    let left = rank;
    for (const block of this.#blocks) {
      if (left < block.length) return block[left];
      left -= block.length;
    }
    return undefined;
  }

  has(value: T): boolean {
    const block = this.#blocks[this.#blockFor(value)];
    return block !== undefined && this.#isAt(block, this.#placeIn(block, value), value);
  }

  /** False if it was in already. */
  add(value: T): boolean {
    const at = Math.max(0, this.#blockFor(value));
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push([value]);
      this.size = 1;
      return true;
    }
    const place = this.#placeIn(block, value);
    if (this.#isAt(block, place, value)) return false;
    if (place === block.length) block.push(value);
    else block.splice(place, 0, value);
    this.size += 1;
    if (block.length > BLOCK_MAX) this.#cut(at, block, place);
    return true;
  }

  /** False if it was not in. */
  delete(value: T): boolean {
    const at = this.#blockFor(value);
    const block = this.#blocks[at];
    if (block === undefined) return false;
    const place = this.#placeIn(block, value);
    if (!this.#isAt(block, place, value)) return false;
    if (block.length === 1) this.#blocks.splice(at, 1);
    else if (place === 0) block.shift();
    else if (place === block.length - 1) block.pop();
    else block.splice(place, 1);
    this.size -= 1;
    return true;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const block of this.#blocks) yield* block;
  }

  /** The last block that begins with the value or before it; -1: none does. */
  #blockFor(value: T): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#blocks[middle]![0]!, value) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Where in the block the value stands, or would; who comes last is found at once. */
  #placeIn(block: readonly T[], value: T): number {
    let low = 0;
    let high = block.length;
    if (high > 0 && this.#compare(block[high - 1]!, value) < 0) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(block[middle]!, value) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isAt(block: readonly T[], place: number, value: T): boolean {
    return place < block.length && this.#compare(block[place]!, value) === 0;
  }

  /** At its end a line grows on: the block before stays full, and is not half empty for ever. */
  #cut(at: number, block: T[], place: number): void {
    const isEnd = at === this.#blocks.length - 1 && place === block.length - 1;
    const from = isEnd ? block.length - 1 : block.length >>> 1;
    this.#blocks.splice(at + 1, 0, block.splice(from));
  }
}

/** Something that will be due; it belongs to one owner and is in at most one heap. */
export interface Timer {
  readonly kind: string;
  /** Id of the owner. */
  readonly id: string;
  at: number;
  /** Place in the heap, -1 while it is not in. Only the heap writes it. */
  slot: number;
}

function compareTimers(a: Timer, b: Timer): number {
  return a.at - b.at || compareText(a.kind, b.kind) || compareText(a.id, b.id);
}

/** Children of each timer in the heap: four make it half as deep as two. */
const WAYS = 4;

/** The timers of the state; `first` is the nearest. */
export class TimerHeap {
  readonly #timers: Timer[] = [];

  get size(): number {
    return this.#timers.length;
  }

  first(): Timer | undefined {
    return this.#timers[0];
  }

  /** Puts the timer in, moves it, or (null) takes it out. */
  set(timer: Timer, at: number | null): void {
    if (at === null) {
      if (timer.slot >= 0) this.#remove(timer);
    } else if (timer.slot < 0) {
      timer.at = at;
      timer.slot = this.#timers.length;
      this.#timers.push(timer);
      this.#rise(timer);
    } else if (timer.at !== at) {
      timer.at = at;
      this.#rise(timer);
      this.#sink(timer);
    }
  }

  has(timer: Timer): boolean {
    return this.#timers[timer.slot] === timer;
  }

  #remove(timer: Timer): void {
    const slot = timer.slot;
    const last = this.#timers.pop()!;
    timer.slot = -1;
    if (last === timer) return;
    this.#put(last, slot);
    this.#rise(last);
    this.#sink(last);
  }

  #put(timer: Timer, slot: number): void {
    this.#timers[slot] = timer;
    timer.slot = slot;
  }

  #rise(timer: Timer): void {
    while (timer.slot > 0) {
      const slot = timer.slot;
      const parent = this.#timers[Math.floor((slot - 1) / WAYS)]!;
      if (compareTimers(parent, timer) <= 0) return;
      this.#put(timer, parent.slot);
      this.#put(parent, slot);
    }
  }

  #sink(timer: Timer): void {
    for (;;) {
      const slot = timer.slot;
      const first = slot * WAYS + 1;
      let child = this.#timers[first];
      if (child === undefined) return;
      const end = Math.min(first + WAYS, this.#timers.length);
      for (let each = first + 1; each < end; each += 1) {
        const other = this.#timers[each]!;
        if (compareTimers(other, child) < 0) child = other;
      }
      if (compareTimers(timer, child) <= 0) return;
      this.#put(timer, child.slot);
      this.#put(child, slot);
    }
  }
}
