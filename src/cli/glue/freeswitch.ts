/**
 * FreeSWITCH's side: a user for the account, and extensions that call its registered contact with
 * the dialled user in the Request-URI.
 */
import { aloneNote, BEHIND_CODE, escaped, PASSWORD, type GlueParts } from './parts.ts';

export const xml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

function extension(title: string, expression: string, username: string): string {
  // The contact is what the registrar knows; fs_path is how it is reached.
  const contact = `\${regex(\${sofia_contact(${username}@\${domain_name})}|^[^@]+@(.*)$|%1)}`;
  return `  <extension name="acd ${xml(title)}">
    <condition field="destination_number" expression="^(${xml(expression)})$">
      <action application="set" data="hangup_after_bridge=true"/>
      <action application="bridge" data="sofia/internal/$1@${contact}"/>
    </condition>
  </extension>`;
}

export function glueFreeswitch(parts: GlueParts): string {
  const { username, name } = parts.account;
  const extensions = [
    ...parts.queues.map((queue) => extension(queue, escaped(queue), username)),
    ...parts.codes.map((code) =>
      extension(
        code,
        code.startsWith('*') ? `${escaped(code)}${BEHIND_CODE}` : escaped(code),
        username,
      ),
    ),
  ];
  return `<!-- FreeSWITCH's side of the ACD, account "${xml(name)}" (acd glue freeswitch).
     Phones are called as user/<extension>: the user "${xml(username)}" has the context default, in
     which Local_Extension of the vanilla dialplan does that. Presence: the profile needs
     manage-presence true; FreeSWITCH then answers SUBSCRIBE for every user of the domain.
${aloneNote(parts)
  .map((line) => `     ${line}\n`)
  .join('')}-->

<!-- conf/directory/default/acd.xml -->
<include>
  <user id="${xml(username)}">
    <params><param name="password" value="${PASSWORD}"/></params>
    <variables><variable name="user_context" value="default"/></variables>
  </user>
</include>

<!-- conf/dialplan/default/00_acd.xml -->
<include>
${extensions.join('\n')}
</include>
`;
}
