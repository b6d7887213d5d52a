/**
 * A phone (or PBX) that can be watched: the notifier's side of SIP presence (RFC 3856 with PIDF and
 * RPID) and of dialog-info (RFC 4235). Bodies are worded like Asterisk's, whose phones are the
 * commonest behind an ACD. Each event package can be accepted or refused with a status.
 */
import { Inbox } from './inbox.ts';
import {
  cseqOf,
  header,
  methodOf,
  statusOf,
  tagOf,
  target,
  uriOf,
  type SipMessage,
} from './sip-message.ts';
import type { Incoming } from './sip-wire.ts';
import type { CallPhone } from './call.ts';

export type Package = 'presence' | 'dialog';
export type Shown = 'idle' | 'ringing' | 'inuse' | 'unavailable';

interface Subscription {
  readonly event: Package;
  readonly callId: string;
  readonly local: string;
  readonly remote: string;
  readonly remoteTarget: string;
  seq: number;
  expiresAt: number;
}

const PIDF: Readonly<Record<Shown, readonly [note: string, basic: string, activity: string]>> = {
  idle: ['Ready', 'open', ''],
  ringing: ['Ringing', 'open', '<ep:busy/>'],
  inuse: ['On the phone', 'open', '<ep:busy/>'],
  unavailable: ['Unavailable', 'closed', '<ep:away/>'],
};
const DIALOG: Readonly<Record<Shown, string>> = {
  idle: 'terminated',
  ringing: 'early',
  inuse: 'confirmed',
  unavailable: 'terminated',
};

export function pidf(entity: string, shown: Shown): string {
  const [note, basic, activity] = PIDF[shown];
  return `<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf"
 xmlns:pp="urn:ietf:params:xml:ns:pidf:person"
 xmlns:ep="urn:ietf:params:xml:ns:pidf:rpid:rpid-person" entity="${entity}">
<pp:person><status>
<ep:activities>${activity}</ep:activities>
</status></pp:person>
<note>${note}</note>
<tuple id="t1"><contact priority="1">${entity}</contact>
<status><basic>${basic}</basic></status></tuple>
</presence>
`;
}

export function dialogInfo(entity: string, shown: Shown, version: number): string {
  const direction = shown === 'ringing' ? ' direction="recipient"' : '';
  return `<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="${version}" state="full"
 entity="${entity}">
<dialog id="d1"${direction}><state>${DIALOG[shown]}</state></dialog>
</dialog-info>
`;
}

export class Watched {
  /** 200 accepts; any other status refuses new subscriptions to the package. */
  readonly policy: Record<Package, number> = { presence: 200, dialog: 200 };
  /** SUBSCRIBEs as they come, for the test to take: first ones, refreshes and ends. */
  readonly subscribes = new Inbox<SipMessage>('SUBSCRIBEs', (m) => header(m, 'Event'));
  /** Final answers to our NOTIFYs. */
  readonly answers = new Inbox<{ event: Package; status: number }>(
    'NOTIFY answers',
    (answer) => `${answer.event} ${answer.status}`,
  );
  /** Longest life granted, seconds. */
  maxExpires = 3600;
  shown: Shown = 'idle';
  private readonly phone: CallPhone;
  private readonly subscriptions = new Map<string, Subscription>();
  private version = 0;

  constructor(phone: CallPhone) {
    this.phone = phone;
  }

  /** Live subscriptions, by package. */
  get watchedBy(): readonly Package[] {
    return [...this.subscriptions.values()].map((subscription) => subscription.event);
  }

  /** Shows another state to everyone who watches; settles when all have answered. */
  async show(shown: Shown): Promise<void> {
    this.shown = shown;
    await Promise.all([...this.subscriptions.values()].map(async (s) => this.notify(s)));
  }

