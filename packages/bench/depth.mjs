/**
 * How deep a value may be nested until an engine cannot write it, or cannot read it back. Decision 0010 has the figures.
 */
import { createServer } from 'node:http';

import { readOptions, wholeNumber } from '../../scripts/options.mjs';
import { Failure, isMain, main } from '../../scripts/steps.mjs';

const shapes = ['objects', 'arrays', 'maps', 'mapKeys', 'sets', 'mixed', 'wide', 'errors'];
const all = ['Chromium', 'Firefox', 'WebKit'];

/** What page and worker have: values of a depth, and the deepest that one context can write or read. */
function library() {
  const wrap = {
    objects: (inner) => ({ a: inner }),
    arrays: (inner) => [inner],
    maps: (inner) => new Map([['a', inner]]),
    mapKeys: (inner) => new Map([[inner, 'a']]),
    sets: (inner) => new Set([inner]),
    wide: (inner) => ({ first: 1, text: 'some', list: [1, 2, 3], replies: [inner], last: null }),
    errors: (inner) => Object.assign(new Error('e'), { cause: inner }),
  };
  const kinds = ['objects', 'arrays', 'maps', 'sets'];

  /** `wide` nests two levels at once, as a thread of replies does. */
  self.nested = (shape, depth) => {
    let value = 'inner';
    for (let level = 0; level < depth; level += shape === 'wide' ? 2 : 1) {
      value = wrap[shape === 'mixed' ? kinds[level % 4] : shape](value);
    }

    return value;
  };

  /** Whether a value has the depth; without recursion. */
  self.hasDepth = (shape, value, depth) => {
    let at = value;
    let level = 0;
    while (at !== 'inner' && at !== null && typeof at === 'object') {
      if (Array.isArray(at)) [at] = at;
      else if (at instanceof Map) [at] = shape === 'mapKeys' ? at.keys() : at.values();
      else if (at instanceof Set) [at] = at;
      else if (at instanceof Error) at = at.cause;
      else if (shape === 'wide') at = at.replies;
      else at = at.a;
      level += 1;
    }

    return at === 'inner' && level >= depth;
  };

  const answer = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });

  self.opened = async () => {
    const open = indexedDB.open('depth', 1);
    open.onupgradeneeded = () => open.result.createObjectStore('rows');

    return answer(open);
  };

  self.write = async (db, value) => {
    const transaction = db.transaction('rows', 'readwrite');
    await answer(transaction.objectStore('rows').put({ id: 1, payload: value }, 1));
  };

  self.reads = async (db, shape, depth) => {
    const row = await answer(db.transaction('rows').objectStore('rows').get(1)).catch(() => undefined);
    if (row === undefined) return 'none';
    if (row === null) return 'null';

    return row.payload === null ? 'null payload' : hasDepth(shape, row.payload, depth) ? 'whole' : 'cut off';
  };
}

const worker = `(${String(library)})();
const made = opened();
const serve = (port) => {
  port.onmessage = async ({ data: { shape, depth, does } }) => {
    try {
      const db = await made;
      if (does === 'write') await write(db, nested(shape, depth));
      port.postMessage(does === 'read' ? await reads(db, shape, depth) : 'whole');
    } catch (error) {
      port.postMessage(String(error.name));
    }
  };
};
if ('onconnect' in self) self.onconnect = ({ ports: [port] }) => serve(port);
else serve(self);`;

