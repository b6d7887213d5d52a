/**
 * What a waiting caller hears: the music of his queue, and prompts over it. A sound that cannot
 * be played costs nobody his place: it is noted, and the line goes on.
 */
import type { QueueEdgeConfig } from '../config/types.ts';
import type { CallId, QueueName } from '../core/types.ts';
import type { MediaResult } from '../media/port.ts';
import type { EdgeContext } from './context.ts';

export function soundsOf(context: EdgeContext, name: QueueName): QueueEdgeConfig | undefined {
  const found = context.config.queues.find((queue) => queue.name === name);
  // A removed queue that drains: those who are in it hear the music.
  if (found !== undefined || !context.runtime.state.queues.has(name)) return found;
  return { name, welcome: [], musicClass: 'default', periodicAnnounce: [] };
}

/** A call that has ended meanwhile is no failure. */
function note(context: EdgeContext, callId: CallId, result: MediaResult, what: string): void {
  if (result.ok || !context.runtime.state.calls.has(callId)) return;
  context.log.warn({ callId, detail: result.detail }, what);
}

/** Harmless where it plays already: it goes on where it is. */
export function startMusic(context: EdgeContext, callId: CallId, queue: QueueName): void {
  const sounds = soundsOf(context, queue);
  if (sounds === undefined) return;
  void context.media
    .music(callId, sounds.musicClass)
    .then((result) => note(context, callId, result, 'music could not be started'));
}

export function playPrompts(
  context: EdgeContext,
  callId: CallId,
  playId: string,
  keys: readonly string[] = [],
): void {
  if (keys.length === 0) return;
  const items = keys.map((prompt) => ({ prompt }));
  void context.media
    .play(callId, playId, items)
    .then((result) => note(context, callId, result, 'prompt not played'));
}