  /** A NOTIFY with any body at all, in every subscription to the package. */
  async notifyRaw(event: Package, body: string, contentType: string): Promise<number[]> {
    const live = [...this.subscriptions.values()].filter((s) => s.event === event);
    return Promise.all(live.map(async (s) => this.notify(s, { body, contentType })));
  }

  /** Ends every subscription from our side, with a reason (RFC 6665 section 4.1.3). */
  async terminate(reason: 'deactivated' | 'timeout' | 'noresource'): Promise<void> {
    const live = [...this.subscriptions.values()];
    this.subscriptions.clear();
    await Promise.all(
      live.map(async (s) => this.notify(s, { state: `terminated;reason=${reason}` })),
    );
  }

  /** As after a restart: nothing is known any more, refreshes get 481. */
  forget(): void {
    this.subscriptions.clear();
  }

  receive(incoming: Incoming): void {
    const { message } = incoming;
    const event = (header(message, 'Event').split(';')[0] ?? '') as Package;
    const tag = tagOf(header(message, 'To'));
    this.subscribes.put(message);
    const expires = Math.min(Number(header(message, 'Expires') || 3600), this.maxExpires);
    if (tag !== '') {
      const known = this.subscriptions.get(tag);
      if (known === undefined) incoming.respond(481, 'Subscription Does Not Exist');
      else this.refresh(incoming, known, expires, tag);
      return;
    }
    const status = this.policy[event] ?? 489;
    if (status >= 300) {
      incoming.respond(status, 'Refused', { toTag: this.phone.wire.newId() });
      return;
    }
    const local = this.phone.wire.newId();
    const subscription: Subscription = {
      event,
      callId: header(message, 'Call-ID'),
      local: `${header(message, 'To')};tag=${local}`,
      remote: header(message, 'From'),
      remoteTarget: uriOf(header(message, 'Contact')),
      seq: 0,
      expiresAt: 0,
    };
    this.subscriptions.set(local, subscription);
    this.refresh(incoming, subscription, expires, local);
  }

  private refresh(incoming: Incoming, known: Subscription, expires: number, tag: string): void {
    incoming.respond(200, 'OK', {
      toTag: tag,
      headers: [
        ['Expires', String(expires)],
        ['Contact', `<${this.phone.contact}>`],
      ],
    });
    known.expiresAt = Date.now() + expires * 1000;
    if (expires > 0) {
      void this.notify(known);
      return;
    }
    this.subscriptions.delete(tag);
    void this.notify(known, { state: 'terminated;reason=timeout' });
  }

  private async notify(
    subscription: Subscription,
    what: { body?: string; contentType?: string; state?: string } = {},
  ): Promise<number> {
    const { event, remoteTarget } = subscription;
    this.version += 1;
    const body =
      event === 'presence'
        ? pidf(this.phone.aor, this.shown)
        : dialogInfo(this.phone.aor, this.shown, this.version);
    const left = Math.max(0, Math.round((subscription.expiresAt - Date.now()) / 1000));
    const message: SipMessage = {
      start: `NOTIFY ${remoteTarget} SIP/2.0`,
      headers: [
        ['Max-Forwards', '70'],
        ['From', subscription.local],
        ['To', subscription.remote],
        ['Call-ID', subscription.callId],
        ['CSeq', `${(subscription.seq += 1)} NOTIFY`],
        ['Contact', `<${this.phone.contact}>`],
        ['Event', event],
        ['Subscription-State', what.state ?? `active;expires=${left}`],
        [
          'Content-Type',
          what.contentType ??
            (event === 'presence' ? 'application/pidf+xml' : 'application/dialog-info+xml'),
        ],
      ],
      body: what.body ?? body,
    };
    const status = await this.phone
      .submit(message, target(remoteTarget))
      .then(statusOf, (trouble: Error) => {
        this.phone.wire.trace.push(
          `-- ${methodOf(message)} ${cseqOf(message)}: ${trouble.message}`,
        );
        return 0;
      });
    this.answers.put({ event, status });
    return status;
  }
}
