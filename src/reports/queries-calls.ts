/** Single calls out of the reports' database: records, and who gave up and whether we met again. */
import {
  ROWS_MAX,
  type AbandonedCall,
  type Asked,
  type CallDetail,
  type CallRecordAnswer,
  type CallSegment,
  type Rows,
} from './answers.ts';
import { boundsOf, onlyQueues, type Sources } from './queries.ts';
import { callerKey } from './store.ts';
import { iso, seconds } from './units.ts';

interface AbandonedRow {
  readonly call_id: string;
  readonly queue: string;
  readonly from_address: string;
  readonly caller: string;
  readonly left_at: number;
  readonly wait_ms: number;
  readonly last_position: number;
}

/** He called again and was answered, or we called him; whichever was first. */
function calledBack(
  { store, house }: Sources,
  caller: string,
  after: number,
): Pick<AbandonedCall, 'called_back' | 'called_back_at'> {
  const talk = store.db
    .prepare(
      'SELECT entered_at AS at, outbound FROM call ' +
        'WHERE caller = ? AND entered_at >= ? AND agent_id IS NOT NULL ' +
        "AND (outbound = 0 OR status = 'COMPLETED' OR talked_ms > 0) " +
        'ORDER BY entered_at LIMIT 1',
    )
    .get(caller, after) as { at: number; outbound: number } | undefined;
  let at = talk?.at ?? Infinity;
  let how: AbandonedCall['called_back'] = talk?.outbound === 1 ? 'called-back' : 'called-again';
  const hear = (talkAt: number, as: typeof how): void => {
    if (talkAt < after || talkAt >= at) return;
    [at, how] = [talkAt, as];
  };
  for (const call of house.calls.values()) {
    const isHis = call.connectedAt !== null && callerKey(call.from) === caller;
    if (isHis) hear(call.enteredAt, 'called-again');
  }
  for (const { connectedAt, to, begunAt } of house.outbound.values())
    if (connectedAt !== null && callerKey(to) === caller) hear(begunAt, 'called-back');
  if (at === Infinity) return { called_back: 'open', called_back_at: null };
  return { called_back: how, called_back_at: iso(at) };
}

export function askAbandoned(sources: Sources, asked: Asked): Rows<AbandonedCall> {
  const only = onlyQueues(asked, ['queue']);
  const found = sources.store.db
    .prepare(
      'SELECT call_id, queue, from_address, caller, left_at, wait_ms, last_position FROM visit ' +
        "WHERE outcome = 'ABANDONED' AND entered_at >= @from AND entered_at < @to" +
        `${only} ORDER BY entered_at LIMIT ${ROWS_MAX + 1}`,
    )
    .all(boundsOf(asked)) as AbandonedRow[];
  const rows = found.slice(0, ROWS_MAX).map((row) => ({
    call: row.call_id,
    queue: row.queue,
    from: row.from_address,
    at: iso(row.left_at),
    waited_seconds: seconds(row.wait_ms),
    position: row.last_position,
    ...calledBack(sources, row.caller, row.left_at),
  }));
  return { rows, more: found.length > ROWS_MAX };
}

interface CallRow {
  readonly call_id: string;
  readonly sip_call_id: string;
  readonly from_address: string;
  readonly from_name: string;
  readonly to_address: string;
  readonly first_queue: string;
  readonly last_queue: string;
  readonly entered_at: number;
  readonly ended_at: number;
  readonly status: string;
  readonly ended_by: string | null;
  readonly agent_id: string | null;
  readonly waited_ms: number;
  readonly talked_ms: number;
  readonly moves: number;
  readonly transfers: number;
  readonly outbound: number;
}

function callAnswer(row: CallRow): CallRecordAnswer {
  return {
    call: row.call_id,
    sip_call_id: row.sip_call_id,
    from: row.from_address,
    name: row.from_name,
    to: row.to_address,
    first_queue: row.first_queue,
    last_queue: row.last_queue,
    entered: iso(row.entered_at),
    ended: iso(row.ended_at),
    status: row.status,
    ended_by: row.ended_by,
    agent: row.agent_id,
    waited_seconds: seconds(row.waited_ms),
    talked_seconds: seconds(row.talked_ms),
    queues_left: row.moves,
    transfers: row.transfers,
    outbound: row.outbound === 1,
  };
}

/** Calls that stood in that queue, on their way through several, too. */
const IN_QUEUE =
  ' AND (first_queue = @queue OR last_queue = @queue OR EXISTS ' +
  '(SELECT 1 FROM visit WHERE visit.call_id = call.call_id AND visit.queue = @queue))';

/** An agent's own call is in no queue: whoever sees the agent sees it. */
const OF_SEEN_AGENT = '(outbound = 1 AND agent_id IN (SELECT value FROM json_each(@seen)))';

/** By their entry. */
export function askCalls(sources: Sources, asked: Asked): Rows<CallRecordAnswer> {
  const { scope } = asked;
  const queues = ['first_queue', 'last_queue'];
  const seen = onlyQueues({ ...asked, queue: undefined }, queues, [OF_SEEN_AGENT]);
  const queue = asked.queue === undefined ? seen : seen + IN_QUEUE;
  const agent = asked.agent === undefined ? '' : ' AND agent_id = @agent';
  const found = sources.store.db
    .prepare(
      'SELECT * FROM call WHERE entered_at >= @from AND entered_at < @to' +
        `${queue}${agent} ORDER BY entered_at LIMIT ${ROWS_MAX + 1}`,
    )
    .all({
      ...boundsOf(asked),
      ...(asked.agent === undefined ? {} : { agent: asked.agent }),
      ...(scope === undefined ? {} : { seen: JSON.stringify(scope.agents) }),
    }) as CallRow[];
  return { rows: found.slice(0, ROWS_MAX).map(callAnswer), more: found.length > ROWS_MAX };
}

interface SegmentRow {
  readonly kind: CallSegment['kind'];
  readonly queue: string;
  readonly agent: string;
  readonly from_at: number;
  readonly to_at: number;
  readonly outcome: string;
}

/** By its id or its SIP Call-ID; null: there is no such call among those that are over. */
export function askCall({ store }: Sources, id: string): CallDetail | null {
  const row = store.db
    .prepare(
      'SELECT * FROM call WHERE call_id = @id OR sip_call_id = @id ORDER BY seq DESC LIMIT 1',
    )
    .get({ id }) as CallRow | undefined;
  if (row === undefined) return null;
  const segments = store.db
    .prepare(
      "SELECT 'queue' AS kind, queue, coalesce(agent_id, '') AS agent, entered_at AS from_at, " +
        'left_at AS to_at, outcome, seq FROM visit WHERE call_id = @id UNION ALL ' +
        'SELECT what, queue, agent_id, from_at, to_at, detail, seq FROM span ' +
        `WHERE call_id = @id ORDER BY from_at, seq LIMIT ${ROWS_MAX}`,
    )
    .all({ id: row.call_id }) as SegmentRow[];
  return {
    ...callAnswer(row),
    segments: segments.map(({ kind, queue, agent, from_at, to_at, outcome }) => ({
      kind,
      queue,
      agent,
      from: iso(from_at),
      to: iso(to_at),
      seconds: seconds(to_at - from_at),
      outcome,
    })),
  };
}
