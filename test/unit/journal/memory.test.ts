/** Goal: the journal in memory keeps the contract. Method: the contract suite. */
import { expect, it } from 'vitest';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import { fact, journalContract } from './contract.ts';
import { crashContract } from './crash-contract.ts';

journalContract('MemoryJournal', () => new MemoryJournal());

// Its storage is the object itself: whoever shares it shares that.
crashContract('MemoryJournal', {
  open: async () => new MemoryJournal(),
  second: async (journal) => journal,
  afterCrash: async (journal) => journal,
});

it('shares nothing with the writer', () => {
  const journal = new MemoryJournal();
  const event = { ...fact('a'), by: 'first' };
  journal.append(0, [event]);
  event.by = 'changed';
  expect(journal.read(1, 1)).toMatchObject({ events: [{ event: { by: 'first' } }] });
});
