/** What the bundles weigh, and by what. Figures of docs/decisions/0008 come from here. */
import path from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { readFileSync } from 'node:fs';

import { readOptions } from './options.mjs';
import { Failure, isMain, main, root, run, tsc } from './steps.mjs';

const dist = path.join(root, 'packages/core/dist');
const page = "import { openBasket, defineTasks, task } from './index.js'; console.log(openBasket, defineTasks, task)";
const worker = "export * from './worker.js'";

/** What a page could live without if it only added: each is given as the modules that would go. */
const tending = [
  ...['count', 'explain', 'health', 'backlog'].map((name) => `reading/${name}`),
  ...['command', 'update'].map((name) => `changing/${name}`),
  ...['events', 'settled'].map((name) => `telling/${name}`),
];
const reading = ['reading/observe', 'reading/page', 'reading/payloads', 'telling/watch'];
const modules = (/** @type {readonly string[]} */ names) => names.map((name) => `basket/${name}.js`);
const views = ['pure/reasons.js', 'pure/view.js'];
const client = ['host/client.js', 'host/greet.js', 'host/connect.js', 'host/problems.js'];

/**
 * What an entry may add to the bundle beside which it stands, in bytes after brotli: the bundle with it, minus the bundle
 * without it.
 *
 * @type {readonly { readonly what: string, readonly beside: string, readonly entry: string, readonly limit: number }[]}
 */
const added = [
  {
    what: 'taskbasket/http beside the worker',
    beside: worker,
    entry: "import { createSend, httpTask, sendHttp } from './http.js'; console.log(createSend, httpTask, sendHttp)",
    limit: 5_300,
  },
  {
    what: 'httpTask of taskbasket/http beside the page',
    beside: page,
    entry: "import { httpTask } from './http.js'; console.log(httpTask)",
    limit: 2_100,
  },
  {
    what: 'taskbasket/inspector beside the page',
    beside: page,
    entry: "import { defineInspector } from './inspector.js'; console.log(defineInspector)",
    limit: 6_000,
  },
];

if (isMain(import.meta.url)) await main(sizes);

async function sizes() {
  const { values } = readOptions({
    command: 'npm run sizes --',
    does:
      'Prints what the bundles weigh, in bytes after brotli, what they would weigh without whole parts of the library, and\n' +
      'the bytes of each module. The limits are in .size-limit.json. Then says what http and inspector add.',
    options: { added: { does: 'Says only what http and inspector add, and fails if that is more than a limit.' } },
    example: 'npm run sizes',
  });
  if (!values.added) await printAll();
  await printAdded();
}

/** Prints what each entry of `added` adds, and fails above a limit. */
async function printAdded() {
  const weightOf = async (/** @type {string} */ entry) =>
    brotliCompressSync((await bundled(entry, [], [])).text).length;
  const heavy = [];
  for (const { what, beside, entry, limit } of added) {
    const weight = (await weightOf(`${beside}; ${entry}`)) - (await weightOf(beside));
    console.log(`${what}: ${weight} bytes of ${limit}`);
    if (weight > limit) heavy.push(what);
  }
  if (heavy.length > 0) throw new Failure(`Too heavy: ${heavy.join(', ')}.`);
}

async function printAll() {
  const { code, output } = await run(process.execPath, [tsc(), '-p', 'packages/core/tsconfig.build.json']);
  if (code !== 0) throw new Failure(`The library does not build:\n${output.trim()}`);

  /** @type {readonly (readonly [what: string, entry: string, external: readonly string[], without: readonly string[]])[]} */
  const variants = [
    ['page', page, [], []],
    ['page, dependencies left out', page, ['idb', 'comlink'], []],
    ['page, only adds and shows (no command, explain, settled, health …)', page, [], [...modules(tending), views[0]]],
    ['page, only adds', page, [], [...modules([...tending, ...reading]), ...views]],
    [
      'page, only adds, no worker (and so no comlink)',
      page,
      [],
      [...modules([...tending, ...reading]), ...views, ...client],
    ],
    ['worker', worker, [], []],
    ['worker, dependencies left out', worker, ['idb', 'comlink'], []],
  ];
  console.log('\nbrotli, minified | what');
  for (const [what, entry, external, without] of variants) {
    const { text } = await bundled(entry, external, without);
    console.log(`${String(brotliCompressSync(text).length).padStart(16)} | ${what}`);
  }
  for (const [what, entry] of [
    ['page', page],
    ['worker', worker],
  ]) {
    const { shares } = await bundled(entry, [], []);
    console.log(
      `\nminified bytes of each module of the ${what}\n${shares.map(({ name, bytes }) => `${bytes} ${name}`).join(', ')}`,
    );
  }
}

/** One bundle; of the modules that are left out, only the names stay. */
async function bundled(entry, external, without) {
  // Only now: it comes with the install.
  const { build } = await import('esbuild');
  const leaveOut = {
    name: 'leave-out',
    setup(building) {
      building.onLoad({ filter: /[\\/]dist[\\/].*\.js$/ }, ({ path: file }) => {
        if (!without.includes(path.relative(dist, file).split(path.sep).join('/'))) return undefined;
        const names = readFileSync(file, 'utf8').matchAll(/export (?:async )?(?:function\*?|const|class) (\w+)/g);

        return { contents: [...names].map(([, name]) => `export const ${name} = () => {};`).join('\n') };
      });
    },
  };
  const { outputFiles, metafile } = await build({
    stdin: { contents: entry, resolveDir: dist },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'esnext',
    write: false,
    metafile: true,
    external,
    plugins: [leaveOut],
  });
  const inputs = Object.values(metafile.outputs)[0]?.inputs ?? {};
  const shares = Object.entries(inputs)
    .map(([name, { bytesInOutput: bytes }]) => ({ name: name.replace(/^.*(?:core\/dist|node_modules)\//, ''), bytes }))
    .toSorted((one, other) => other.bytes - one.bytes);

  return { text: outputFiles[0]?.text ?? '', shares };
}
