/**
 * Goal: `acd import` carries over what it can, says with its line what it cannot, and always writes
 * a configuration that is one, whatever it is given. The files are made up for this test.
 */
import fc from 'fast-check';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { filesOf } from '../../../../src/cli/import.ts';
import type { Files } from '../../../../src/cli/import/conf.ts';
import { readConf } from '../../../../src/cli/import/conf.ts';
import { readMember } from '../../../../src/cli/import/members.ts';
import { importFiles, type Imported } from '../../../../src/cli/import/write.ts';
import { knownSounds } from '../../../../src/cli/project.ts';
import { parseConfig } from '../../../../src/config/load.ts';

const fixtures = path.resolve(import.meta.dirname, '../../../fixtures/import');
const sounds = knownSounds();
const none: Files = { read: () => null, match: () => [] };

function bring(folder: string, ...names: readonly string[]): Extract<Imported, { ok: true }> {
  const given = names.map((name) => {
    const file = path.join(fixtures, folder, name);
    return { file, text: readFileSync(file, 'utf8') };
  });
  const result = importFiles(given, { host: '192.0.2.1', sounds, files: filesOf(() => undefined) });
  if (!result.ok) throw new Error(result.faults.join('\n'));
  return result;
}

const told = ({ notes }: Extract<Imported, { ok: true }>) =>
  notes.map(({ file, line, what }) => `${path.basename(file)}:${line}: ${what}`);

function single(text: string): Extract<Imported, { ok: true }> {
  const given = [{ file: 'queues.conf', text }];
  const result = importFiles(given, { host: 'pbx', sounds, files: none });
  if (!result.ok) throw new Error(result.faults.join('\n'));
  return result;
}

interface Made {
  readonly queues: readonly Record<string, unknown>[];
  readonly agents: readonly Record<string, unknown>[];
}
/** All scalars as texts, however they are written. */
const made = ({ yaml }: { yaml: string }) => parse(yaml, { schema: 'failsafe' }) as Made;

describe('acd import of an Asterisk', () => {
  const office = bring(
    'office',
    'queues.conf',
    'queuerules.conf',
    'agents.conf',
    'extensions.conf',
  );
  const { queues, agents } = made(office);

  it('takes queues, not templates and comments, from included files, too', () => {
    expect(queues.map(({ name }) => name)).toEqual(['support', 'sales-floor', 'night']);
  });

  it('takes options from templates, +=, and sections that are added to', () => {
    expect(queues[0]).toMatchObject({
      strategy: 'rrmemory',
      timeout: '20',
      joinempty: 'paused,inuse,invalid',
      weight: '5',
      maxlen: '12',
      defaultrule: 'widen',
    });
  });

  it('writes Asterisk’s standard values where ours differ', () => {
    expect(queues[0]).toMatchObject({ ringinuse: 'yes', timeoutrestart: 'no', autofill: 'yes' });
    expect(queues[1]).toMatchObject({ ringinuse: 'no' });
  });

  it('takes waits, destinations and keys from the dialplan', () => {
    expect(queues[0]).toMatchObject({
      'max-wait': '120',
      failover: { timeout: 'sip:150@192.0.2.1' },
      'exit-keys': ['0=sip:150@192.0.2.1', '9=queue:night'],
    });
  });

  it('makes one agent of each phone, and of each Agent/ one who logs in', () => {
    expect(agents).toContainEqual({
      id: '101',
      device: 'sip:101@192.0.2.1',
      registrar: 'pbx',
      name: 'Meyer, Ann',
    });
    expect(agents).toContainEqual({ id: '2001', pin: '4711', name: 'Dora' });
    expect(agents.filter(({ device }) => device === 'sip:101@192.0.2.1')).toHaveLength(1);
    expect(queues[0]?.['members']).toContainEqual({
      agent: '101',
      penalty: '1',
      ringinuse: 'yes',
      wrapuptime: '30',
    });
  });

  it('says line by line what it could not carry over', () => {
    const lines = told(office);
    for (const line of [
      'queuerules.conf:4: penaltychange = soon,1',
      'night.conf:7: this line is nothing',
      'queues.conf:50: #include missing.conf',
      'queues.conf:29: paused',
      'queues.conf:32: member = DAHDI/g1/5551234',
      'queues.conf:37: timeout = 0',
      'queues.conf:41: setinterfacevar = yes',
      'queues.conf:35: [sales floor]',
    ]) {
      expect(lines).toContain(line);
    }
    expect(lines.join('\n')).not.toMatch(/ghost|nowhere|persistentmembers|shared_lastcall/);
  });
});

