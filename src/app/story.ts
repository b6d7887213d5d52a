/**
 * The story of each call in the log: one line when it comes, is turned away, talks and ends (and,
 * at `debug`, whatever else its events say). All bear `callId`; offers, legs and SIP lines of the
 * same call have names that begin with it, so one id finds everything.
 */
import type { CoreEvent, StoredEvent } from '../core/events.ts';
import type { Log } from '../observe/log.ts';

const TEXTS: Readonly<Partial<Record<CoreEvent['kind'], string>>> = {
  CallEntered: 'call in line',
  CallRefused: 'call turned away',
  CallMoved: 'call goes to another queue',
  CallConnected: 'call talks',
  CallTransferred: 'talk is over, call waits again',
  CallEnded: 'call over',
  OutboundBegan: 'agent dials',
  OutboundRefused: 'number not reached',
  OutboundConnected: 'agent talks with whom he dialled',
  OutboundEnded: 'outbound call over',
  TransferAnswered: 'caller talks elsewhere, through us',
  TransferEnded: 'transfer over',
};

/** What a line has of an event: all but what every line has, or nobody reads. */
function fieldsOf({ seq, event }: StoredEvent): object {
  // The line has its own time.
  return { ...event, at: undefined, seq };
}

export function tellStory(log: Log): (stored: StoredEvent) => void {
  return (stored) => {
    const { event } = stored;
    const text = TEXTS[event.kind];
    if (text !== undefined) log.info(fieldsOf(stored), text);
    else if ('callId' in event || 'offerId' in event) log.debug(fieldsOf(stored), event.kind);
  };
}
