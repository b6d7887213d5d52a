/** A promise settled from outside, once: what comes first counts. */
export class Later<T> {
  readonly promise: Promise<T>;
  settle!: (value: T) => void;

  constructor() {
    this.promise = new Promise((resolve) => (this.settle = resolve));
  }
}
