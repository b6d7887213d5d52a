/** What a peer still says in a dialog of a call that has ended already. */
import type { EdgeContext } from './context.ts';
import type { KnownDialog } from './port.ts';

/** The peer's last words about a call that has ended already are answered this long. */
const LAST_WORDS_MS = 35_000;
/** The peer's BYE was held for us; the call it ends has ended already. */
export function answerLastWords(context: EdgeContext, dialogId: string): void {
  context.dialogs.add(
    dialogId,
    (request) => {
      void request.respond(
        request.method === 'BYE'
          ? { status: 200, reason: 'OK' }
          : { status: 481, reason: 'Call/Transaction Does Not Exist' },
      );
    },
    () => undefined,
  );
  setTimeout(() => context.dialogs.remove(dialogId), LAST_WORDS_MS).unref();
}

/** Where it was he who ended the dialog, in our absence, and waits for the answer. */
export function answerGoodbye(context: EdgeContext, dialog: KnownDialog | undefined): void {
  if (dialog !== undefined && 'why' in dialog && dialog.why === 'BYE')
    answerLastWords(context, dialog.dialogId);
}
