/**
 * FreeSWITCH's side: a user for the account, an extension that calls its registered contact with
 * the dialled user in the Request-URI, and a context of its own for what the ACD calls.
 */
import { aloneNote, BEHIND_CODE, escaped, PASSWORD, type GlueParts } from './parts.ts';

export const xml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** Whoever dials one of `users` gets the ACD; `more`: what is set before. */
function extension(title: string, users: readonly string[], username: string, more = ''): string {
  if (users.length === 0) return '';
  // The contact is what the registrar knows; fs_path is how it is reached.
  const contact = `\${regex(\${sofia_contact(${xml(username)}@\${domain_name})}|^[^@]+@(.*)$|%1)}`;
  return `  <extension name="${title}">
    <condition field="destination_number" expression="^(${xml(users.join('|'))})$">
${more}      <action application="set" data="hangup_after_bridge=true"/>
      <action application="bridge" data="sofia/internal/$1@${contact}"/>
    </condition>
  </extension>`;
}

/** The phone that logs in is told by From: no caller ID of the user's may stand there. */
const OWN_NAME = `      <action application="set" data="effective_caller_id_number=\${user_name}"/>
`;

export function glueFreeswitch(parts: GlueParts): string {
  const { username, name } = parts.account;
  const codes = parts.codes.map((code) =>
    code.startsWith('*') ? `${escaped(code)}${BEHIND_CODE}` : escaped(code),
  );
  return `<!-- FreeSWITCH's side of the ACD, account "${xml(name)}" (acd glue freeswitch), for the
     vanilla configuration. Then: fs_cli -x reloadxml; fs_cli -x 'sofia profile internal rescan'
${aloneNote(parts)
  .map((line) => `     ${line}\n`)
  .join('')}-->

<!-- conf/sip_profiles/internal.xml: the first is there; without the second FreeSWITCH does not
     tell that a phone is back, and the ACD has to ask again (after 5 s, then ever more seldom)
    <param name="manage-presence" value="true"/>
    <param name="send-presence-on-register" value="true"/>
-->

<!-- conf/directory/default/acd.xml -->
<include>
  <user id="${xml(username)}">
    <params><param name="password" value="${PASSWORD}"/></params>
    <variables><variable name="user_context" value="acd"/></variables>
  </user>
</include>

<!-- conf/dialplan/acd.xml: the ACD calls phones, and nothing but phones: in the context default
     voicemail would answer for a phone that is busy, and the ACD take it for the agent. No time
     limit here: the queue's counts. What an agent's phone transfers goes where its calls go. -->
<include>
  <context name="acd">
    <extension name="phones">
      <condition field="destination_number" expression="^([A-Za-z0-9.*+#_~-]+)$">
        <action application="set" data="hangup_after_bridge=true"/>
        <action application="set" data="force_transfer_context=default"/>
        <action application="bridge" data="user/$1@\${domain_name}"/>
      </condition>
    </extension>
  </context>
</include>

<!-- conf/dialplan/default/00_acd.xml: read behind the extensions of the vanilla dialplan; a queue
     that is called like one of them (2000, 3000-3399, operator ...) needs a line before them -->
<include>
${[
  extension('acd queues', parts.queues.map(escaped), username),
  extension('acd codes', codes, username, OWN_NAME),
].join('\n')}
</include>
`;
}