describe('acd import of a FreePBX', () => {
  it('takes queues, members, longest wait and destination from its generated files', () => {
    const pbx = bring('freepbx', 'queues_additional.conf', 'extensions_additional.conf');
    const { queues, agents } = made(pbx);
    expect(queues[0]).toMatchObject({
      name: '600',
      strategy: 'fewestcalls',
      'max-wait': '300',
      failover: { timeout: 'queue:601', leaveempty: 'queue:601' },
      members: [{ agent: '201' }, { agent: '202', penalty: '3' }],
    });
    expect(agents.map(({ name }) => name)).toEqual(['Eve', 'Finn']);
    expect(told(pbx)).toContain('extensions_additional.conf:9: goto(ivr-2,s,1)');
  });
});

describe('a member', () => {
  it.each([
    ['SIP/100,1,Name,SIP/100,yes', { user: '100', id: '100', penalty: 1, name: 'Name' }],
    ['PJSIP/100/sip:x@y', { user: '100', penalty: 0 }],
    ['Local/100@from-queue/n,,"A, B"', { user: '100', name: 'A, B' }],
    ['Agent/1001', { user: null, id: '1001' }],
    ['PJSIP/ann', { user: 'ann', id: null }],
    ['SIP/100,-1', { penalty: 0 }],
  ])('%s', (written, member) => {
    expect(readMember(written, false)).toMatchObject(member);
  });

  it('with a negative penalty is never called where Asterisk says so', () => {
    expect(readMember('SIP/100,-1', true)).toMatchObject({ penalty: -1 });
  });
});

describe('a file', () => {
  it('that includes itself is read once', () => {
    const text = '#include queues.conf\n[a]\nstrategy=linear';
    const files: Files = { read: () => text, match: () => ['queues.conf'] };
    const conf = readConf('queues.conf', text, files);
    expect(conf.notes).toMatchObject([{ line: 1, why: 'queues.conf includes itself' }]);
    expect(conf.sections).toHaveLength(1);
  });

  it('cannot take a value from the environment', () => {
    const { yaml } = single('[a]\nmember => SIP/1,0,${HOME}');
    const read = parseConfig(yaml, { env: {}, folder: '/' });
    expect(read.ok && read.config.core.agents[0]?.name).toBe('${HOME}');
  });

  it('of any text becomes a configuration that passes the check', () => {
    const word = fc.constantFrom(
      ...'[a] [b](!) [c](b) [a](+) [general] [600] [x y] [ ;-- --; ; \\; # #include => = +='.split(
        ' ',
      ),
      'strategy=ringall',
      'timeout=99999',
      'retry=-1',
      'weight=x',
      'joinempty=paused,odd',
      'member => SIP/100,1,Name,SIP/100,yes',
      'member => PJSIP/x,-5,"A, B',
      'member=Local/7@q/n,,,,,1e9,yes',
      'member=Agent/100',
      'context=a',
      'exten => 0,1,Queue(a)',
      'exten => 600,1,Queue(${QUEUENUM},t,,,${QMAXWAIT})',
      'same => n,Goto(ext-queues,600,1)',
      'defaultrule=r',
      'penaltychange => 1,2',
      '__proto__=1',
      '[constructor]',
      '[__proto__]',
    );
    const line = fc.oneof(
      { weight: 6, arbitrary: word },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
    );
    const text = fc.array(line, { maxLength: 40 }).map((lines) => lines.join('\n'));
    const file = fc.constantFrom(
      'queues.conf',
      'queuerules.conf',
      'agents.conf',
      'extensions.conf',
    );
    fc.assert(
      fc.property(fc.array(fc.record({ file, text }), { maxLength: 4 }), (given) => {
        const result = importFiles(given, { host: 'pbx:5060', sounds, files: none });
        expect(result).toMatchObject({ ok: true });
      }),
      { seed: 7, numRuns: 60 },
    );
  });
});

