/**
 * Goal: file and REST write one configuration, and neither loses a change of the other unnoticed.
 * Method: the merge's laws over random documents (fast-check), and what a person would see of it.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isEqual, readDoc, sealPins, writeDoc, type Doc } from '../../../src/config/document.ts';
import { diffConfigs, mergeConfigs } from '../../../src/config/merge.ts';
import type { Tree } from '../../../src/config/tree.ts';

const timeout = fc.option(fc.constantFrom('5', '10', '15'), { nil: undefined });
const welcome = fc.option(fc.constantFrom('hello', ['hello', 'bye'], []), { nil: undefined });
const members = fc.uniqueArray(
  fc.record({ agent: fc.constantFrom('1', '2', '3'), penalty: fc.constantFrom('0', '1') }),
  { selector: (one) => one.agent },
);
const queue = fc.record({
  name: fc.constantFrom('sales', 'help', 'home'),
  timeout,
  welcome,
  members,
});
const agent = fc.record({
  id: fc.constantFrom('1', '2', '3'),
  queues: fc.uniqueArray(fc.constantFrom('sales', 'help', 'home')),
});
const document: fc.Arbitrary<Doc> = fc.record({
  queues: fc.uniqueArray(queue, { selector: (one) => one.name }),
  agents: fc.uniqueArray(agent, { selector: (one) => one.id }),
  'pause-reasons': fc.uniqueArray(fc.constantFrom('lunch', 'lunch=60', 'talk'), {
    selector: (one) => one.split('=')[0],
  }),
});
const three = fc.tuple(document, document, document);
/** What is in it, whatever the order, and with an empty list as none. */
const content = (tree: Tree): string => {
  if (Array.isArray(tree)) return `[${tree.map(content).sort().join()}]`;
  if (typeof tree !== 'object') return String(tree);
  const entries = Object.entries(tree as Doc).map(([key, held]) => `${key}:${content(held)}`);
  return `{${entries
    .filter((entry) => !/:(undefined|\[\])$/.test(entry))
    .sort()
    .join()}}`;
};
const paths = (before: Doc, after: Doc) => diffConfigs(before, after).map(({ path }) => path);

describe('merging file and REST', () => {
  it('follows whoever changed anything, where only one did', () => {
    fc.assert(
      fc.property(document, document, (base, other) => {
        const byFile = mergeConfigs(base, other, base);
        const byRest = mergeConfigs(base, base, other);
        expect([byFile.conflicts, byRest.conflicts]).toEqual([[], []]);
        expect(byFile.doc).toEqual(other);
        expect(byRest.doc).toEqual(other);
        expect(mergeConfigs(base, other, other)).toEqual({ doc: other, conflicts: [] });
      }),
    );
  });

  it('names the same conflicts whichever side is called which', () => {
    fc.assert(
      fc.property(three, ([base, file, live]) => {
        const one = mergeConfigs(base, file, live).conflicts;
        const other = mergeConfigs(base, live, file).conflicts;
        expect([...one].sort()).toEqual([...other].sort());
      }),
    );
  });

  it('changes nothing that neither has changed, and loses nothing that one has', () => {
    fc.assert(
      fc.property(three, ([base, file, live]) => {
        const { doc, conflicts } = mergeConfigs(base, file, live);
        if (conflicts.length > 0) return;
        const isOrder = (path: string) => path.endsWith('(order)');
        const touched = new Set([...paths(base, file), ...paths(base, live)]);
        for (const path of paths(base, doc)) {
          const isKnown = [...touched].some((one) => path.startsWith(one) || one.startsWith(path));
          expect(isKnown || isOrder(path), path).toBe(true);
        }
      }),
    );
  });

  it('settles every conflict by the preference, for the file or for REST', () => {
    fc.assert(
      fc.property(three, ([base, file, live]) => {
        const byFile = mergeConfigs(base, file, live, 'file').doc;
        const byRest = mergeConfigs(base, live, file, 'rest').doc;
        expect(content(byFile)).toEqual(content(byRest));
        // Loading the same file once more, REST having done nothing since, changes nothing.
        expect(mergeConfigs(file, file, byFile)).toEqual({ doc: byFile, conflicts: [] });
      }),
    );
  });

  it('given two options of one queue changed by two, takes both', () => {
    const at = (more: Readonly<Record<string, string>>) => ({
      queues: [{ name: 'sales', ...more }],
    });
    const base = at({ timeout: '15', weight: '1' });
    const merged = mergeConfigs(
      base,
      at({ timeout: '20', weight: '1' }),
      at({ timeout: '15', weight: '2' }),
    );
    expect(merged).toEqual({ doc: at({ timeout: '20', weight: '2' }), conflicts: [] });
  });

  it('given a queue removed by the file and changed by REST, says so', () => {
    const base = { queues: [{ name: 'sales', timeout: '15' }] };
    const live = { queues: [{ name: 'sales', timeout: '20' }] };
    expect(mergeConfigs(base, { queues: [] }, live).conflicts).toEqual(['queues[sales]']);
    expect(mergeConfigs(base, { queues: [] }, live, 'file').doc['queues']).toBe(undefined);
  });
});

describe('a document', () => {
  it('is the same after it was kept as text', () => {
    fc.assert(
      fc.property(document, (doc) => {
        expect(isEqual(readDoc(writeDoc(doc)), doc)).toBe(true);
      }),
    );
  });

  it('keeps no PIN that can be read, and the seal of one that is unchanged', () => {
    const salt = () => '0123456789abcdef';
    const doc = {
      agents: [
        { id: '1', pin: '4711' },
        { id: '2', pin: '${PIN}' },
      ],
    };
    const sealed = sealPins(doc, [], salt);
    expect(writeDoc(sealed)).not.toContain('4711');
    expect(writeDoc(sealed)).toContain('${PIN}');
    const again = sealPins(doc, [sealed], () => 'fedcba9876543210');
    expect(isEqual(again, sealed)).toBe(true);
    const other = { agents: [{ id: '1', pin: '4712' }] };
    expect(paths(sealed, sealPins(other, [sealed], salt))).toContain('agents[1].pin');
  });
});
