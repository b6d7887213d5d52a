/** The section `http` of acd.yaml: where REST listens, who may use it, and how much of it. */
import { field, Wrong } from './fields.ts';
import * as f from './fields.ts';
import { free, needed, section, standard } from './schema-parts.ts';

/** From the least to the most: each may do what those before it may. */
export const ROLES = ['metrics', 'read-only', 'agent', 'supervisor', 'admin'] as const;
export type Role = (typeof ROLES)[number];

const MAX_TOKENS = 1_000;
const HASH = /^sha256:[0-9a-f]{64}$/;

/** A token itself is never in the file, only what it can be compared with. */
const hash = field('sha256:hex', 'SHA-256 of the token, as `acd token` prints it.', (written) =>
  HASH.test(written)
    ? written
    : new Wrong('must be sha256: and 64 hex digits; `acd token NAME` makes a token and prints it'),
);

/** A day (its end, UTC) or an instant; gives ms since the epoch. */
const expires = field(
  'date',
  'From then on the token is refused; a day counts to its end, UTC.',
  (text) => {
    const isDay = /^\d{4}-\d\d-\d\d$/.test(text);
    const at = Date.parse(isDay ? `${text}T23:59:59.999Z` : text);
    return Number.isFinite(at) && /^\d{4}-/.test(text)
      ? at
      : new Wrong(`"${text}" is no date; write one as 2027-01-31, or 2027-01-31T08:00:00Z`);
  },
);

const token = section('A bearer token: its name and its hash, never the token itself.', {
  name: needed(f.name('name', 'Who that is, in the log and the journal.'), 'wallboard'),
  role: needed(
    f.choice(
      '`metrics`: GET /metrics. `read-only`: queues, agents, calls, events, reports. `agent`: ' +
        'and steers the agent named by `agent`. `supervisor`: and steers all agents and calls, ' +
        'reads their options. `admin`: and changes the configuration.',
      ...ROLES,
    ),
    'supervisor',
  ),
  hash: free(hash, `sha256:${'0'.repeat(8)}…`),
  token: free(
    f.secret('In place of `hash`: the token, from the environment; 20 characters or more.'),
    '${WALLBOARD_TOKEN}',
  ),
  file: free(
    f.words('path', 'In place of `hash`: a file with nothing but the token in it.', 1000),
    '/run/secrets/wallboard',
  ),
  queues: f
    .listOf(
      f.name('queue', 'Queue'),
      'It sees and steers these queues, their calls and members alone; `[]`: all.',
      200,
    )
    .prefault([]),
  agent: free(f.agentId('The agent whom a token of role `agent` steers.'), '2771'),
  expires: free(expires, '2027-01-31'),
});

const tls = section('HTTPS in place of HTTP; read again by `acd reload`.', {
  cert: needed(
    f.words('path', 'Certificate with its chain, PEM; relative to acd.yaml.', 1000),
    'tls/cert.pem',
  ),
  key: needed(f.words('path', 'Its private key, PEM.', 1000), 'tls/key.pem'),
});

export const http = section('REST.', {
  listen: standard(
    f.address('Where REST listens. Beyond this machine only with `tokens`.', {
      host: '127.0.0.1',
      port: 8242,
    }),
    '127.0.0.1:8242',
  ),
  tokens: f
    .listOf(
      token,
      'Who may use REST. Without any, whoever is on this machine may do everything. Taken over ' +
        'by `acd reload`.',
      MAX_TOKENS,
    )
    .prefault([]),
  tls: tls.optional(),
  'rate-limit': standard(
    f.count(
      'Requests a second of one token (without one: of one address), and twice as many at once. ' +
        'More get 429. 0: no limit. Without `tokens` this machine has no limit.',
      0,
      100_000,
    ),
    '100',
  ),
});
