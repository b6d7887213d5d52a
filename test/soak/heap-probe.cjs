// Loaded into each process of the product by a soak (NODE_OPTIONS): at SIGUSR2 it collects all
// garbage and writes how many bytes of heap are in use into ACD_HEAP_FOLDER/heap-<pid>. The product
// knows nothing of it. Plain CommonJS, because --require is what every Node takes there.
const { renameSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const v8 = require('node:v8');
const vm = require('node:vm');
const { isMainThread } = require('node:worker_threads');

const folder = process.env.ACD_HEAP_FOLDER;
if (isMainThread && folder !== undefined) {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  v8.setFlagsFromString('--no-expose-gc');
  process.on('SIGUSR2', () => {
    collect();
    const file = path.join(folder, `heap-${process.pid}`);
    // Whole or not at all: whoever waits for it reads it at once.
    writeFileSync(`${file}.part`, String(process.memoryUsage().heapUsed));
    renameSync(`${file}.part`, file);
  });
}
