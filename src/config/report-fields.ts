/** The section `reports` of acd.yaml: where they are kept, and how service level is made. */
import { Wrong, field } from './fields.ts';
import * as f from './fields.ts';
import { free, section, standard } from './schema-parts.ts';

/** IANA name, or `local`: the zone of this machine. */
function zone(text: string) {
  return field('time zone', text, (written) => {
    const name =
      written === 'local' ? new Intl.DateTimeFormat().resolvedOptions().timeZone : written;
    try {
      return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return new Wrong(`"${written}" is no time zone; write one as Europe/Berlin, or local`);
    }
  });
}

const queueLog = field(
  'path or `off`',
  'The file in Asterisk’s `queue_log` format, for QueueMetrics, Asternic and their like, ' +
    'relative to acd.yaml. A finished day is renamed: `queue_log.2026-11-25`. `off`: no file; ' +
    'the same lines are rows of the reports’ database, and `acd queue-log --day` writes any ' +
    'day again. Without it: `queue_log` beside the journal; none with a journal in memory.',
  (written) =>
    written.length > 0 && written.length <= 1000 && !/\p{Cc}/u.test(written)
      ? written
      : new Wrong('must have 1 to 1000 printable characters; name a file, or write off'),
);

export const reports = section(
  'Reports: queue_log, call records, service level. They are computed from the journal and hold ' +
    'up no call; deleted, they are made again from what the journal holds.',
  {
    path: free(
      f.words(
        'path',
        'Their own SQLite file, relative to acd.yaml. Without it: beside the journal, its name ' +
          'with `.reports`.',
        1000,
      ),
      'data/journal.db.reports',
    ),
    keep: standard(
      f.days(
        'How long records are kept, also when the journal has lost their events; 0: for ever.',
        0,
        36_500,
      ),
      '400',
    ),
    'time-zone': standard(
      zone('Where days begin and end: `Europe/Berlin`, or `local`, the zone of this machine.'),
      'local',
    ),
    'queue-log': free(queueLog, 'data/queue_log'),
    'queue-log-keep': standard(f.count('Finished days that are kept as files.', 1, 36_500), '30'),
    'service-level': standard(
      f.choice(
        'How the service level is made. `offered`: answered in time, of all answered and ' +
          'abandoned. `answered`: of the answered alone (Asterisk’s SL). ' +
          '`answered-and-abandoned`: who gave up in time counts as good (Asterisk’s SL2).',
        'offered',
        'answered',
        'answered-and-abandoned',
      ),
      'offered',
    ),
    'short-abandon': standard(
      f.seconds('Callers who give up sooner count apart, and in no service level.', 0, 600),
      '0',
    ),
  },
);
