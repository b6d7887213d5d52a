/** GET /calls: every call of every queue, in one list. */
import { z } from 'zod';
import type { Http } from '../reply.ts';
import { callAnswer } from '../schemas.ts';
import type { View } from '../view.ts';

export function addCalls(http: Http, view: View): void {
  http.get(
    '/calls',
    {
      schema: {
        summary: 'All calls, waiting or talking',
        tags: ['watch'],
        response: { 200: z.object({ calls: z.array(callAnswer) }) },
      },
    },
    () => ({ calls: [...view.calls()] }),
  );
}
