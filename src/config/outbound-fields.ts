/** The section `outbound` of acd.yaml: how long the phases of agents' own calls last. */
import * as f from './fields.ts';
import { section, standard } from './schema-parts.ts';

export const outbound = section('Calls that agents make by `POST /calls` (click-to-dial).', {
  ring: standard(f.seconds('How long the agent’s own phone is rung.', 1, 300), '30'),
  dial: standard(f.seconds('How long the number is rung once he is on the phone.', 1, 600), '60'),
  tone: standard(
    f.seconds(
      'How long he hears the busy tone (the quicker one where nobody could be called) when the ' +
        'number was not reached, unless he hangs up; 0: we hang up at once.',
      0,
      60,
    ),
    '5',
  ),
});
