/** `acd ban …`, `acd lock …`: who is shut out for a time, and letting him in again. */
import { writeTable } from '../table.ts';
import { ask, tell, type Written } from './client.ts';
import type { Place } from './reach.ts';
import { at, order, verb, type Group } from './verb.ts';

interface Bans {
  readonly bans: readonly { source: string; why: string; ends_in_seconds: number }[];
}
interface Locks {
  readonly locks: readonly { kind: string; name: string; ends_in_seconds: number }[];
}

export function addBan(group: Group): void {
  const { done } = group;
  verb(group, 'list', 'addresses whose calls get no answer for now').action(
    async (written: Written) => {
      const get = (place: Place) => ask<Bans>(place, '/bans');
      const show = ({ bans }: Bans) =>
        bans.length === 0
          ? 'nobody is banned'
          : writeTable(bans, [
              ['source', 'from'],
              ['why', 'why'],
              ['ends_in_seconds', 'for s'],
            ]);
      done(await tell(written, get, show));
    },
  );
  verb(group, 'lift', 'take calls from an address again')
    .argument('<address>')
    .action(async (address: string, written: Written) => {
      done(await order(written, `/bans/${at(address)}`, undefined, 'DELETE'));
    });
}

export function addLock(group: Group): void {
  const { done } = group;
  verb(group, 'list', 'agents and phones that cannot log in for now: wrong PINs').action(
    async (written: Written) => {
      const get = (place: Place) => ask<Locks>(place, '/locks');
      const show = ({ locks }: Locks) =>
        locks.length === 0
          ? 'nobody is locked'
          : writeTable(locks, [
              ['kind', 'what'],
              ['name', 'name'],
              ['ends_in_seconds', 'for s'],
            ]);
      done(await tell(written, get, show));
    },
  );
  verb(group, 'lift', 'let an agent, or a phone, log in again')
    .argument('<kind>', 'agent or phone')
    .argument('<name>', 'id of the agent, SIP URI of the phone')
    .action(async (kind: string, name: string, written: Written) => {
      done(await order(written, `/locks/${at(kind)}/${at(name)}`, undefined, 'DELETE'));
    });
}
