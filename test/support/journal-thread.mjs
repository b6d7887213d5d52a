// The journal's thread, run from its source: a thread does not inherit the loader of TypeScript.
import { register } from 'tsx/esm/api';

register();
await import('../../src/journal/thread.ts');
