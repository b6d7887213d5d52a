/**
 * Kamailio's side: one route that sends queues and codes to where the ACD is registered, with the
 * dialled user kept in the Request-URI (RFC 3261 §16.5: the registrar's proxy replaces it).
 */
import { aloneNote, BEHIND_CODE, escaped, type GlueParts } from './parts.ts';

/** What is dialled, as one regular expression. */
function dialled({ queues, codes }: GlueParts): string {
  const starred = codes.filter((code) => code.startsWith('*'));
  const plain = [...queues, ...codes.filter((code) => !code.startsWith('*'))];
  const parts = [...plain.map(escaped), ...starred.map((code) => `${escaped(code)}${BEHIND_CODE}`)];
  // In a double-quoted string of kamailio.cfg a backslash stands twice.
  return parts.join('|').replaceAll('\\', '\\\\');
}

export function glueKamailio(parts: GlueParts): string {
  const { name, domain } = parts.account;
  const username = parts.account.username.replace(/["\\]/g, String.raw`\$&`);
  return `# Kamailio's side of the ACD, account "${name}" (acd glue kamailio).
# The account:      kamctl add ${username} <its password>   (realm ${domain})
# Include it:       include_file "acd.cfg"
# Call it in request_route, where requests are authenticated and record_route() is done, before
# your own lookup("location"):   route(ACD);
# The ACD calls phones as user "${username}": let it pass as any other of your users.
# Presence: the ACD sends SUBSCRIBE (Event: presence, and Event: dialog) to the phones it calls.
# Load presence, presence_xml, presence_dialoginfo, pua, pua_usrloc and pua_dialoginfo, call
# pua_set_publish() before save("location"), dlg_manage() for INVITE, and handle_subscribe() for
# SUBSCRIBE; nothing needs to be there for each phone.
${aloneNote(parts)
  .map((line) => `# ${line}\n`)
  .join('')}
route[ACD] {
  if (!is_method("INVITE")) return;
  if (!($rU =~ "^(${dialled(parts)})$")) return;
  $var(acd_dialled) = $rU;
  $rU = "${username}";
  if (!lookup("location")) {
    # The ACD is away: 480, so that whatever the PBX does then can be done.
    sl_send_reply("480", "ACD Not Registered");
    exit;
  }
  $rU = $var(acd_dialled);
  if (!t_relay()) sl_reply_error();
  exit;
}
`;
}
