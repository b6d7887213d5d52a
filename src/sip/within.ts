/** Waiting for something that may take too long. */

/** Settles with `done`, or after `ms`; true: it was done in time. */
export async function doneWithin(done: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const isDone = await Promise.race([done.then(() => true), limit]);
  clearTimeout(timer);
  return isDone;
}
