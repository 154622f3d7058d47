/**
 * Starts the demo's server from a shell: `node server/main.mjs [--port 4180] [--data FILE] [--dist FOLDER]`
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { startServer } from './server.mjs';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '4180' },
    data: { type: 'string', default: fileURLToPath(new URL('../.cache/demo.sqlite', import.meta.url)) },
    dist: { type: 'string' },
  },
});

const { dist } = values;
const server = await startServer({
  port: Number(values.port),
  data: values.data,
  ...(dist === undefined ? {} : { dist }),
});
console.log(`Listening on ${server.url}`);
console.log(`Data in ${values.data}`);

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => void server.close().then(() => process.exit(0)));
}