function page(shapeNames, most) {
  const here = (shape, depth, does) =>
    Promise.race([
      inThePage(shape, depth, does),
      new Promise((resolve) => setTimeout(() => resolve('no answer within 10 s'), 10_000)),
    ]);
  const inThePage = async (shape, depth, does) => {
    try {
      const db = await (self.db ??= opened());
      if (does === 'clone') structuredClone({ payload: nested(shape, depth) });
      if (does === 'walk') return hasDepth(shape, nested(shape, depth), depth) ? 'whole' : 'cut off';
      if (does === 'json') JSON.parse(JSON.stringify(nested(shape, depth)));
      if (does === 'write') await write(db, nested(shape, depth));

      return does === 'read' ? await reads(db, shape, depth) : 'whole';
    } catch (error) {
      return String(error.name);
    }
  };
  const there = (port) => (shape, depth, does) =>
    new Promise((resolve) => {
      port.onmessage = ({ data }) => resolve(data);
      setTimeout(() => resolve('no answer within 10 s'), 10_000);
      port.postMessage({ shape, depth, does });
    });

  /** The deepest of which all steps say `whole`, and what the first says that is deeper. */
  const deepest = async (steps, shape) => {
    let whole = 0;
    let broken = most;
    let why = `none up to ${most}`;
    while (broken - whole > Math.max(1, whole / 100)) {
      const depth = Math.round((whole + broken) / 2 / 2) * 2;
      let said = 'whole';
      for (const [where, does] of steps) if (said === 'whole') said = await where(shape, depth, does);
      if (said === 'no answer within 10 s') return `${said}, at ${depth}`;
      if (said === 'whole') whole = depth;
      else [broken, why] = [depth, said];
    }

    return `${whole} (then ${why})`;
  };

  self.answer = (async () => {
    const shared = new SharedWorker('/worker.js');
    const dedicated = new Worker('/worker.js');
    shared.port.start();
    const inShared = there(shared.port);
    const inWorker = there(dedicated);
    const ways = {
      'structuredClone in the page': [[here, 'clone']],
      'page writes': [[here, 'write']],
      'page writes, page reads': [
        [here, 'write'],
        [here, 'read'],
      ],
      'page writes, SharedWorker reads': [
        [here, 'write'],
        [inShared, 'read'],
      ],
      'page writes, Worker reads': [
        [here, 'write'],
        [inWorker, 'read'],
      ],
      'SharedWorker writes': [[inShared, 'write']],
      'SharedWorker writes, page reads': [
        [inShared, 'write'],
        [here, 'read'],
      ],
    };
    const found = {};
    for (const shape of shapeNames) {
      if (performance.now() > 60_000) break;
      found[shape] = {};
      for (const [way, steps] of Object.entries(ways)) found[shape][way] = await deepest(steps, shape);
    }

    return JSON.stringify(found);
  })();
}

if (isMain(import.meta.url)) await main(measure);

async function measure() {
  const { values } = readOptions({
    command: 'node packages/bench/depth.mjs',
    does:
      'Measures how deep a value may be nested until an engine cannot write it, or cannot read it back, in each engine that\n' +
      'is on this machine (see packages/bench/engines.mjs). It judges nothing.',
    options: {
      levels: {
        value: 'N',
        default: '10000',
        does: 'The deepest that is tried. WebKit takes minutes for more than some thousand.',
      },
      engines: { value: 'NAME,NAME', default: all.join(','), does: 'The engines.' },
    },
    example: 'node packages/bench/depth.mjs --levels 3000 --engines WebKit',
  });
  const engines = values.engines.split(',');
  const unknown = engines.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Failure(`There is no engine ${unknown}. The engines are ${all.join(', ')}.`);
  const most = wholeNumber('levels', values.levels);
  const calls = `(${String(library)})();(${String(page)})(${JSON.stringify(shapes)}, ${most});`;
  const pageText = `<!doctype html><title>depth</title><script>${calls}</script>`;
  const { eachEngine } = await import('./engines.mjs');
  const server = createServer((request, reply) => {
    const script = request.url === '/worker.js';
    reply.writeHead(200, { 'Content-Type': script ? 'text/javascript' : 'text/html' });
    reply.end(script ? worker : pageText);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  try {
    await eachEngine(engines, async (name, version, open) => {
      const found = JSON.parse(await open(`http://127.0.0.1:${port}/`));
      console.log(`\n${name} ${version}`);
      for (const [shape, ways] of Object.entries(found)) {
        console.log(`  ${shape}`);
        for (const [way, said] of Object.entries(ways)) console.log(`    ${way.padEnd(34)} ${said}`);
      }
    });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
