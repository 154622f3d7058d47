/**
 * Run by `import.test.ts` in a process of its own: puts a recording getter in place of each global that a browser's
 * page or worker may have, imports the modules that it is given, and prints what was touched while they were imported.
 * The process ends by itself if nothing that was imported keeps it alive.
 *
 * Usage: node poisoned.mjs <'bare' or 'jsdom'> <module>…
 */
const [world, ...modules] = process.argv.slice(2);

const watched = `
  indexedDB IDBKeyRange IDBRequest IDBDatabase IDBTransaction IDBObjectStore IDBIndex IDBCursor
  BroadcastChannel MessageChannel MessagePort SharedWorker Worker ServiceWorker caches onconnect reportError
  document window self location localStorage sessionStorage addEventListener removeEventListener postMessage
  setTimeout setInterval setImmediate requestAnimationFrame queueMicrotask fetch XMLHttpRequest crypto performance
`
  .trim()
  .split(/\s+/);
const touched = new Set();
const page = world === 'jsdom' ? await createPage() : undefined;
const before = page?.document.documentElement.outerHTML;

for (const name of watched) poison(globalThis, name, globalThis[name] ?? page?.[name], name);
poison(
  globalThis,
  'navigator',
  Object.defineProperties({}, { locks: recorded('navigator.locks'), onLine: recorded('navigator.onLine') }),
);
const random = Math.random;
Math.random = () => {
  touched.add('Math.random');

  return random();
};

for (const one of modules) await import(one);

if (page !== undefined && page.document.documentElement.outerHTML !== before) touched.add('the document');
process.stdout.write(JSON.stringify([...touched]));

/** In place of a property of an object: a getter that notes its name, if it has one, and gives what was there. */
function poison(object, property, value, name) {
  Object.defineProperty(object, property, { configurable: true, ...recorded(name, value) });
}

function recorded(name, value) {
  return {
    get() {
      if (name !== undefined) touched.add(name);

      return value;
    },
  };
}

async function createPage() {
  const { JSDOM } = await import('jsdom');

  return new JSDOM('<!doctype html><title>A page</title>', { url: 'https://app.example.org/' }).window;
}
