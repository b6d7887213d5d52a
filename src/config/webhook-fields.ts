/** `webhooks` of acd.yaml: who is told of what happens, signed, by POST. */
import { EVENT_KINDS } from '../core/event-kinds.ts';
import type { CoreEvent } from '../core/events.ts';
import * as f from './fields.ts';
import { needed, section, standard } from './schema-parts.ts';

function kind(text: string) {
  return f.field('event', text, (written) =>
    Object.hasOwn(EVENT_KINDS, written)
      ? (written as CoreEvent['kind'])
      : new f.Wrong(`there is no event "${written}"; GET /events tells those there are`),
  );
}

export function webAddress(text: string) {
  return f.field('http(s) URL', text, (written) => {
    const url = URL.canParse(written) ? new URL(written) : null;
    if (url !== null && url.username + url.password !== '') {
      return new f.Wrong('has a user or a password in it; the signature tells that it is us');
    }
    const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:';
    if (isWeb && written.length <= 1_000) return written;
    return new f.Wrong(`"${written}" is no web address; write https://host/path`);
  });
}

/** Short ones can be guessed. */
export const SECRET_MIN = 16;

const webhook = section('One receiver of events: each is POSTed until it answers 2xx.', {
  url: needed(
    webAddress('Where to. Log and REST show it without its query: a secret belongs there.'),
    'https://crm.example.com/acd',
  ),
  secret: needed(
    f.secret(
      'Signs each delivery (Standard Webhooks: HMAC-SHA256, `webhook-signature`); ' +
        '`whsec_…` is taken as base64. Take it from the environment.',
      SECRET_MIN,
    ),
    '${WEBHOOK_SECRET}',
  ),
  events: f
    .listOf(kind('Event'), 'Only events of these kinds, as in GET /events; `[]`: all.', 100)
    .prefault([]),
  queues: f
    .listOf(f.name('queue', 'Queue'), 'Only what concerns these queues.', 1_000)
    .prefault([]),
  agents: f.listOf(f.agentId('Agent'), 'Only what concerns these agents.', 1_000).prefault([]),
  timeout: standard(f.seconds('How long it may take to answer.', 0.1, 60), '5'),
});

export const webhooks = f.listOf(webhook, 'Who is told of what happens, by POST.', 20);
