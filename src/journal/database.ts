/**
 * SQLite, in the version of better-sqlite3 that this Node can load: 13 from Node-API 10 on (Node
 * 22.14), 12 before. There is none that fits all: 13 crashes on Node 20, and 12 on Node 24, where
 * it aborts the process whenever a statement or a database is garbage. Both are optional
 * libraries: npm leaves out the one that does not fit.
 */
import { createRequire } from 'node:module';
import type Sqlite from 'better-sqlite3';

/** Node-API 10 is what 13 was built for. */
const NODE_API_OF_13 = 10;
const fitting =
  Number(process.versions['napi'] ?? 0) >= NODE_API_OF_13 ? 'better-sqlite3-13' : 'better-sqlite3';

export const Database = createRequire(import.meta.url)(fitting) as typeof Sqlite;
