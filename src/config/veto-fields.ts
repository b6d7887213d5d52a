/** `vetoes` of acd.yaml: who is asked before a phone rings. */
import * as f from './fields.ts';
import { needed, section, standard } from './schema-parts.ts';
import { SECRET_MIN, webAddress } from './webhook-fields.ts';

const veto = section(
  'Somebody who is asked by a signed POST, as those of `webhooks`, of type `acd.veto`: may this ' +
    'agent be rung for this call of this queue? It answers 200 and `{"verdict":"allow"}`, or ' +
    '`{"verdict":"refuse","reason":"…"}`: then he is not rung for this call before a back-off ' +
    '(the queue’s `retry`, doubled with each refusal of the two, 300 s at most), and is free for ' +
    'other calls. That is no missed offer.',
  {
    name: needed(f.name('name', 'Its name, for `queues[].veto`.'), 'crm'),
    url: needed(webAddress('Where it is asked; redirects are not followed.'), 'https://crm/ring'),
    secret: needed(
      f.secret('Signs each question, as that of `webhooks`.', SECRET_MIN),
      '${VETO_SECRET}',
    ),
    timeout: standard(
      f.seconds(
        'How long the answer may take; the caller waits meanwhile. At most 50 questions of one ' +
          'veto are under way at once, and waiting for a turn counts.',
        0.1,
        10,
      ),
      '2',
    ),
    silence: standard(
      f.choice(
        'What it means when no answer comes in time, or another one than the two: `ring`, so ' +
          'that a broken CRM does not stop the calls, or `refuse`.',
        'ring',
        'refuse',
      ),
      'ring',
    ),
  },
);

export const vetoes = f.listOf(veto, 'Who is asked before a phone rings.', 20);
