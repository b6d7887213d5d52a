/**
 * Goal: presence documents are read as phones and PBXs mean them. Method: everything Asterisk 20
 * and FreeSWITCH 1.11 were recorded to send, Kamailio's forms, and documents made to hurt.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DialogTable, DOCUMENT_MAX, readPidf, worse } from '../../../src/sip/presence-documents.ts';
import { capture } from './captures.ts';

function dialogState(xml: string): string | null {
  const table = new DialogTable();
  return table.take(xml) === 'ok' ? table.state() : null;
}

describe('as recorded of Asterisk and FreeSWITCH', () => {
  it.each([
    ['chan_sip-presence-not-existing', 'unavailable'],
    ['chan_sip-presence-unregistered', 'unavailable'],
    ['chan_sip-presence-idle', 'idle'],
    ['chan_sip-presence-ringing', 'ringing'],
    ['chan_sip-presence-inuse', 'inuse'],
    ['chan_sip-presence-hold', 'inuse'],
    ['chan_sip-presence-second-call', 'ringing'],
    ['pjsip-presence-unregistered', 'unavailable'],
    ['pjsip-presence-idle', 'idle'],
    ['pjsip-presence-ringing', 'ringing'],
    ['pjsip-presence-inuse', 'inuse'],
    ['pjsip-presence-second-call', 'ringing'],
    ['freeswitch-presence-unregistered', 'unavailable'],
    ['freeswitch-presence-idle', 'idle'],
    ['freeswitch-presence-ringing', 'ringing'],
    ['freeswitch-presence-dialling', 'inuse'],
    ['freeswitch-presence-inuse', 'inuse'],
    ['freeswitch-presence-hold', 'inuse'],
  ])('%s: %s', (name, state) => {
    expect(readPidf(capture(name).body)).toBe(state);
  });

  it.each([
    ['chan_sip-dialog-idle', 'idle'],
    ['chan_sip-dialog-ringing', 'ringing'],
    ['chan_sip-dialog-inuse', 'inuse'],
    ['chan_sip-dialog-hold', 'inuse'],
    ['pjsip-dialog-idle', 'idle'],
    ['pjsip-dialog-ringing', 'ringing'],
    ['pjsip-dialog-inuse', 'inuse'],
    ['pjsip-dialog-second-call', 'inuse'],
    ['freeswitch-dialog-idle', 'idle'],
    ['freeswitch-dialog-ringing', 'ringing'],
    ['freeswitch-dialog-inuse', 'inuse'],
    ['freeswitch-dialog-hold', 'inuse'],
    ['freeswitch-dialog-ended', 'idle'],
  ])('%s: %s', (name, state) => {
    expect(dialogState(capture(name).body)).toBe(state);
  });
});

const pidf = (inner: string): string =>
  `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b">` +
  `${inner}</presence>`;
const tuple = (basic: string): string =>
  `<tuple id="t"><status><basic>${basic}</basic></status></tuple>`;
const person = (activity: string): string =>
  `<dm:person id="p"><rpid:activities><rpid:${activity}/></rpid:activities></dm:person>`;

describe('PIDF of others', () => {
  it.each([
    [tuple('open'), 'idle'],
    [tuple('closed'), 'unavailable'],
    [tuple('closed') + tuple('open'), 'idle'],
    [tuple('open') + person('on-the-phone'), 'inuse'],
    [tuple('open') + person('meeting'), 'inuse'],
    [tuple('open') + person('away'), 'unavailable'],
    [`${tuple('open')}<activities><activity>on-the-phone</activity></activities>`, 'inuse'],
    [tuple('closed') + person('on-the-phone'), 'unavailable'],
    [`${tuple('open')}<note>Call trying</note>`, 'idle'],
    [`${tuple('open')}<note>Do Not Disturb</note>`, 'unavailable'],
    [`${tuple('open')}<note xml:lang="en">On the phone</note>`, 'inuse'],
    [tuple('open') + person('unknown'), 'idle'],
    ['', 'unknown'], // Kamailio before anything was published: no statement
  ])('%s: %s', (inner, state) => {
    expect(readPidf(pidf(inner))).toBe(state);
  });
});

const info = (dialogs: string, attributes = 'version="0" state="full"'): string =>
  `<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" ` +
  `${attributes} entity="sip:a@b">${dialogs}</dialog-info>`;
const dialog = (id: string, state: string, more = ''): string =>
  `<dialog id="${id}" ${more}><state>${state}</state></dialog>`;

describe('dialog-info', () => {
  it.each([
    ['', 'idle'],
    [dialog('a', 'terminated'), 'idle'],
    [dialog('a', 'trying', 'direction="initiator"'), 'inuse'],
    [dialog('a', 'proceeding', 'direction="recipient"'), 'ringing'],
    [dialog('a', 'early'), 'ringing'],
    [dialog('a', 'confirmed') + dialog('b', 'early', 'direction="recipient"'), 'inuse'],
    [dialog('a', 'terminated') + dialog('b', 'confirmed'), 'inuse'],
    ['<dialog id="x"/>', 'idle'],
  ])('%s: %s', (dialogs, state) => {
    expect(dialogState(info(dialogs))).toBe(state);
  });

  it('adds up partial documents, and notices a missed one', () => {
    const table = new DialogTable();
    const partial = (version: number, dialogs: string) =>
      table.take(info(dialogs, `version="${version}" state="partial"`));
    expect(partial(1, '')).toBe('gap');
    expect(table.take(info(dialog('a', 'confirmed'), 'version="5" state="full"'))).toBe('ok');
    expect(partial(6, dialog('b', 'early', 'direction="recipient"'))).toBe('ok');
    expect(partial(7, dialog('a', 'terminated'))).toBe('ok');
    expect(table.state()).toBe('ringing');
    expect(partial(6, dialog('b', 'terminated'))).toBe('ok'); // old news
    expect(table.state()).toBe('ringing');
    expect(partial(9, '')).toBe('gap');
  });

  it('takes a part for what it is where nothing else comes when asked for', () => {
    const table = new DialogTable();
    const partial = (version: number, dialogs: string) =>
      table.take(info(dialogs, `version="${version}" state="partial"`));
    expect(partial(3, dialog('a', 'confirmed'))).toBe('gap');
    expect(partial(4, dialog('b', 'confirmed'))).toBe('ok');
    expect(table.state()).toBe('inuse');
    expect(partial(8, dialog('b', 'terminated'))).toBe('gap');
    expect(partial(8, dialog('b', 'terminated'))).toBe('ok');
    expect(table.state()).toBe('idle');
  });

  it('does not count calls of our own', () => {
    const table = new DialogTable();
    table.take(info(dialog('a', 'confirmed', 'call-id="offer-1"')));
    expect(table.state((callId) => callId === 'offer-1')).toBe('idle');
    expect(table.state()).toBe('inuse');
  });
});

describe('what cannot be read', () => {
  const bomb =
    '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + pidf(`<note>&b;</note>`);
  it.each([
    '',
    'hello',
    '<presence><tuple>',
    '<presence></presenc>',
    info(''),
    bomb,
    pidf(`<note>${'x'.repeat(DOCUMENT_MAX)}</note>`),
  ])('changes nothing (%#)', (xml) => expect(readPidf(xml)).toBeNull());

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        readPidf(a);
        readPidf(pidf(a) + b);
        new DialogTable().take(info(a, `version="${b}"`));
      }),
    );
  });
});

it('of two states the one that takes more away stands', () => {
  expect(worse('idle', 'ringing')).toBe('ringing');
  expect(worse('unavailable', 'inuse')).toBe('unavailable');
  expect(worse('unknown', 'inuse')).toBe('unknown');
});
