/** `acd ban …`, `acd lock …`: who is shut out for a time, and letting him in again. */
import { writeTable, type Column } from '../table.ts';
import { ask, tell, type Written } from './client.ts';
import { at, order, verb, type Group } from './verb.ts';

/** A row of GET /bans, or of GET /locks. */
type Row = Readonly<Record<string, unknown>>;

/** A verb `list`: GET /`what`, which answers rows under this name; `none` where there is none. */
function addList(
  group: Group,
  {
    what,
    about,
    none,
    columns,
  }: {
    readonly what: 'bans' | 'locks';
    readonly about: string;
    readonly none: string;
    readonly columns: readonly Column[];
  },
): void {
  verb(group, 'list', about).action(async (written: Written) => {
    const status = await tell(
      written,
      (place) => ask<Readonly<Record<string, readonly Row[]>>>(place, `/${what}`),
      ({ [what]: rows = [] }) => (rows.length === 0 ? none : writeTable(rows, columns)),
    );
    group.done(status);
  });
}

export function addBan(group: Group): void {
  const { done } = group;
  addList(group, {
    what: 'bans',
    about: 'addresses whose calls get no answer for now',
    none: 'nobody is banned',
    columns: [
      ['source', 'from'],
      ['why', 'why'],
      ['ends_in_seconds', 'for s'],
    ],
  });
  verb(group, 'lift', 'take calls from an address again')
    .argument('<address>')
    .action(async (address: string, written: Written) => {
      done(await order(written, `/bans/${at(address)}`, undefined, 'DELETE'));
    });
}

export function addLock(group: Group): void {
  const { done } = group;
  addList(group, {
    what: 'locks',
    about: 'agents and phones that cannot log in for now: wrong PINs',
    none: 'nobody is locked',
    columns: [
      ['kind', 'what'],
      ['name', 'name'],
      ['ends_in_seconds', 'for s'],
    ],
  });
  verb(group, 'lift', 'let an agent, or a phone, log in again')
    .argument('<kind>', 'agent or phone')
    .argument('<name>', 'id of the agent, SIP URI of the phone')
    .action(async (kind: string, name: string, written: Written) => {
      done(await order(written, `/locks/${at(kind)}/${at(name)}`, undefined, 'DELETE'));
    });
}
