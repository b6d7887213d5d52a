/** All receivers of events (`webhooks` in acd.yaml), over one feed. */
import type { WebhookConfig } from '../config/types.ts';
import type { Subjects } from '../http/subjects.ts';
import type { WebhookShown } from '../http/view.ts';
import type { Feed } from '../runtime/feed.ts';
import { Hook, type HookDeps } from './hook.ts';
import { Places } from './places.ts';
import { post } from './post.ts';

export interface WebhooksOptions {
  readonly configs: readonly WebhookConfig[];
  readonly feed: Feed;
  /** Hear each event before the receivers do. */
  readonly subjects: Subjects;
  /** Where it is kept how far each is; null: nowhere. */
  readonly file: string | null;
  readonly log: HookDeps['log'];
  readonly now?: () => number;
  readonly post?: HookDeps['post'];
}

export class Webhooks {
  readonly #hooks: readonly Hook[];
  readonly #places: Places;

  constructor(options: WebhooksOptions) {
    const { configs, feed, subjects, log, now = Date.now } = options;
    this.#places = new Places(configs.length === 0 ? null : options.file, log);
    // A receiver that is new gets what happens from now on, and not from the next start on.
    const urls = configs.map(({ url }) => url);
    this.#places.keepOnly(urls);
    for (const url of urls) this.#places.begin(url, feed.lastSeq);
    if (configs.length > 0) this.#places.save();
    this.#hooks = configs.map((config) => {
      const after = this.#places.of(config.url) ?? feed.lastSeq;
      return new Hook(config, after, {
        feed,
        subjects,
        now,
        log,
        post: options.post ?? post,
        onPlace: (seq) => this.#places.reach(config.url, seq),
      });
    });
    for (const hook of this.#hooks) hook.wake();
  }

  /** Reactor, after the feed has heard it. */
  hear(): void {
    for (const hook of this.#hooks) hook.wake();
  }

  shown(): readonly WebhookShown[] {
    return this.#hooks.map((hook) => hook.shown());
  }

  async stop(): Promise<void> {
    await Promise.all(this.#hooks.map((hook) => hook.stop()));
    if (this.#hooks.length > 0) this.#places.save();
  }
}
