/** `vetoes` of acd.yaml: who is asked before a phone rings. */
import * as f from './fields.ts';
import { needed, section, standard } from './schema-parts.ts';
import { SECRET_MIN, webAddress } from './webhook-fields.ts';

const veto = section(
  'Somebody who is asked before a phone rings, by a signed POST as of `webhooks`, type ' +
    '`acd.veto`: which call, which queue, which agent. It answers 200 and ' +
    '`{"verdict":"allow"}`, or `{"verdict":"refuse","reason":"…"}`: then the agent is not rung ' +
    'for this call before a back-off (the queue’s `retry`, doubled with each refusal of the two, ' +
    '300 s at most), and is free for other calls. It is no missed offer.',
  {
    name: needed(f.name('name', 'Its name, for `queues[].veto`.'), 'crm'),
    url: needed(webAddress('Where it is asked; redirects are not followed.'), 'https://crm/ring'),
    secret: needed(
      f.secret('Signs each question, as that of `webhooks`.', SECRET_MIN),
      '${VETO_SECRET}',
    ),
    timeout: standard(
      f.seconds(
        'So long it may take; the caller waits meanwhile. Of one veto 50 questions are under way ' +
          'at once; waiting for a turn counts.',
        0.1,
        10,
      ),
      '2',
    ),
    silence: standard(
      f.choice(
        'What no answer in time means, and what is no answer (nobody there, another status or ' +
          'body): `ring`, so that a CRM that is broken does not stop the calls, or `refuse`.',
        'ring',
        'refuse',
      ),
      'ring',
    ),
  },
);

export const vetoes = f.listOf(veto, 'Who is asked before a phone rings.', 20);
