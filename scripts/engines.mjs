/**
 * Runs the end-to-end tests in Chromium, in Firefox, and as far as WebDriver goes in WebKitGTK, and prints a table of what
 * each engine did.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

import { readOptions } from './options.mjs';
import { playwrightTests } from './reports.mjs';
import { ensureInstalled, inPath, installByApt, lookForBrowser } from './setup.mjs';
import { Failure, bin, isMain, main, root, run, seconds } from './steps.mjs';

const decisions = path.join(root, 'docs/decisions');

/** @type {Record<string, { name: string, variable: string, packages: string[], find: () => Promise<string | undefined> }>} */
const all = {
  chromium: {
    name: 'Chromium',
    variable: 'TASKBASKET_CHROMIUM',
    packages: ['chromium'],
    find: () => lookForBrowser(),
  },
  firefox: {
    name: 'Firefox',
    variable: 'TASKBASKET_FIREFOX',
    packages: ['firefox-esr'],
    find: () => findFirefox(),
  },
  webkit: {
    name: 'WebKitGTK',
    variable: 'TASKBASKET_MINIBROWSER',
    packages: ['webkit2gtk-driver', 'xvfb', 'xauth'],
    find: () => findMiniBrowser(),
  },
};

/** The path of a Firefox; nothing if there is none. */
export async function findFirefox() {
  return named('TASKBASKET_FIREFOX') ?? inPath('firefox-esr').find((file) => existsSync(file));
}

/** The path of WebKitGTK's MiniBrowser; nothing if it, its driver or a display for it is missing. */
export async function findMiniBrowser() {
  const given = named('TASKBASKET_MINIBROWSER');
  const tools = ['WebKitWebDriver', 'xvfb-run', 'xauth'];
  if (!tools.every((tool) => inPath(tool).some((file) => existsSync(file)))) return undefined;
  const folders = ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu`);
  const builds = [...folders, '/usr/libexec'].flatMap((folder) => [
    `${folder}/webkit2gtk-4.1/MiniBrowser`,
    `${folder}/webkitgtk-6.0/MiniBrowser`,
  ]);

  return given ?? builds.find((file) => existsSync(file));
}

/** The path that a variable names; nothing if it is not set. */
function named(variable) {
  const file = process.env[variable] || undefined;
  if (file === undefined || existsSync(file)) return file;
  throw new Failure(`${variable} is ${file}, but there is no such file.`);
}

if (isMain(import.meta.url)) await main(engines);

async function engines() {
  const { values, names } = readOptions({
    command: 'npm run test:engines --',
    does: [
      'Runs the end-to-end tests in Chromium, Firefox and WebKitGTK, and prints a table of what each engine did.',
      'Installs Firefox ESR and WebKitGTK by apt, if they are missing and this is root; TASKBASKET_FIREFOX and',
      'TASKBASKET_MINIBROWSER name others. Exit code 0: every test passed, or says why it cannot run in an engine. 1: a',
      'test failed. 2: no test failed, but an engine is not on this machine.',
    ].join('\n'),
    example: 'npm run test:engines -- --only=firefox "scenario 60"',
    options: { only: { value: 'NAME,NAME', does: `Only these engines: ${Object.keys(all).join(', ')}.` } },
    names: '[part of a test’s name]',
  });
  const chosen = values['only']?.split(',') ?? Object.keys(all);
  const unknown = chosen.find((id) => !(id in all));
  if (unknown !== undefined) {
    throw new Failure(`There is no engine ${unknown}. The engines are ${Object.keys(all).join(', ')}.`);
  }

  await ensureInstalled();
  const { code, output } = await run(process.execPath, ['scripts/test.mjs', '--only=build,pages']);
  if (code !== 0) throw new Failure(output.trim());

  const columns = [];
  for (const id of chosen) columns.push(await column(id, names));

  return show(columns);
}

/** What one engine did: its name with its version, and the tests of its report; no tests if it is not here. */
async function column(id, filter) {
  const { name, variable, packages, find } = all[id];
  const file = (await find()) ?? ((await installByApt(packages)) ? await find() : undefined);
  if (file === undefined) {
    console.log(
      `\n== ${name}: not here. Install it (Debian: apt-get install ${packages.join(' ')}), or set ${variable} to its path.`,
    );

    return { head: name, tests: undefined };
  }
  const display = id === 'webkit' ? ['xvfb-run', '-a'] : [];
  const [command, ...args] = [...display, file, '--version'];
  const said = (await run(command, args, { limit: 60_000 })).output;
  const head = `${name} ${/\d+\.\d+/.exec(said)?.[0] ?? ''}`.trim();

  console.log(`\n== ${head}: ${file}`);
  const report = path.join(root, `test-results/playwright${id === 'chromium' ? '' : `-${id}`}.json`);
  rmSync(report, { force: true });
  const began = performance.now();
  const grep = filter.length === 0 ? [] : ['--grep', filter.join('|')];
  const [first, ...rest] = [...display, bin('playwright'), 'test', ...grep];
  await run(first, rest, { show: true, env: { TASKBASKET_ENGINE: id, [variable]: file } });
  console.log(`== ${head}: ${seconds(began)}`);

  return { head, tests: playwrightTests(report) };
}

/** Prints the table and the sums; returns the exit code. */
function show(columns) {
  const here = columns.filter(({ tests }) => tests !== undefined);
  const cells = here.map(({ tests }) => new Map(tests.map((test) => [test.name, cellOf(test)])));
  const titles = [...new Set(cells.flatMap((of) => [...of.keys()]))];
  const rows = titles.map((name) => [...cells.map((of) => of.get(name) ?? 'NOT RUN'), name]);
  const table = [[...here.map(({ head }) => head), 'test'], ...rows];
  const widths = here.map((_, place) => Math.max(...table.map((row) => row[place].length)));

  console.log('');
  for (const row of table) console.log(row.map((cell, place) => cell.padEnd(widths[place] ?? 0)).join(' | '));
  const shown = rows.flatMap((row) => row.slice(0, -1));
  for (const file of readdirSync(decisions)) {
    const cell = `cannot (${file.slice(0, 4)})`;
    if (shown.includes(cell)) console.log(`\n${cell}: docs/decisions/${file}`);
  }

  const missing = columns.filter(({ tests }) => tests === undefined).map(({ head }) => head);
  if (missing.length > 0) console.log(`\nNot here, and so not tested: ${missing.join(', ')}.`);
  const passed = shown.filter((cell) => cell === 'pass').length;
  const explained = shown.filter((cell) => cell.startsWith('needs') || cell.startsWith('cannot')).length;
  // An engine that ran nothing has failed, since somebody asked for it.
  const failed = shown.length - passed - explained + here.filter(({ tests }) => tests.length === 0).length;
  console.log(`\n${passed} passed, ${failed} failed`);

  return failed > 0 ? 1 : missing.length > 0 ? 2 : 0;
}

/** What the table says of a test: `pass`, or why not. What nobody explains is shown as a failure. */
function cellOf({ status, skip = '' }) {
  if (status === 'expected') return 'pass';
  if (status !== 'skipped') return 'FAILED';
  const [, cell = '', decision] = /^(needs Chromium’s protocol|cannot \((\d{4})\))/.exec(skip) ?? [];
  const isKnown = decision === undefined || readdirSync(decisions).some((file) => file.startsWith(`${decision}-`));

  return cell !== '' && isKnown ? cell : 'SKIPPED';
}
