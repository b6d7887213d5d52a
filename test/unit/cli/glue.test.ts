/** Goal: what `acd glue` prints follows the very configuration: queues, codes, account, phones. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { glueOf, GLUES } from '../../../src/cli/glue.ts';
import { BEHIND_CODE, partsOf, type GlueParts } from '../../../src/cli/glue/parts.ts';
import { parseConfig } from '../../../src/config/load.ts';

const yaml = `
queues: [{name: sales}, {name: help.desk}]
agents:
  - {id: 1, device: "sip:101@192.0.2.1", registrar: office, queues: sales}
  - {id: 2, device: "sip:202@192.0.2.2", registrar: branch}
  - {id: 3}
sip:
  login:
    codes: [acdlogin, "*77"]
    logout-codes: ["*78"]
    pause-codes: ["*46"]
    resume-codes: []
    wrapup-codes: [acdready]
  register:
    - {name: office, registrar: "sip:192.0.2.1", username: acd, password: secret-1}
    - {name: branch, registrar: "sip:192.0.2.2", username: line, password: secret-2}
`;

function parts(pbx?: string, text = yaml): GlueParts {
  const read = parseConfig(text, { env: {}, folder: '/' });
  const found = read.ok ? partsOf(read.config, pbx) : 'no configuration';
  if (typeof found === 'string') throw new Error(found);
  return found;
}

describe('acd glue', () => {
  it('takes the first PBX, or the one that is named', () => {
    expect(parts().account.username).toBe('acd');
    expect(parts('branch')).toMatchObject({ account: { username: 'line' }, phones: ['202'] });
    expect(() => parts('home')).toThrow('there are: office, branch');
  });

  it.each(Object.entries(GLUES))(
    '%s: has each queue, each code, and no password',
    (_name, glue) => {
      const text = glue(parts());
      for (const word of [/sales/, /help\\*\.desk/, /acdlogin/, /\*77/, /\*78/]) {
        expect(text).toMatch(word);
      }
      expect(text).not.toContain('secret');
    },
  );

  it('freepbx: rings phones past voicemail and follow me, as the README has it by hand', () => {
    const text = GLUES.freepbx(parts());
    const code = text.slice(text.indexOf('[from-acd]')).split('\n');
    const bare = (line: string) => line.replace(/ +; .*/, '').trim();
    const readme = readFileSync(path.resolve(import.meta.dirname, '../../../README.md'), 'utf8');
    const byHand = new Set(readme.split('\n').map(bare));
    expect(code.length).toBeGreaterThan(8);
    expect(code.map(bare).filter((line) => !byHand.has(line))).toEqual([]);
  });

  it('asterisk: has hints and the context in which the ACD subscribes', () => {
    const text = GLUES.asterisk(parts());
    expect(text).toContain('subscribe_context = acd-hints');
    expect(text).toContain('exten => 101,hint,PJSIP/101');
    expect(text).toContain(
      'exten => _*77.,1,Dial(PJSIP/${FILTER(a-zA-Z0-9*+#._~\\-,${EXTEN})}@acd)',
    );
  });

  it('kamailio: a dot in a name is no wildcard', () => {
    const text = GLUES.kamailio(parts());
    expect(text).toContain(String.raw`^(sales|help\\.desk|acdlogin|acdready|\\*77`);
    expect(text).toContain(String.raw`|\\*78[0-9]*(\\*[A-Za-z0-9._~-]+)?|`);
  });

  it('kamailio: the README lets the same through behind a code', () => {
    const manual = readFileSync(path.resolve(import.meta.dirname, '../../../README.md'), 'utf8');
    const behind = BEHIND_CODE.replaceAll('\\', '\\\\');
    expect(manual).toContain(String.raw`|\\*4[4-8]${behind})$"`);
    expect(GLUES.kamailio(parts())).toContain(String.raw`|\\*77${behind}|`);
  });

  it('freeswitch: phones have a context of their own, and log in by the name they proved', () => {
    const text = GLUES.freeswitch(parts());
    expect(text).toContain('<variable name="user_context" value="acd"/>');
    const [, own = ''] = /<context name="acd">(.*?)<\/context>/s.exec(text) ?? [];
    expect(own).toContain('<action application="bridge" data="user/$1@${domain_name}"/>');
    // Voicemail must not answer for a phone that did not.
    expect(own).not.toMatch(/continue_on_fail|answer|transfer"/);
    const of = (title: string): string =>
      new RegExp(`<extension name="acd ${title}">.*?</extension>`, 's').exec(text)?.[0] ?? '';
    const proved = 'data="effective_caller_id_number=${user_name}"';
    expect(of('codes')).toContain(proved);
    expect(of('codes')).toContain(String.raw`"^(acdlogin|\*77${BEHIND_CODE}|\*78`);
    expect(of('queues')).not.toContain(proved);
    expect(of('queues')).toContain(String.raw`expression="^(sales|help\.desk)$"`);
    const manual = readFileSync(path.resolve(import.meta.dirname, '../../../README.md'), 'utf8');
    expect(manual).toContain(own);
  });

  describe('of a configuration with a queue for calls to one agent alone', () => {
    const direct = yaml.replace('queues: [', 'queues: [{name: personal, direct: yes}, ');
    const found = parts(undefined, direct);

    it.each(Object.entries(GLUES))('%s: leaves out its name, and tells of ids', (_name, glue) => {
      const text = glue(found);
      expect(text).not.toContain('personal');
      expect(text).toMatch(/agent alone/);
      expect(glue(parts())).not.toMatch(/agent alone/);
    });

    it('asterisk: has them in a context that the ACD’s own calls do not come to', () => {
      const text = GLUES.asterisk(found);
      const [, own = ''] = /\[acd-agents\][^\n]*\n((?:exten[^\n]*\n)*)/.exec(text) ?? [];
      expect(own.split('\n')).toEqual([
        'exten => 1,1,Dial(PJSIP/1@acd)',
        'exten => 2,1,Dial(PJSIP/2@acd)',
        'exten => 3,1,Dial(PJSIP/3@acd)',
        '',
      ]);
    });
  });

  it('writes a password so that the PBX reads the same', () => {
    const odd = `p;a&b"<c>`;
    expect(glueOf('asterisk', parts(), odd)).toContain(String.raw`password = p\;a&b"<c>`);
    expect(glueOf('freeswitch', parts(), odd)).toContain('value="p;a&amp;b&quot;&lt;c>"');
    expect(glueOf('asterisk', parts(), null)).not.toContain(odd);
  });

  it('asterisk: letters of a code are no pattern, a user’s semicolon no comment', () => {
    const odd = yaml.replace('"*77"', '"*LOGIN"').replace('username: acd', 'username: "a;b"');
    const text = GLUES.asterisk(parts(undefined, odd));
    expect(text).toContain('exten => _*LOGI[N].,1,Dial(PJSIP/${FILTER(');
    expect(text).toContain(String.raw`[a\;b]`);
  });
});
