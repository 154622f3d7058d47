/** What a fresh machine lacks: the dependencies (pnpm through npx) and a browser. Node's own modules only. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { readOptions } from './options.mjs';
import { Failure, bin, isMain, main, packages, readJson, root, run } from './steps.mjs';

const whatToDo = `No Chromium was found, and none could be installed.
Install one (Debian and Ubuntu: apt-get install chromium), or set TASKBASKET_CHROMIUM to the path of a Chromium or Chrome, and run this again.`;

/** Installs the dependencies as the lockfile says, if what is there is not that. */
export async function ensureInstalled() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Failure(`Node 20.19 or later is needed; this is ${process.versions.node}.`);
  }
  if (isInstalled()) {
    console.log('Dependencies: installed, as the lockfile says.');

    return;
  }
  // package.json pins the version of pnpm, because pnpm itself and other tools look there. Corepack is not used: Node 25 no
  // longer brings it.
  const pnpm = readJson(path.join(root, 'package.json')).packageManager.split('+')[0];
  console.log(`Dependencies: npx ${pnpm} install --frozen-lockfile`);
  const install = ['--yes', pnpm, 'install', '--frozen-lockfile', '--reporter=append-only'];
  const { code } = await run('npx', [...install, '--config.confirmModulesPurge=false'], { show: true });
  if (code !== 0) throw new Failure('The dependencies could not be installed; the lines above say why.');
}

/** pnpm leaves a copy of the lockfile that it installed from. */
function isInstalled() {
  const installed = path.join(root, 'node_modules/.pnpm/lock.yaml');
  if (!existsSync(installed)) return false;
  if (readFileSync(installed, 'utf8') !== readFileSync(path.join(root, 'pnpm-lock.yaml'), 'utf8')) return false;

  return packages().every((folder) => {
    const { dependencies, devDependencies } = readJson(path.join(folder, 'package.json'));
    const names = Object.keys({ ...dependencies, ...devDependencies });

    return names.every((name) => existsSync(path.join(folder, 'node_modules', name)));
  });
}

/**
 * The path of a Chromium that starts. Looks at TASKBASKET_CHROMIUM, then for an installed one, then for Playwright's own
 * download, which it also tries to get, and last asks apt, if this is root. Needs the dependencies.
 *
 * @returns {Promise<string>}
 */
export async function findBrowser() {
  const found = await lookForBrowser();
  if (found === undefined) throw new Failure(whatToDo);

  return found;
}

/** The same; nothing if there is none. */
export async function lookForBrowser() {
  const wanted = process.env['TASKBASKET_CHROMIUM'];
  if (!wanted) return (await installedBrowser()) ?? (await downloadedBrowser()) ?? browserFromApt();
  if (await starts(wanted)) return wanted;
  throw new Failure(`TASKBASKET_CHROMIUM is ${wanted}, but that does not start.`);
}

async function installedBrowser() {
  const candidates = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'].flatMap(inPath);
  candidates.push('/Applications/Google Chrome.app/Contents/MacOS/Google Chrome');

  return firstThatStarts(candidates);
}

async function downloadedBrowser() {
  const { chromium } = await import('@playwright/test');
  const file = chromium.executablePath();
  if (existsSync(file)) return firstThatStarts([file]);
  console.log('Browser: none installed; playwright install chromium');
  const { code } = await run(bin('playwright'), ['install', 'chromium'], { limit: 180_000 });
  if (code !== 0) console.log('Browser: that download did not succeed.');

  return code === 0 ? firstThatStarts([file]) : undefined;
}

async function browserFromApt() {
  return (await installByApt(['chromium'])) ? installedBrowser() : undefined;
}

/**
 * The path of Chromium's headless shell: the same engine without what a person sees of a browser, so that tests need much
 * less of a processor. Asks apt too, if this is root.
 *
 * @returns {Promise<string | undefined>} Nothing if there is none, or if TASKBASKET_CHROMIUM says what the tests run in.
 */
export async function lookForShell() {
  if (process.env['TASKBASKET_CHROMIUM']) return undefined;
  const files = inPath('chromium-headless-shell');

  return (
    (await firstThatStarts(files)) ??
    ((await installByApt(['chromium-headless-shell'])) ? firstThatStarts(files) : undefined)
  );
}

/** Installs packages, if this is root and a system that has apt; says whether it did. */
export async function installByApt(names) {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || !existsSync('/usr/bin/apt-get')) return false;
  console.log(`Browser: apt-get update && apt-get install -y ${names.join(' ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [
    ['update', '-q'],
    ['install', '-y', '-q', '--no-install-recommends', ...names],
  ]) {
    const { code, output } = await run('/usr/bin/apt-get', args, { env });
    if (code === 0) continue;
    console.log(output.trim());

    return false;
  }

  return true;
}

/** The files of this name in the folders of PATH, whether they exist or not. */
export function inPath(name) {
  return (process.env['PATH'] ?? '').split(path.delimiter).map((folder) => path.join(folder, name));
}

async function firstThatStarts(files) {
  for (const file of files) {
    if (existsSync(file) && (await starts(file))) return file;
  }

  return undefined;
}

/** A browser can be there and lack a library of the system's. */
async function starts(file) {
  try {
    return (await run(file, ['--version'], { limit: 30_000 })).code === 0;
  } catch {
    return false;
  }
}

/** Both; says what it finds and does. Returns the path of the browser. */
export async function setup() {
  await ensureInstalled();
  const browser = await findBrowser();
  console.log(`Browser: ${browser}`);

  return browser;
}

if (isMain(import.meta.url)) {
  await main(async () => {
    readOptions({
      command: 'node scripts/setup.mjs',
      does:
        'Installs the dependencies if they are not as the lockfile says, and looks for a Chromium that starts: that of\n' +
        "TASKBASKET_CHROMIUM, an installed one, Playwright's download, or one that apt installs.",
      example: 'node scripts/setup.mjs',
    });
    await setup();
  });
}
