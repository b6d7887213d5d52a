/** The section `takeover` of acd.yaml: what is ready for processes that are killed or hang. */
import * as f from './fields.ts';
import { section, standard } from './schema-parts.ts';

export const takeover = section('What happens when a process is killed or hangs.', {
  wait: standard(
    f.seconds(
      'How long the processes of an `acd start` that was killed go on by themselves, for the ' +
        'next one to take them over; 0: they end with it.',
      0,
      3600,
    ),
    '60',
  ),
  spare: standard(
    f.yesNo(
      'Keep a spare server process and a spare audio process with all their code loaded, so that ' +
        'a killed one is followed at once. They take about 90 MB of memory. `no`: the next one ' +
        'is loaded then.',
    ),
    'yes',
  ),
  hung: standard(
    f.secondsOrNever(
      'A process that gives no sign of life for this long is killed and started again, which ' +
        'costs no call; 3 or more; 0: never (under a debugger).',
      // It is asked once a second, and may be late once.
      3,
      3600,
    ),
    '10',
  ),
});
