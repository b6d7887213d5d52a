/**
 * Goal: the log is one stream of one format, whoever spoke, and no peer can forge a line of it.
 * Method: lines in, lines out.
 */
import { describe, expect, it } from 'vitest';
import { readLine, writeJson, writePretty } from '../../../src/observe/line.ts';
import { createLog } from '../../../src/observe/log.ts';
import { createMetrics } from '../../../src/observe/metrics.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

describe('log lines of children', () => {
  it('reads a JSON entry', () => {
    const written = '{"level":40,"time":7,"name":"mediad","leg":"a","msg":"silent"}';
    expect(readLine(written, 'x', NOW)).toEqual({
      time: 7,
      level: 'warn',
      name: 'mediad',
      text: 'silent',
      fields: { leg: 'a' },
    });
  });

  it('reads a plain entry with its time and level', () => {
    const read = readLine('2026-01-02T03:04:05.006Z warn 3 log lines left out', 'sipd', 0);
    const text = '3 log lines left out';
    expect(read).toEqual({ time: NOW, level: 'warn', name: 'sipd', text, fields: {} });
  });

  it.each(['Error: boom', '{"a":', '{"no":"message"}', ''])('takes %j as text', (text) => {
    expect(readLine(text, 'sipd', NOW)).toMatchObject({ time: NOW, name: 'sipd', text });
  });

  it('survives a round through JSON', () => {
    const line = readLine('{"level":50,"time":7,"name":"sip","n":1,"msg":"m"}', 'x', NOW);
    expect(readLine(writeJson(line), 'x', NOW)).toEqual(line);
  });

  it('writes one readable line, whatever stands in it', () => {
    const written = writePretty(
      readLine('{"level":30,"name":"sip","from":"a b\\u001b[2J","n":2,"msg":"x\\ny"}', 's', NOW),
    );
    expect(written).toMatch(/^\d\d:\d\d:\d\d\.006 info {2}sip: x y {1,2}from="a b.*" n=2$/);
    expect(written).not.toMatch(/\p{Cc}/u);
  });
});

describe('the log', () => {
  it('writes JSON with level, name and fields, and children by their own name', () => {
    const lines: string[] = [];
    const log = createLog({
      level: 'info',
      format: 'json',
      name: 'server',
      write: (line) => lines.push(line),
    });
    log.debug({}, 'hidden');
    log.child({ name: 'sip' }).warn({ status: 503 }, 'away');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 40,
      name: 'sip',
      status: 503,
      msg: 'away',
    });
  });

  it('writes for people when asked', () => {
    const lines: string[] = [];
    const write = (line: string) => lines.push(line);
    createLog({ level: 'info', format: 'pretty', name: 'server', write }).info({ a: 1 }, 'ready');
    expect(lines.join('')).toMatch(/ info {2}server: ready {1,2}a=1\n$/);
  });
});

describe('metrics', () => {
  it('reads gauges when asked and counts events', async () => {
    let waiting = 2;
    const metrics = createMetrics(() => ({
      waiting: new Map([['queue1', waiting]]),
      talking: new Map(),
      agents: new Map([['idle', 3]]),
      outbound: new Map([['talking', 1]]),
      mediaLegs: 4,
      journalSeq: 17,
      isOverloaded: true,
      journal: { backlog: 2, appends: 7, failures: 1, appendSeconds: 0.25 },
      reports: { lag: 12 },
      bugs: new Map([['invariant', 1]]),
      audioLoss: new Map([['in', 6]]),
      parts: new Map([['sip', false]]),
      registrars: new Map([['pbx', false]]),
      guard: {
        refused: new Map([['silenced', 40]]),
        banned: new Map([['flood', 2]]),
        bans: new Map([['flood', 1]]),
        locks: new Map([['phone', 1]]),
      },
    }));
    metrics.callEnded('queue1', 'COMPLETED');
    metrics.offerEnded('busy');
    metrics.callsShed('calls', 3);
    metrics.offerAnswered(486);
    metrics.outboundEnded('busy', 0);
    metrics.outboundEnded('completed', 61_500);
    waiting = 5;
    const text = await metrics.text();
    expect(text).toContain('acd_calls_waiting{queue="queue1"} 5');
    expect(text).toContain('acd_agents{state="idle"} 3');
    expect(text).toContain('acd_calls_total{queue="queue1",status="COMPLETED"} 1');
    expect(text).toContain('acd_offers_total{outcome="busy"} 1');
    expect(text).toContain('acd_calls_shed_total{why="calls"} 3');
    expect(text).toContain('acd_overloaded 1');
    expect(text).toContain('acd_media_legs 4');
    expect(text).toContain('acd_loop_delay_seconds{quantile="0.99"}');
    expect(text).toContain('acd_offer_sip_status_total{status="486"} 1');
    expect(text).toContain('acd_outbound_calls{state="talking"} 1');
    expect(text).toContain('acd_outbound_calls_total{outcome="busy"} 1');
    expect(text).toContain('acd_outbound_calls_total{outcome="no-answer"} 0');
    expect(text).toContain('acd_outbound_talk_seconds_total 61.5');
    expect(text).toContain('acd_bugs_total{kind="invariant"} 1');
    expect(text).toContain('acd_audio_loss_reports_total{direction="in"} 6');
    expect(text).toContain('acd_part_up{part="sip"} 0');
    expect(text).toContain('acd_journal_backlog 2');
    expect(text).toContain('acd_journal_append_seconds_total 0.25');
    expect(text).toContain('acd_journal_append_failures_total 1');
    expect(text).toContain('acd_reports_lag_events 12');
    expect(text).toContain('acd_sip_refused_total{why="silenced"} 40');
    expect(text).toContain('acd_sip_banned_total{why="flood"} 2');
    expect(text).toContain('acd_sip_bans{why="flood"} 1');
    expect(text).toContain('acd_locks{kind="phone"} 1');
    expect(text).toContain('acd_registrar_up{registrar="pbx"} 0');
    expect(text, 'there before its first').toContain('acd_offers_total{outcome="media"} 0');
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    for (const [, name = '', type] of types)
      expect(type === 'counter', name).toBe(name.endsWith('_total'));
    expect(await metrics.text(), 'read anew, not added up').toContain(
      'acd_sip_refused_total{why="silenced"} 40',
    );
  });
});
