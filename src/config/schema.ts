/**
 * acd.yaml, section by section: every option with its meaning, its standard value and its bounds.
 * docs/CONFIGURATION.md is printed from this file, and every fault message comes out of it.
 * Names follow Asterisk's queues.conf wherever it has the same thing.
 */
import type { z } from 'zod';
import * as f from './fields.ts';
import { http } from './http-fields.ts';
import { outbound } from './outbound-fields.ts';
import { agent, idleClock, MAX_QUEUES, pauseReasons, penaltyRules, queue } from './queue-schema.ts';
import { reports } from './report-fields.ts';
import { free, needed, section, standard } from './schema-parts.ts';
import { MAX_SIP_USERS, sipUser } from './sip-users.ts';
import { takeover } from './takeover-fields.ts';
import { vetoes } from './veto-fields.ts';
import { webhooks } from './webhook-fields.ts';

const MAX_AGENTS = 10_000;
const MAX_REGISTRARS = 100;
const DAY = 86_400;

const presence = (text: string) => standard(f.choice(text, 'auto', 'required', 'off'), 'auto');
const deviceFrom = (text: string) =>
  standard(f.choice(text, 'auto', 'contact', 'p-asserted-identity', 'from'), 'auto');

const PRESENCE =
  'What to do where an agent’s phone cannot be watched, because it refuses subscriptions or ' +
  'answers none, or itself accepts them and says nothing: `auto` trusts it to be idle while the ' +
  'ACD has no call on it, `required` refuses the login, `off` never subscribes.';
const DEVICE =
  'Which header of a login call names the phone. `auto`: Contact (through a registrar only where ' +
  'it names a phone at the PBX, not the PBX itself), else P-Asserted-Identity, else From.';

const registrar = section('One PBX at which the ACD registers like a phone.', {
  name: needed(f.name('name', 'Short name, shown in GET /health and in the log.'), 'pbx'),
  registrar: needed(f.registrarUri('Where to send REGISTER.'), 'sip:192.168.0.3'),
  username: needed(f.words('text', 'User of the address of record.', 64), 'acd'),
  password: needed(
    f.secret('Password for digest authentication; take it from the environment.'),
    '${PBX_PASSWORD}',
  ),
  domain: free(
    f.words('text', 'Domain of the address of record, where it is not the registrar’s host.', 253),
    'example.com',
  ),
  'auth-username': free(
    f.words('text', 'User for digest authentication, where it is not `username`.', 64),
    'acd',
  ),
  expires: standard(f.seconds('Lifetime asked for; the registrar may change it.', 30, DAY), '3600'),
  'device-from': deviceFrom(DEVICE),
  presence: presence(PRESENCE),
});

