/**
 * Our own processes as `npm test` built them: a start from dist/ takes a third of the time of one
 * that compiles, and there are hundreds.
 */
import path from 'node:path';

const dist = path.resolve(import.meta.dirname, '../../dist');

export const SIPD = path.join(dist, 'sipd/main.js');
export const MEDIAD = path.join(dist, 'mediad/main.js');