describe('acd import of what people write', () => {
  it('notes nothing where what there is not here was off', () => {
    const off = [
      'memberdelay=0',
      'reportholdtime=no',
      'monitor-format=',
      'queue-thankyou=silence/1',
    ];
    expect(told(single(`[600]\n${off.join('\n')}\n`))).toEqual([]);
    expect(told(single('[600]\nmemberdelay=2\n'))).toEqual(['queues.conf:2: memberdelay = 2']);
  });

  it('writes whole numbers as such, and names of digits as texts', () => {
    const { yaml } = single('[600]\nweight=5\nmember => SIP/101,7,200\n[700]\nmember => SIP/007\n');
    for (const line of ['name: "600"', 'weight: 5', 'agent: 101', 'penalty: 7', 'name: "200"'])
      expect(yaml).toContain(line);
    expect(yaml).toContain('agent: "007"');
  });

  it('takes priority and rule of Queue(), and says which penalties it does not', () => {
    const files = [
      { file: 'queues.conf', text: '[600]\n[601]\n[602]\ndefaultrule=wide\n' },
      { file: 'queuerules.conf', text: '[wide]\npenaltychange => 30,10\n' },
      {
        file: 'extensions.conf',
        text: [
          '[ext-queues]',
          'exten => 600,1,Set(_QUEUE_PRIO=5)',
          'exten => 600,n,Queue(600,t,,,,,,,wide)',
          'exten => 601,1,Set(QUEUE_PRIO=$[${X}+1])',
          'exten => 601,n,Set(QUEUE_MAX_PENALTY=3)',
          'exten => 601,n,Queue(601)',
          'exten => 602,1,Queue(602,t,,,,,,,${QRULE})',
        ].join('\n'),
      },
    ];
    const result = importFiles(files, { host: 'pbx', sounds, files: none });
    if (!result.ok) throw new Error(result.faults.join('\n'));
    const { queues } = made(result);
    expect(queues[0]).toMatchObject({ name: '600', priority: '5', defaultrule: 'wide' });
    expect(queues[1]).not.toHaveProperty('priority');
    expect(queues[2]).toHaveProperty('defaultrule', 'wide');
    expect(told(result)).toEqual([
      'extensions.conf:4: Set(QUEUE_PRIO=$[${X}+1])',
      'extensions.conf:5: Set(QUEUE_MAX_PENALTY=3)',
    ]);
  });
});

