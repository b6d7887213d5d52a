/**
 * A phone that can be watched: takes SUBSCRIBE for presence, and tells its state in PIDF with
 * RPID (RFC 3863, RFC 4480) as a PBX does for its phones: open and idle, or on the phone.
 */
import type { SipClient } from '../../sip/client.ts';
import type { IncomingRequest } from '../../sip/port.ts';

const PIDF = 'application/pidf+xml';
const NOTIFY_DEADLINE_MS = 5_000;
const LIFE_SECONDS = 3_600;
/** A phone is watched by the ACD alone; older subscriptions are replaced by its newer ones. */
const WATCHERS_MAX = 4;

function pidf(entity: string, isBusy: boolean): string {
  const busy = '<rpid:activities><rpid:on-the-phone/></rpid:activities>';
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<presence xmlns="urn:ietf:params:xml:ns:pidf"',
    ' xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"',
    ` xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="${entity}">`,
    '<tuple id="phone"><status><basic>open</basic></status></tuple>',
    `<dm:person id="person">${isBusy ? busy : ''}</dm:person>`,
    '</presence>',
  ].join('');
}

export class Watched {
  private readonly client: SipClient;
  private readonly entity: string;
  private readonly watchers: string[] = [];
  private isBusy = false;

  constructor(client: SipClient, entity: string) {
    this.client = client;
    this.entity = entity;
  }

  /** False: it is not for presence. */
  subscribe(request: IncomingRequest): boolean {
    if (!/^presence\b/i.test(request.header('Event').trim())) return false;
    void this.accept(request);
    return true;
  }

  private async accept(request: IncomingRequest): Promise<void> {
    const asked = Number(request.header('Expires') || LIFE_SECONDS);
    const life = Math.min(Number.isFinite(asked) ? asked : LIFE_SECONDS, LIFE_SECONDS);
    // The Contact names the phone, so that the next SUBSCRIBE in the dialog finds it.
    const headers = { Expires: String(life), Contact: `<${this.entity}>` };
    const done = await request.respond({ status: 200, reason: 'OK', headers });
    if (!done.ok) return;
    const dialogId = done.dialogId || request.dialogId;
    const at = this.watchers.indexOf(dialogId);
    if (at >= 0) this.watchers.splice(at, 1);
    if (life > 0) this.watchers.push(dialogId);
    if (this.watchers.length > WATCHERS_MAX) this.watchers.shift();
    // RFC 6665 §4.2.1.2: every SUBSCRIBE is followed by a NOTIFY at once.
    const state = life > 0 ? `active;expires=${life}` : 'terminated;reason=timeout';
    this.notify(dialogId, state);
  }

  private notify(dialogId: string, state: string): void {
    const headers = { Event: 'presence', 'Subscription-State': state, 'Content-Type': PIDF };
    const body = pidf(this.entity, this.isBusy);
    void this.client.request(
      { method: 'NOTIFY', dialogId, headers, body },
      { deadlineMs: NOTIFY_DEADLINE_MS },
    );
  }

  /** Tells all watchers; gives the moment in which it was told. */
  publish(isBusy: boolean): number {
    this.isBusy = isBusy;
    for (const dialogId of this.watchers) this.notify(dialogId, `active;expires=${LIFE_SECONDS}`);
    return performance.now();
  }
}
