/**
 * Two ordered structures the state keeps its lines in, so that no command has to look at every
 * call or every agent: an ordered set that knows ranks (a skip list with spans), and a heap of
 * timers from which any timer can be taken out. Both cost O(log n) an operation. What comes out
 * depends only on what is in them, never on the order it went in: levels are drawn from a fixed
 * sequence and ties are broken by the comparator, so a restored state behaves like the original.
 */

/** Plain order of strings by code unit: the same on every machine, unlike localeCompare. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface Node<T> {
  readonly value: T;
  readonly next: (Node<T> | null)[];
  /** How many elements each `next` skips, itself included. */
  readonly span: number[];
}

const LEVELS_MAX = 16;

/** A set ordered by a comparator that gives 0 only for the same element. */
export class OrderedSet<T> implements Iterable<T> {
  size = 0;
  readonly #compare: (a: T, b: T) => number;
  readonly #head: Node<T>;
  readonly #path: Node<T>[] = [];
  readonly #before: number[] = [];
  #levels = 1;
  #seed = 0x2545f491;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
    this.#head = { value: undefined as T, next: [null], span: [0] };
  }

  first(): T | undefined {
    return this.#head.next[0]?.value;
  }

  /** How many elements stand before `value`, whether it is in the set or not. */
  rank(value: T): number {
    this.#walk(value);
    return this.#before[0]!;
  }

  /** The element with so many before it. */
  at(rank: number): T | undefined {
    if (rank < 0 || rank >= this.size) return undefined;
    let node = this.#head;
    let left = rank + 1;
    for (let level = this.#levels - 1; level >= 0 && left > 0; level -= 1) {
      for (let next = node.next[level]; next != null && node.span[level]! <= left;) {
        left -= node.span[level]!;
        node = next;
        next = node.next[level];
      }
    }
    return node.value;
  }

  has(value: T): boolean {
    const found = this.#walk(value).next[0];
    return found != null && this.#compare(found.value, value) === 0;
  }

  /** False if it was in already. */
  add(value: T): boolean {
    const after = this.#walk(value).next[0];
    if (after != null && this.#compare(after.value, value) === 0) return false;
    const levels = this.#drawLevels();
    while (this.#levels < levels) {
      this.#head.next.push(null);
      this.#head.span.push(this.size);
      this.#path[this.#levels] = this.#head;
      this.#before[this.#levels] = 0;
      this.#levels += 1;
    }
    const node: Node<T> = { value, next: [], span: [] };
    const rank = this.#before[0]!;
    for (let level = 0; level < this.#levels; level += 1) {
      const left = this.#path[level]!;
      if (level >= levels) {
        left.span[level]! += 1;
        continue;
      }
      const gap = rank - this.#before[level]!;
      node.next.push(left.next[level]!);
      node.span.push(left.span[level]! - gap);
      left.next[level] = node;
      left.span[level] = gap + 1;
    }
    this.size += 1;
    return true;
  }

  /** False if it was not in. */
  delete(value: T): boolean {
    const node = this.#walk(value).next[0];
    if (node == null || this.#compare(node.value, value) !== 0) return false;
    for (let level = 0; level < this.#levels; level += 1) {
      const left = this.#path[level]!;
      if (left.next[level] === node) {
        left.span[level]! += node.span[level]! - 1;
        left.next[level] = node.next[level]!;
      } else {
        left.span[level]! -= 1;
      }
    }
    this.size -= 1;
    return true;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let node = this.#head.next[0]; node != null; node = node.next[0]) yield node.value;
  }

  /** Leaves in `path` the last node before `value` on each level, in `before` its rank. */
  #walk(value: T): Node<T> {
    let node = this.#head;
    let rank = 0;
    for (let level = this.#levels - 1; level >= 0; level -= 1) {
      let next = node.next[level];
      while (next != null && this.#compare(next.value, value) < 0) {
        rank += node.span[level]!;
        node = next;
        next = node.next[level];
      }
      this.#path[level] = node;
      this.#before[level] = rank;
    }
    return node;
  }

  /** One level more with probability 1/4, from a fixed xorshift sequence. */
  #drawLevels(): number {
    let seed = this.#seed;
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    this.#seed = seed;
    let levels = 1;
    while (levels < LEVELS_MAX && (seed & 3) === 0) {
      levels += 1;
      seed >>>= 2;
    }
    return levels;
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
      const parent = this.#timers[(slot - 1) >> 1]!;
      if (compareTimers(parent, timer) <= 0) return;
      this.#put(timer, parent.slot);
      this.#put(parent, slot);
    }
  }

  #sink(timer: Timer): void {
    for (;;) {
      const slot = timer.slot;
      const left = this.#timers[slot * 2 + 1];
      const right = this.#timers[slot * 2 + 2];
      if (left === undefined) return;
      const child = right !== undefined && compareTimers(right, left) < 0 ? right : left;
      if (compareTimers(timer, child) <= 0) return;
      this.#put(timer, child.slot);
      this.#put(child, slot);
    }
  }
}
