/** The section `takeover` of acd.yaml: what is ready for processes that are killed or hang. */
import * as f from './fields.ts';
import { section, standard } from './schema-parts.ts';

export const takeover = section(
  'What is ready for a process that is killed or hangs: the server, or `acd start` itself.',
  {
    wait: standard(
      f.seconds(
        'So long the SIP server and the audio process go on by themselves, for the next ' +
          '`acd start` to take them over; 0: they end with it.',
        0,
        3600,
      ),
      '60',
    ),
    spare: standard(
      f.yesNo(
        'Keep a spare server process with all its code loaded, so that a killed server is ' +
          'followed at once. It costs about 80 MB of memory; `no`: the next one is loaded then.',
      ),
      'yes',
    ),
    hung: standard(
      f.secondsOrNever(
        'A process that does not even say that it is alive for so long is killed and followed ' +
          'by the next one, which costs no call; 3 or more; 0: never (under a debugger).',
        // It is asked once a second, and may be late once.
        3,
        3600,
      ),
      '10',
    ),
  },
);
