/** Plays a fleet of clients against a server that is back: packages/core/test/fleet/main.ts. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { readOptions, wholeNumber } from './options.mjs';
import { builtProgram, cache } from './program.mjs';
import { Failure, main, root } from './steps.mjs';

const door = path.join(cache, 'door.mjs');

/** @type {import('./options.mjs').Usage} */
const usage = {
  command: 'npm run simulate:fleet --',
  does:
    'Plays many clients that come back to one server, by the rules of the library, in virtual time. Compares them with\n' +
    'clients that send everything at once, or six requests at once. The server that spreads Retry-After is the code of\n' +
    'docs/server.md. The same seed gives the same run. Exit code 1: a goal was missed. Exit code 2: it could not be built.',
  options: {
    clients: { value: 'N', default: '10000', does: 'How many clients there are.' },
    tasks: { value: 'N', default: '20', does: 'How many tasks each of them has.' },
    capacity: { value: 'N', default: '1000', does: 'How many requests a second the server can answer.' },
    spread: { value: 'N', default: '30', does: 'Within how many seconds all clients are online again.' },
    away: { value: 'N', default: '120', does: 'For how many seconds nobody could reach the server.' },
    seed: { value: 'N', default: '1', does: 'The seed of the random numbers.' },
    svg: { value: 'FILE', does: 'Draws the load of the server into this file.' },
  },
  example: 'npm run simulate:fleet -- --clients 10000 --tasks 20 --capacity 1000 --spread 30',
};

/** @type {(() => void) | undefined} */
let start;

await main(async () => {
  const { values } = readOptions(usage);
  const numbers = ['clients', 'tasks', 'capacity', 'spread', 'away'].map((name) => [
    name,
    wholeNumber(name, values[name]),
  ]);
  const { svg } = values;
  const asked = {
    ...Object.fromEntries(numbers),
    seed: wholeNumber('seed', values.seed, 0),
    svg: svg === undefined ? undefined : path.resolve(svg),
  };
  const { playAll } = await builtProgram('fleet');
  const page = readFileSync(path.join(root, 'docs/server.md'), 'utf8');
  const code = /^```js\n(\/\/ door\.mjs\n[\s\S]*?)^```$/m.exec(page)?.[1];
  if (code === undefined) throw new Failure('docs/server.md has no block door.mjs.');
  writeFileSync(door, code);
  const { createDoor } = await import(pathToFileURL(door).href);
  // Now, because the picture is drawn after minutes.
  if (asked.svg !== undefined) mkdirSync(path.dirname(asked.svg), { recursive: true });
  start = () => playAll({ ...asked, createDoor });
}, 2);

// It sets the exit code.
start?.();