describe('acd import of odd files, read as Asterisk reads them', () => {
  const queue = (text: string) => made(single(text)).queues[0];

  it('heeds no capitals in names of sections', () => {
    const text =
      '[General]\nautofill = yes\n[Base](!)\nweight = 3\n[Sales](BASE)\n[sales](+)\nmaxlen = 4\n';
    const { queues } = made(single(text));
    expect(queues).toMatchObject([{ name: 'Sales', autofill: 'yes', weight: '3', maxlen: '4' }]);
  });

  it('given `+=`, adds to the line before, blanks and all, and makes no second member', () => {
    const text = '[a]\nmember => SIP/101\nmember += ,4,Ann\nmusicclass = def\nmusicclass +=ault\n';
    const { queues, agents } = made(single(text));
    expect(queues[0]).toMatchObject({ members: [{ agent: '101', penalty: '4' }] });
    expect(queues[0]).toMatchObject({ musicclass: 'default' });
    expect(agents).toMatchObject([{ id: '101', name: 'Ann' }]);
    expect(told(single(text))).toEqual([]);
    // atoi("2 5") is 2 there; here it is no number, and told.
    expect(told(single('[a]\nweight = 2\nweight += 5\n'))).toEqual(['queues.conf:3: weight = 2 5']);
  });

  it('given a member of the template again, takes what the later line says', () => {
    const text =
      '[t](!)\nmember => SIP/101,5\nmember => SIP/102\n[a](t)\nmember => sip/101,1,,,no\n';
    expect(queue(text)).toMatchObject({
      members: [{ agent: '101', penalty: '1', ringinuse: 'no' }, { agent: '102' }],
    });
    const other = single('[a]\nmember => SIP/101,5\nmember => Local/101@x,1\n');
    expect(told(other)).toEqual(['queues.conf:3: member = Local/101@x,1']);
  });

  it("given neither yes nor no for a member's ringinuse, leaves it to the queue", () => {
    const odd = single('[a]\nmember => SIP/101,0,,,maybe\n');
    expect(made(odd).queues[0]).toMatchObject({ members: [{ agent: '101' }] });
    expect(told(odd)).toEqual(['queues.conf:2: ringinuse maybe']);
  });

  it('given a wrap-up of 0 for a member, leaves it to the queue', () => {
    const found = single('[a]\nmember => SIP/101,0,,,,0\nmember => SIP/102,0,,,,-4\n');
    expect(made(found).queues[0]).toMatchObject({ members: [{ agent: '101' }, { agent: '102' }] });
    expect(JSON.stringify(made(found))).not.toContain('wrapuptime');
    expect(told(found)).toEqual(['queues.conf:3: wrapuptime -4']);
  });

  it.each([
    ['ringinuse = t', { ringinuse: 'yes' }, []],
    ['ringinuse = never', { ringinuse: 'no' }, ['queues.conf:2: ringinuse = never']],
    ['autopause = on', { autopause: 'yes' }, []],
    ['autopause = all', { autopause: 'all' }, []],
    ['timeout = -3', { timeout: '15' }, ['queues.conf:2: timeout = -3']],
    ['joinempty = strict,inuse', { joinempty: 'penalty,invalid,paused,unavailable,inuse' }, []],
    ['joinempty = paused,yes', { joinempty: 'yes' }, []],
    ['joinempty = paused\njoinempty = inuse', { joinempty: 'paused,inuse' }, []],
    ['joinempty = paused\njoinempty = loose', { joinempty: 'penalty,invalid' }, []],
    ['leavewhenempty = wrapup,true', { leavewhenempty: 'penalty,invalid,paused' }, []],
    ['leavewhenempty = wrapup,no', { leavewhenempty: 'no' }, []],
    ['reportholdtime = n', {}, []],
  ])('%s', (line, options, notes) => {
    const found = single(`[a]\n${line}\n`);
    expect(made(found).queues[0]).toMatchObject(options);
    expect(told(found)).toEqual(notes);
  });

  it('finds what a file in another folder includes where the first file is', () => {
    const texts: Record<string, string> = { '/etc/queues/b.conf': '[b]\n', '/etc/sub/a.conf': '' };
    texts['/etc/sub/a.conf'] = '#include queues/b.conf\n[a]\n';
    const files: Files = {
      read: (file) => texts[file] ?? null,
      match: (name, from) => [path.join(path.dirname(from), name)].filter((file) => file in texts),
    };
    const conf = readConf('/etc/queues.conf', '#include sub/a.conf', files);
    expect(conf.sections.map(({ name }) => name)).toEqual(['b', 'a']);
    expect(conf.notes).toEqual([]);
  });

  it('goes on behind an #include in the section in which that stands, as Asterisk does', () => {
    const texts: Record<string, string> = {
      '/etc/one.conf': 'weight=1\n[b]\nweight=2\n',
      '/etc/two.conf': 'maxlen=2\n',
    };
    const files: Files = { read: (file) => texts[file] ?? null, match: (name) => [`/etc/${name}`] };
    const text = '[a]\n#include one.conf\nretry=3\n#include two.conf\ntimeout=4\n';
    const { sections } = readConf('/etc/queues.conf', text, files);
    const read = sections.map(({ name, entries }) => [name, ...entries.map(({ key }) => key)]);
    // An included file without a section goes on in the last one that was begun anywhere.
    expect(read).toEqual([
      ['a', 'weight', 'retry', 'timeout'],
      ['b', 'weight', 'maxlen'],
    ]);
  });

  it('has the strategy that stands first, a template’s, too, as Asterisk has it', () => {
    const text = '[t](!)\nstrategy=rrmemory\n[a](t)\nstrategy=linear\n[b](t)\nstrategy=rrmemory\n';
    const found = single(text);
    expect(made(found).queues.map(({ strategy }) => strategy)).toEqual(['rrmemory', 'rrmemory']);
    expect(told(found)).toEqual(['queues.conf:4: strategy = linear']);
  });

  it('tells of a member behind a trunk that the PBX has to find the way', () => {
    const found = single('[a]\nmember => PJSIP/101@trunk-eu\nmember => Local/102@from-queue/n\n');
    expect(made(found).agents).toMatchObject([{ id: '101' }, { id: '102' }]);
    expect(told(found)).toEqual(['queues.conf:2: @trunk-eu']);
  });

  it('does not take for a template what stands a blank behind the bracket', () => {
    const found = single('[a] (!)\nweight = 2\n');
    expect(made(found).queues).toMatchObject([{ name: 'a', weight: '2' }]);
    expect(told(found)).toEqual(['queues.conf:1: (!)']);
  });

  it('looks for WAV files named by their path, writes none that acd check misses', () => {
    const given = [{ file: 'queues.conf', text: '[a]\nperiodic-announce = /s/there,/s/x.wav\n' }];
    const hasFile = (file: string) => file === '/s/there.wav';
    const found = importFiles(given, { host: 'pbx', sounds: { ...sounds, hasFile }, files: none });
    if (!found.ok) throw new Error(found.faults.join('\n'));
    expect(found.notes).toMatchObject([{ line: 2, why: /"\/s\/x.wav"/ }]);
    const [one] = given;
    const there = [{ file: 'queues.conf', text: (one?.text ?? '').replace(',/s/x.wav', '') }];
    const good = importFiles(there, { host: 'pbx', sounds: { ...sounds, hasFile }, files: none });
    expect(good).toMatchObject({ ok: true, notes: [] });
    expect(good.ok && made(good).queues[0]).toMatchObject({
      'periodic-announce': ['/s/there.wav'],
    });
  });

  it('reads CRLF, a byte order mark and Latin-1', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'acd-import-'));
    const file = path.join(folder, 'queues.conf');
    writeFileSync(file, Buffer.from('[a]\r\nmember => SIP/101,0,J\u00f6rg\r\n', 'latin1'));
    const latin: string[] = [];
    const text = filesOf((one) => latin.push(one)).read(file) ?? '';
    rmSync(folder, { recursive: true });
    expect(latin).toEqual([file]);
    expect(made(single(text)).agents).toMatchObject([{ id: '101', name: 'J\u00f6rg' }]);
    expect(made(single('\ufeff[a]\r\nweight=7\r\n')).queues).toMatchObject([{ weight: '7' }]);
  });
});