const login = section('How agents log in and out by phone.', {
  codes: f
    .listOf(
      f.dialled('What to dial to log in'),
      'What to dial to log in. A code that begins with `*` may be followed by the agent id, and ' +
        'by `*` and a queue: `*442771*sales` logs in to that one only, `*44*sales` to one more. ' +
        'A queue is dialled by its name, or by its number among his, 1 for the first.',
      10,
    )
    .prefault(['acdlogin', '*44']),
  'logout-codes': f
    .listOf(
      f.dialled('What to dial to log out'),
      'What to dial to log out; `*45*sales`: of that queue only.',
      10,
    )
    .prefault(['acdlogout', '*45']),
  'pause-codes': f
    .listOf(
      f.dialled('What to dial to pause'),
      'What the agent of a phone dials to pause. Where there are `pause-reasons` he is asked for ' +
        'the number of one, 1 for the first, or dials it behind a code that begins with `*`. ' +
        '`*46*sales`, `*461*sales`: in that queue only.',
      10,
    )
    .prefault(['acdpause', '*46']),
  'resume-codes': f
    .listOf(
      f.dialled('What to dial to resume'),
      'What he dials to end every pause; `*47*sales`: that in one queue.',
      10,
    )
    .prefault(['acdresume', '*47']),
  'wrapup-codes': f
    .listOf(
      f.dialled('What to dial'),
      'What he dials to end his wrap-up; `*4890`: it goes on for 90 seconds from now.',
      10,
    )
    .prefault(['acdready', '*48']),
  tries: standard(f.count('Wrong agent ids or PINs before the call is ended.', 1, 10), '3'),
  'lock-after': standard(
    f.count(
      'Wrong PINs for one agent, or from one phone, after which every PIN is wrong for a while. ' +
        '`GET /locks` lists them, `DELETE /locks/agent/ID` lifts one. 0: never.',
      0,
      1_000,
    ),
    '10',
  ),
  'lock-for': standard(
    f.seconds('How long that lasts. Wrong PINs are forgotten as long after the last.', 1, DAY),
    '900',
  ),
  'digit-timeout': standard(
    f.seconds('Wait for the next digit before what was keyed counts as a wrong try.', 1, 60),
    '5',
  ),
  devices: f
    .listOf(
      f.transferTarget(
        '`registrars`: any phone at one of our registrars. Else an address in which `*` stands ' +
          'for any part of user or host; a port counts as part of the host.',
      ),
      'Phones that `POST /agents/ID/login` may name; calls go there (against toll fraud). Who ' +
        'dials to log in does so from his phone and is not asked.',
      200,
    )
    .prefault(['registrars']),
  'second-login': standard(
    f.choice(
      'What a login does when the agent is on another phone, or the phone has another agent.',
      'refuse',
      'replace',
    ),
    'refuse',
  ),
});

const sourceLimits = section(
  'What one address may do, this machine and registrars aside. `GET /bans` lists who is banned, ' +
    '`DELETE /bans/ADDRESS` lifts a ban.',
  {
    rate: standard(
      f.count(
        'New requests (calls, logins) a second, and twice as many at once. More get 503. An ' +
          'address that exceeds it by ten times as many within a minute is banned, unless ' +
          '`allow` names its network. 0: no limit.',
        0,
        100_000,
      ),
      '50',
    ),
    'ban-after': standard(
      f.count('Wrong passwords for `users` after which an address is banned. 0: never.', 0, 1_000),
      '10',
    ),
    'ban-for': standard(
      f.seconds('How long nothing new from a banned address is answered.', 1, 30 * DAY),
      '3600',
    ),
  },
);

const drachtio = section('Use a drachtio-server in place of the built-in SIP server.', {
  host: needed(f.words('host', 'Its host.', 253), '127.0.0.1'),
  port: standard(f.count('Port of its command connection.', 1, 65_535), '9022'),
  secret: needed(f.secret('Its shared secret.'), '${DRACHTIO_SECRET}'),
});

