/**
 * Asterisk's side (chan_pjsip), and FreePBX's, which is Asterisk with its own files: the account,
 * a line of dialplan for each queue and code, the way back to phones, and hints.
 */
import { aloneNote, PASSWORD, type GlueParts } from './parts.ts';

/** A value in Asterisk's files: a semicolon would begin a comment. */
export const confValue = (text: string): string => text.replaceAll(';', String.raw`\;`);

/** An extension as a pattern: letters that stand for digits there stand for themselves. */
const pattern = (code: string): string => `_${code.replace(/[NXZ]/gi, '[$&]')}.`;

const dialTo = (endpoint: string) => (exten: string, user: string) =>
  `exten => ${exten},1,Dial(PJSIP/${user}@${endpoint})`;

/**
 * What was dialled, as it may stand in Dial(): with a `&` or a `/` in it, which a phone may send,
 * it would name other phones and trunks.
 */
const DIALLED = '${FILTER(a-zA-Z0-9*+#._~\\-,${EXTEN})}';

/** `exten` lines that send what is dialled to the ACD's registered contact. */
function dialplan({ queues, codes }: GlueParts, endpoint: string): string[] {
  const dial = dialTo(endpoint);
  return [
    ...queues.map((queue) => dial(queue, queue)),
    ...codes.flatMap((code) =>
      code.startsWith('*') ? [dial(code, code), dial(pattern(code), DIALLED)] : [dial(code, code)],
    ),
  ];
}

function hints({ phones }: GlueParts): string[] {
  const listed = phones.map((user) => `exten => ${user},hint,PJSIP/${user}`);
  return listed.length > 0
    ? listed
    : ['; a line for each phone an agent may log in from:', '; exten => 101,hint,PJSIP/101'];
}

/** In a context of their own: a phone may have the same number, and the ACD calls that. */
function aloneContext({ alone }: GlueParts, endpoint: string): string {
  if (alone.length === 0) return '';
  const dial = dialTo(endpoint);
  return `
[acd-agents]                    ; calls to one agent alone; include it where no phone is so called
${alone.map((id) => dial(id, id)).join('\n')}
`;
}

export function glueAsterisk(parts: GlueParts): string {
  const { name } = parts.account;
  const username = confValue(parts.account.username);
  const authUsername = confValue(parts.account.authUsername);
  return `; Asterisk's side of the ACD, account "${name}" (acd glue asterisk), for chan_pjsip.

; ---- pjsip.conf ----
[${username}]
type = endpoint
aors = ${username}
auth = ${username}
context = from-acd
subscribe_context = acd-hints
allow = !all,ulaw,alaw
direct_media = no               ; else Asterisk re-INVITEs the ACD after every answer
trust_id_inbound = yes          ; phones show the caller's number
send_pai = yes                  ; names the phone that logs in
[${username}]
type = aor
max_contacts = 1
remove_existing = yes           ; a restarted ACD may take its place at once
[${username}]
type = auth
auth_type = userpass
username = ${authUsername}
password = ${PASSWORD}

; ---- extensions.conf ----
[acd]                           ; include => acd  in the context of callers and phones
${dialplan(parts, username).join('\n')}
${aloneContext(parts, username)}
[from-acd]                      ; the ACD calls phones; no time limit here: the queue's counts
exten => _[a-zA-Z0-9].,1,Dial(PJSIP/${DIALLED})
 same => n,Hangup(\${HANGUPCAUSE})
exten => h,1,NoOp()

[acd-hints]                     ; what the ACD subscribes to
${hints(parts).join('\n')}
`;
}

/**
 * Calls of the ACD to phones, past all that FreePBX's own context does with one nobody takes:
 * voicemail, follow me and forwarding would answer the caller in the agent's place. Numbers that
 * are no phone's go the way of any extension's calls.
 */
const FREEPBX_PHONES = [
  '[from-acd]                      ; the ACD calls phones; no voicemail, no time limit here',
  "include => ext-local            ; FreePBX's hints of all extensions",
  'exten => _[a-zA-Z0-9+*].,1,Set(PHONE=${DB(DEVICE/${EXTEN}/dial)})',
  ' same => n,GotoIf($["${PHONE}" = ""]?from-internal,${EXTEN},1)',
  ' same => n,ExecIf($["${PHONE:0:6}" = "PJSIP/"]?Set(PHONE=${PJSIP_DIAL_CONTACTS(${PHONE:6})}))',
  ' same => n,GotoIf($["${PHONE}" = ""]?away)',
  ' same => n,Dial(${PHONE})',
  ' same => n,Hangup(${HANGUPCAUSE})',
  ' same => n(away),Hangup(20)     ; not registered',
  'exten => h,1,NoOp()',
].join('\n');

export function glueFreepbx(parts: GlueParts): string {
  const { name } = parts.account;
  const username = confValue(parts.account.username);
  const listed = dialplan(parts, username).join('\n');
  return `; FreePBX's side of the ACD, account "${name}" (acd glue freepbx).
;
; 1. Admin > Config Edit, extensions_custom.conf: the lines below.
; 2. Applications > Extensions > Add PJSIP extension ${username}, with the password of the account;
;    no voicemail. Under Advanced: Context from-acd, Send RPID "Send P-Asserted-Identity header",
;    Trust RPID yes, Direct Media no, Max Contacts 1.
; 3. Admin > Custom Destinations, one for each queue, to send inbound routes there:
${[
  ...parts.queues.map((queue) => `;      from-internal,${queue},1`),
  ...aloneNote(parts).map((line) => `; ${line}`),
].join('\n')}

[from-internal-custom]
${listed}

${FREEPBX_PHONES}
`;
}
