/**
 * `npm run test:bundlers`: builds each app of `examples/` for production with the packed library, and sends one note through
 * its SharedWorker in Chromium; with `react-dexie-pwa` it does all that a person does. `-- --only=vite,parcel` picks some.
 * The last line is `N passed, N failed`.
 */
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { useWholeApp } from './bundlers-pwa.mjs';
import { serveExample } from './bundlers-server.mjs';
import { sendOneNote, urlOfWorker } from './bundlers-visit.mjs';
import { readOptions } from './options.mjs';
import { setup } from './setup.mjs';
import { Failure, main, readJson, root, run, seconds, tsc } from './steps.mjs';

/**
 * The apps by their folder in `examples/`. Each builds with `npm run build`.
 *
 * @type {Record<string, Example>}
 *
 * @typedef {object} Example
 * @property {string} bundler The package of the bundler.
 * @property {string} [output] The folder that the build writes.
 * @property {string[]} [start] Instead of `output`: the program that serves the build; the number of a port follows.
 * @property {(browser: import('@playwright/test').Browser, folder: string) => Promise<string>} [use] What is done with an
 * app that is more than a button: instead of sending one note. Gives the URL of the worker.
 * @property {string} [scripts] What `script-src` of the content security policy must allow; left out: `'self'`.
 */
const examples = {
  vite: { bundler: 'vite', output: 'dist' },
  webpack: { bundler: 'webpack', output: 'dist' },
  rspack: { bundler: '@rspack/core', output: 'dist' },
  // Next writes inline scripts into its pages, with or without taskbasket.
  'next-turbopack': {
    bundler: 'next',
    start: ['node_modules/.bin/next', 'start', '--port'],
    scripts: "'self' 'unsafe-inline'",
  },
  esbuild: { bundler: 'esbuild', output: 'www' },
  parcel: { bundler: 'parcel', output: 'dist' },
  'react-dexie-pwa': { bundler: 'vite', use: useWholeApp },
};

const quiet = { NEXT_TELEMETRY_DISABLED: '1', npm_config_update_notifier: 'false' };

await main(async () => {
  const names = chosen();
  const executablePath = await setup();
  const temporary = mkdtempSync(path.join(tmpdir(), 'taskbasket-bundlers-'));
  const { chromium } = await import('@playwright/test');
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-background-networking'] });
  const rows = [];
  try {
    const tarball = await packed(temporary);
    for (const name of names) {
      const began = performance.now();
      const row = await attempt(name, path.join(temporary, name), tarball, browser);
      console.log(`${name}: ${row.result}, ${seconds(began)}`);
      rows.push(row);
    }
  } finally {
    await browser.close();
    rmSync(temporary, { recursive: true, force: true });
  }

  print(rows);
  const failed = rows.filter(({ result }) => result !== 'passed').length;
  console.log(`${rows.length - failed} passed, ${failed} failed`);

  return failed === 0 ? 0 : 1;
});

function chosen() {
  const { values } = readOptions({
    command: 'npm run test:bundlers --',
    does:
      'Installs each app of examples/ with the packed library, builds it for production, serves it, and sends one note\n' +
      'through its SharedWorker in Chromium. Prints a table. The last line is "N passed, N failed".',
    options: { only: { value: 'NAME,NAME', does: `Only these apps: ${Object.keys(examples).join(', ')}.` } },
    example: 'npm run test:bundlers -- --only=vite,parcel',
  });
  const names = values.only?.split(',') ?? Object.keys(examples);
  const unknown = names.find((name) => !(name in examples));
  if (unknown === undefined) return names;
  throw new Failure(`There is no example ${unknown}. The examples are ${Object.keys(examples).join(', ')}.`);
}

/** The library as `npm publish` would send it; the path of the tarball. */
async function packed(folder) {
  await must('The library does not build', process.execPath, [tsc(), '-p', 'packages/core/tsconfig.build.json'], root);
  const core = path.join(root, 'packages/core');
  const said = await must('npm pack', 'npm', ['pack', '--silent', '--pack-destination', folder], core);

  return path.join(folder, said.split('\n').at(-1) ?? '');
}

/** One row of the table. A failure is told at once, and in the row. */
async function attempt(name, folder, tarball, browser) {
  const { bundler } = examples[name];
  const version = readJson(path.join(root, 'examples', name, 'package.json'));
  const row = {
    example: name,
    version: { ...version.dependencies, ...version.devDependencies }[bundler],
    'other lines than in the README': otherLines(path.join(root, 'examples', name)).join(' '),
  };
  try {
    return { ...row, ...(await prove(examples[name], folder, name, tarball, browser)), result: 'passed' };
  } catch (error) {
    console.log(error instanceof Failure ? error.message : error);

    return { ...row, result: 'FAILED' };
  }
}

/** Installs, builds, sends; then builds once more with other code in the worker, and looks whether the worker's URL is another. */
async function prove(example, folder, name, tarball, browser) {
  cpSync(path.join(root, 'examples', name), folder, { recursive: true, filter: isSource });
  const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', tarball];
  await must(`${name} cannot be installed`, 'npm', install, folder);
  await build(name, folder);
  if (example.use) return { worker: await example.use(browser, folder) };
  const { worker, kind } = await visiting(example, folder, (server) => sendOneNote(browser, server));

  const source = filesOf(folder).find((file) => file.endsWith('tasks.worker.ts')) ?? '';
  writeFileSync(source, `${readFileSync(source, 'utf8')}console.log('This is another build.');\n`);
  await build(name, folder);
  const next = await visiting(example, folder, (server) => urlOfWorker(browser, server));

  return {
    worker: shortened(worker),
    script: kind,
    'a changed worker has': next === worker ? 'the same URL' : 'another URL',
  };
}

function build(name, folder) {
  return must(`${name} does not build`, 'npm', ['run', 'build'], folder);
}

async function visiting(example, folder, visit) {
  const server = await serveExample(folder, example);
  try {
    return await visit(server);
  } finally {
    await server.close();
  }
}

/** A query or a fragment may hold more than fits into a table. */
function shortened(url) {
  return url.replace(/[?#].*/, (rest) => `${rest.slice(0, 8)}…`);
}

function isSource(file) {
  return !/(?:^|\/)(?:node_modules|dist|www\/js|\.next|\.parcel-cache|package-lock\.json)(?:\/|$)/.test(
    path.relative(root, file),
  );
}

function filesOf(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });

  return files.map((file) => path.join(folder, file)).filter((file) => !file.includes('node_modules'));
}

/** What the example writes otherwise than the first task of the README: parts in quotes that the README does not have. */
function otherLines(folder) {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
  const known = new Set([...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].flatMap(([, code]) => code.split('\n')));

  return filesOf(folder)
    .filter((file) => /\.tsx?$/.test(file) && isSource(file))
    .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    .filter((line) => /new SharedWorker|from '\.\/tasks|serveBasket/.test(line) && !known.has(line))
    .map((line) => line.trim());
}

async function must(what, command, args, cwd) {
  const { code, output } = await run(command, args, { cwd, env: quiet });
  if (code !== 0) throw new Failure(`${what}:\n${output.trim()}`);

  return output.trim();
}

/** @param {Record<string, string>[]} rows */
function print(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((column) => column !== 'result');
  columns.push('result');
  const lines = [columns, columns.map(() => '---'), ...rows.map((row) => columns.map((column) => row[column] || '–'))];
  console.log(`\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`);
}