const sip = section('SIP: where to listen, where to register, how agents log in.', {
  listen: f
    .listOf(
      f.listening('Where to listen'),
      'Where the built-in SIP server listens: `udp:host:port`, `tcp:host:port`, or a port for ' +
        'both on 0.0.0.0. Write `[::]` for IPv6.',
      16,
    )
    .prefault(['udp:0.0.0.0:5071', 'tcp:0.0.0.0:5071']),
  allow: f
    .listOf(
      f.origin(
        'A network as `192.0.2.0/24`, an address, `private` (this machine and networks that are ' +
          'not on the internet), `registrars` (whoever accepted a REGISTER of ours), `any`.',
      ),
      'From whom calls, logins and all other new requests are taken. Everybody else gets no ' +
        'answer at all. What belongs to a call that is up is served from anywhere.',
      200,
    )
    .refine((rules) => rules.length > 0, 'is empty; name who may call, or write any')
    .prefault(['private', 'registrars']),
  users: f
    .listOf(
      sipUser,
      'Who may call from anywhere: an INVITE whose From names one of them is asked for his ' +
        'password (digest, SHA-256 or MD5). Other requests from outside of `allow` get no answer.',
      MAX_SIP_USERS,
    )
    .prefault([]),
  limits: sourceLimits.prefault({}),
  'external-address': free(
    f.ipAddress('Address told to peers where NAT changes ours.'),
    '203.0.113.5',
  ),
  drachtio: drachtio.optional(),
  store: free(
    f.words(
      'path',
      'Where the built-in SIP server keeps its calls and subscriptions, so that they outlive it; ' +
        'relative to acd.yaml. Without it: beside the journal, its name with `.sipd`.',
      1000,
    ),
    'data/journal.db.sipd',
  ),
  register: f.listOf(registrar, 'The PBXs to register at.', MAX_REGISTRARS).prefault([]),
  presence: presence(`${PRESENCE} For phones that log in without a registrar.`),
  'device-from': deviceFrom(`${DEVICE} For phones that log in without a registrar.`),
  login: login.prefault({}),
  'priority-header': free(
    f.name(
      'header',
      'Header of an INVITE whose whole number is the caller’s priority. Only for PBXs you trust.',
    ),
    'X-Priority',
  ),
  'position-header': free(
    f.name(
      'header',
      'Header of an INVITE that says at which place in line it enters the queue it calls; 1 is ' +
        'next.',
    ),
    'X-Position',
  ),
  'penalty-header': free(
    f.name(
      'header',
      'Header of an INVITE that says which penalties may take the call: `max,min,raise`, as in ' +
        '`penaltychange`.',
    ),
    'X-Penalty',
  ),
  'skills-header': free(
    f.name(
      'header',
      'Header of an INVITE that says what the call asks of agents, in place of the first entry ' +
        'of the queue’s `skills`: `english>=50`.',
    ),
    'X-Skills',
  ),
  'subscribe-expires': standard(
    f.seconds('Lifetime asked for in SUBSCRIBE to an agent’s phone.', 30, DAY),
    '3600',
  ),
  'session-expires': standard(
    f.seconds('Session timer asked for (RFC 4028); 0 asks for none.', 0, DAY),
    '1800',
  ),
});

const media = section('Audio.', {
  engine: standard(
    f.choice(
      'Who speaks RTP with phones: the built-in audio process, or rtpengine in front of it.',
      'mediad',
      'rtpengine',
    ),
    'mediad',
  ),
  address: standard(
    f.ipAddress('Local address for RTP. 0.0.0.0: all; each peer is told the one it can reach.'),
    '0.0.0.0',
  ),
  'external-address': free(
    f.ipAddress('Address told in SDP where NAT changes ours.'),
    '203.0.113.5',
  ),
  ports: standard(f.portRange('UDP ports for RTP and RTCP, two per leg.'), '20000-29999'),
  rtpengine: f
    .listOf(
      f.address('An rtpengine', { host: null, port: 22222 }),
      'Running rtpengines, `host:port` of their ng listener. Empty: one is started.',
      16,
    )
    .prefault([]),
  redis: free(
    f.address(
      'Redis in which the rtpengine that is started keeps its calls, to have them again after a ' +
        'crash without a re-INVITE. For this alone: its database 0 is used.',
      { host: null, port: 6379 },
    ),
    '127.0.0.1:6379',
  ),
  silence: standard(
    f.seconds(
      'After this long without RTP a party that was heard before is asked by SIP whether it is ' +
        'still there, and again while it is silent (one that was never heard: after 5 minutes). ' +
        'A call whose phone does not answer is ended.',
      1,
      3600,
    ),
    '10',
  ),
  'silence-limit': standard(
    f.seconds(
      'After this long without RTP a call is ended, even if the phone answers when asked (muted ' +
        'phones may send none); 0: never.',
      0,
      DAY,
    ),
    '0',
  ),
});

const drain = section('What a stop (Ctrl-C, SIGTERM) does while there are calls.', {
  limit: standard(
    f.seconds(
      'How long calls may go on while new ones are refused; then they are ended. 0: at once. ' +
        'Whoever stops the ACD (systemd, a container engine) must wait a little longer.',
      0,
      DAY,
    ),
    '300',
  ),
  redirect: free(
    f.registrarUri(
      'Another ACD: new calls and logins are sent there meanwhile (302). Without it they get 503.',
    ),
    'sip:other.example.com:5071',
  ),
});

