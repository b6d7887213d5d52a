/**
 * Goal: `acd sim` and `acd replay` say what they must, in one object where asked, and give the
 * right status. Method: run the verbs as the command line does, on a short day.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../../src/cli/index.ts';

const SHORT = ['--hours', '0.05', '--agents', '4', '--calls', '20', '--handle', '20'];
const CONFIG = `
queues: [{name: queue1}, {name: queue2}]
agents: [{id: "100000", queues: [queue1, queue2]}, {id: "100001", queues: [queue1, queue2]}]
`;

let out = '';
let err = '';
let folder = '';
beforeEach(() => {
  [out, err] = ['', ''];
  folder = mkdtempSync(path.join(tmpdir(), 'acd-sim-'));
  const catches = (keep: (text: string) => void) => (text: string | Uint8Array) => {
    keep(String(text));
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(catches((text) => (out += text)));
  vi.spyOn(process.stderr, 'write').mockImplementation(catches((text) => (err += text)));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

describe('acd sim', () => {
  it('ends with one object under --json', async () => {
    expect(await runCli(['sim', '--seed', '7', ...SHORT, '--json'])).toBe(0);
    const found = JSON.parse(out) as Record<string, unknown>;
    expect(found).toMatchObject({ seed: 7, violations: 0 });
    expect(found['hash']).toMatch(/^[0-9a-f]{16}$/);
    expect(found['offered']).toBeGreaterThan(5);
  });

  it('refuses what cannot be, in words', async () => {
    expect(await runCli(['sim', '--agents', 'many'])).toBe(1);
    expect(err).toBe('--agents must be a whole number\n');
  });
});

describe('acd replay', () => {
  it('compares a day kept by acd sim with another configuration', async () => {
    const journal = path.join(folder, 'day.db');
    const config = path.join(folder, 'other.yaml');
    writeFileSync(config, CONFIG);
    const day = ['--journal', journal, '--queues', '2', '--memberships', '2', '--no-faults'];
    expect(await runCli(['sim', ...SHORT, ...day])).toBe(0);
    expect(await runCli(['sim', ...SHORT, ...day])).toBe(1);
    expect(err).toMatch(/day.db is there already/);
    out = '';
    const asked = ['replay', '--journal', journal, '--config', config];
    expect(await runCli(asked)).toBe(0);
    expect(out).toMatch(/recorded +run again +other.yaml +difference/);
    expect(out).toMatch(/agents not in the other configuration: 100002, 100003/);
    out = '';
    expect(await runCli([...asked, '--json'])).toBe(0);
    const found = JSON.parse(out) as Record<string, Record<string, unknown>>;
    expect(found['other']?.['offered']).toBe(found['recorded']?.['offered']);
    expect(Object.keys(found['difference'] ?? {})).toContain('serviceLevel');
  });

  it('cuts the day where the reports cut it', async () => {
    const journal = path.join(folder, 'day.db');
    const config = path.join(folder, 'samoa.yaml');
    writeFileSync(config, `${CONFIG}reports: {time-zone: Pacific/Pago_Pago}`);
    // It begins on Monday the 5th at 08:00 UTC, which is Sunday there.
    expect(await runCli(['sim', ...SHORT, '--journal', journal, '--no-faults'])).toBe(0);
    const asked = ['replay', '--journal', journal, '--config', config, '--day'];
    expect(await runCli([...asked, '2026-01-04'])).toBe(0);
    expect(await runCli([...asked, '2026-01-05'])).toBe(1);
    expect(err).toMatch(/no call came in that time/);
    expect(await runCli([...asked, '2026-02-30'])).toBe(1);
    expect(err).toMatch(/--day must be a day of Pacific\/Pago_Pago, as in/);
  });

  it('says what it cannot read', async () => {
    const config = path.join(folder, 'other.yaml');
    writeFileSync(config, CONFIG);
    const asked = ['replay', '--config', config, '--journal'];
    expect(await runCli([...asked, path.join(folder, 'none.db')])).toBe(1);
    expect(err).toMatch(/none.db does not exist/);
    expect(await runCli([...asked, 'x', '--day', 'monday'])).toBe(1);
    expect(err).toMatch(/--day must be a day of \S+, as in/);
  });
});