const transfers = section(
  'Where calls may be sent over REST and by agents’ phones (against toll fraud).',
  {
    allow: f
      .listOf(
        f.transferTarget(
          '`registrars`: any address at one of our registrars, by its domain or its own address. ' +
            'Else an address in which `*` stands for any part of user or host; a port counts as ' +
            'part of the host; `;transport=` and `;user=` may follow it. Both mean users of ' +
            'letters, digits, blanks and `. _ ~ + * # ! -` alone, as a PBX may read more out of ' +
            'others (`101&SIP/trunk/0900`): those are named as a whole. ' +
            'Own queues and agents are always allowed, destinations of `failover`, too. An empty ' +
            'list allows nothing else.',
        ),
        'Addresses that `POST /calls`, `POST /calls/ID/transfer` and REFER may name.',
        200,
      )
      .prefault(['registrars']),
  },
);

const log = section('The log, on standard output.', {
  level: standard(f.choice('How much is logged.', 'debug', 'info', 'warn', 'error'), 'info'),
  format: standard(
    f.choice(
      '`pretty` lines for people, `json` for machines; `auto` is pretty, but JSON for ' +
        '`acd serve` without a terminal.',
      'auto',
      'pretty',
      'json',
    ),
    'auto',
  ),
});

/** The whole file, in the order of the reference: what administrators look for first. */
export const fileSchema = section('acd.yaml', {
  queues: f.listOf(queue, 'The queues.', MAX_QUEUES).prefault([]),
  agents: f.listOf(agent, 'The agents.', MAX_AGENTS).prefault([]),
  'penalty-rules': penaltyRules,
  'pause-reasons': pauseReasons,
  'idle-clock': idleClock.prefault({}),
  sip: sip.prefault({}),
  media: media.prefault({}),
  http: http.prefault({}),
  journal: section('The event log.', {
    path: standard(
      f.words(
        'path',
        'SQLite file, relative to acd.yaml; `:memory:` forgets everything at the end.',
        1000,
      ),
      'data/journal.db',
    ),
    keep: standard(
      f.days(
        'How long events are kept; 0: for ever. Only reports need old ones; what holds now does ' +
          'not.',
        0,
        36_500,
      ),
      '30',
    ),
  }).prefault({}),
  reports: reports.prefault({}),
  prompts: section('What callers and agents hear.', {
    set: standard(
      f.choice(
        '`builtin`, or `asterisk`: Debian’s asterisk-core-sounds-en-wav and ' +
          'asterisk-moh-opsound-wav, which must be installed.',
        'builtin',
        'asterisk',
      ),
      'builtin',
    ),
    language: standard(f.name('language', 'Language of the prompts.'), 'en'),
  }).prefault({}),
  log: log.prefault({}),
  drain: drain.prefault({}),
  transfers: transfers.prefault({}),
  outbound: outbound.prefault({}),
  webhooks: webhooks.prefault([]),
  vetoes: vetoes.prefault([]),
  takeover: takeover.prefault({}),
  limits: section('Bounds of the whole ACD.', {
    calls: standard(
      f.count(
        'Most calls waiting, talking or sent elsewhere at once. One more gets 503.',
        1,
        100_000,
      ),
      '2000',
    ),
    'loop-delay': standard(
      f.milliseconds(
        'New calls and logins get 503 while the server’s event loop is this late for a second ' +
          'or longer, because it has more to do than it can. 0: never.',
        0,
        60_000,
      ),
      '500',
    ),
  }).prefault({}),
});

export type ConfigFile = z.output<typeof fileSchema>;

/** Options of queues.conf that this version does not have; the reference names them. */
export const NOT_YET = new Set([
  'announce',
  'announce-frequency',
  'announce-holdtime',
  'announce-position',
  'context',
  'memberdelay',
  'min-announce-frequency',
  'monitor-format',
  'monitor-type',
  'musiconhold',
  'queue-callerannounce',
  'reportholdtime',
  'shared_lastcall',
]);
