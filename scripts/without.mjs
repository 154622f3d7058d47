/**
 * Shows that a check can fail: takes one property out of the library, and runs the checks until one is red.
 *
 * Lines before a patch's diff may say where to look first, so that it is quick. All checks follow if that one stays green:
 *
 *   check: vitest | simulate | e2e
 *   grep: a part of the test's name
 *   args: --seed 3 --steps 5000          (of the simulation)
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { readOptions } from './options.mjs';
import { playwrightReport, readPlaywright, readVitest, vitestReport } from './reports.mjs';
import { setup } from './setup.mjs';
import { Failure, bin, main, packages, root, run, seconds, tail, tsc } from './steps.mjs';

const patches = path.join(root, 'packages/core/test/without');
const simulation = ['--seed', '1', '--steps', '2000'];
const minute = 60_000;

/** Folders in node_modules that tools write to. */
const caches = ['.vite', '.vite-temp', '.cache', '.vitest'];

/**
 * @typedef {{ name: string, args: readonly string[] }} Red the test's name, and the arguments that run it alone
 * @typedef {(copy: string, args: readonly string[]) => Promise<Red | undefined>} Check
 *
 * @type {Record<string, Check>}
 */
const checks = {
  async vitest(copy, args) {
    const report = path.join(copy, vitestReport);
    rmSync(report, { force: true });
    const core = path.join(copy, 'packages/core');
    const options = [
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      '--bail=1',
      ...args,
    ];
    const ended = await run(bin('vitest', core), options, { cwd: core, limit: 10 * minute });
    const [first] = readVitest(copy).failed;
    if (first) return { name: first.name, args: [first.file, '--testNamePattern', `^${escape(first.title)}$`] };

    return mustBeGreen('vitest', ended);
  },

  async simulate(copy, args) {
    const ended = await run(process.execPath, ['scripts/simulate.mjs', ...args], { cwd: copy, limit: 10 * minute });
    if (ended.code === 2 || ended.late) return mustBeGreen('the simulation', ended);
    if (ended.code === 0) return undefined;
    const lines = ended.output.trim().split('\n');

    return { name: lines.find((line) => line.startsWith('violation')) ?? lines.at(-1) ?? 'no output', args };
  },

  async e2e(copy, args) {
    const report = path.join(copy, playwrightReport);
    rmSync(report, { force: true });
    for (const [page, folder, ...more] of [
      ['The demo', 'packages/demo'],
      ['The lab', 'e2e', 'lab'],
    ]) {
      const cwd = path.join(copy, folder);
      await mustWork(page, bin('vite', cwd), ['build', ...more], cwd);
    }
    const options = ['test', '--max-failures=1', ...args];
    const env = { TASKBASKET_LONG: 'all' };
    const ended = await run(bin('playwright', copy), options, { cwd: copy, env, limit: 15 * minute });
    const [first] = readPlaywright(copy).failed;
    if (first) return { name: first.name, args: [`${first.file}:${first.line}`] };

    return mustBeGreen('Playwright', ended);
  },
};

/** @type {import('./options.mjs').Usage} */
const usage = {
  command: 'npm run without --',
  names: 'NAME, or "all"',
  does:
    'Applies packages/core/test/without/NAME.patch, which takes one promise out of the library, to a copy, and runs the\n' +
    'checks until one is red. Exit code 0: one was red, and is green again without the patch. 1: no check was red.\n' +
    '2: nothing was proved, because the patch did not apply, the code did not compile, or a check broke without a failed test.',
  options: { list: { does: 'Prints the names of the patches.' } },
  example: 'npm run without -- lane',
};

await main(async () => {
  const { values, names: given } = readOptions(usage);
  const [asked, ...others] = given;
  const names = list();
  if (values.list) return console.log(names.join('\n'));
  if (asked === undefined) throw new Failure(`Name a patch: ${usage.example}. With --list you see all names.`);
  if (others.length > 0) throw new Failure(`Name one patch, or "all". Beside ${asked} you named ${others.join(', ')}.`);
  if (asked !== 'all' && !names.includes(asked)) {
    throw new Failure(`There is no ${asked}.patch in ${path.relative(root, patches)}. There are: ${names.join(', ')}.`);
  }

  process.env['TASKBASKET_CHROMIUM'] = await setup();
  if (asked !== 'all') return prove(asked);

  const codes = [];
  for (const name of names) codes.push(await proveOrTell(name));
  console.log(`\n${codes.filter((code) => code === 0).length} of ${names.length} made a check fail.`);

  return Math.max(0, ...codes);
}, 2);

async function proveOrTell(name) {
  try {
    return await prove(name);
  } catch (error) {
    console.log(error instanceof Failure ? error.message : error);

    return 2;
  }
}

/** Returns the exit code. */
async function prove(name) {
  const began = performance.now();
  const patch = path.join(patches, `${name}.patch`);
  const hints = readHints(patch);
  console.log(`\n== without ${name}${hints.why ? `: ${hints.why}` : ''}`);

  const copy = await copyCheckout();
  try {
    await apply(patch, copy);
    await buildCore(copy);
    for (const { check, args } of plan(hints, copy)) {
      const red = await checks[check](copy, args);
      if (!red) {
        console.log(`${check} ${args.join(' ')}: green`);
        continue;
      }
      console.log(`${check}: RED\n  ${red.name}`);
      await mustBeGreenAgain(check, red, patch, copy);
      console.log(`${check}: green again with it. ${seconds(began)}`);

      return 0;
    }
    console.log(`No check is red without ${name}. ${seconds(began)}`);

    return 1;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** The check that the patch names, then all of them. */
function plan({ check, grep, args }, copy) {
  /** @type {{ check: string, args: readonly string[] }[]} */
  const all = [{ check: 'vitest', args: [] }];
  if (existsSync(path.join(copy, 'packages/core/test/simulate/main.ts')))
    all.push({ check: 'simulate', args: simulation });
  if (existsSync(path.join(copy, 'e2e'))) all.push({ check: 'e2e', args: [] });
  if (check === undefined) return all;

  const narrow = {
    vitest: grep ? ['--testNamePattern', grep] : [],
    simulate: args ? args.split(/\s+/) : simulation,
    e2e: grep ? ['--grep', grep] : [],
  };
  if (narrow[check] === undefined) throw new Failure(`There is no check ${check}; it is vitest, simulate or e2e.`);
  const first = { check, args: narrow[check] };

  return [first, ...all.filter((other) => other.check !== check || other.args.join() !== first.args.join())];
}

/** A test that is red anyway proves nothing. */
async function mustBeGreenAgain(check, red, patch, copy) {
  await apply(patch, copy, ['--reverse']);
  await buildCore(copy);
  const still = await checks[check](copy, red.args);
  if (still) throw new Failure(`It is red also when the patch is taken back, so this proves nothing: ${still.name}`);
}

/** @returns {undefined} */
function mustBeGreen(what, { code, output, late }) {
  if (late) throw new Failure(`${what} did not end in time:\n${tail(output)}`);
  if (code !== 0) throw new Failure(`${what} broke without a failing test:\n${tail(output)}`);
}

async function apply(patch, copy, options = []) {
  // A folder inside of some checkout would make git look for the files in that.
  const env = { GIT_CEILING_DIRECTORIES: path.dirname(copy) };
  const before = fingerprint(copy);
  const { code, output } = await run('git', ['apply', ...options, patch], { cwd: copy, env });
  if (code !== 0) throw new Failure(`${path.basename(patch)} does not apply; renew it.\n${output.trim()}`);
  if (fingerprint(copy) === before) throw new Failure(`${path.basename(patch)} changes nothing in the library.`);
}

function fingerprint(copy) {
  const src = path.join(copy, 'packages/core/src');
  const names = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

  return names.map((name) => `${name}\n${readFileSync(path.join(src, name), 'utf8')}`).join('\n');
}

async function buildCore(copy) {
  const core = path.join(copy, 'packages/core');
  rmSync(path.join(core, 'dist'), { recursive: true, force: true });
  // What a patch leaves unused does no harm.
  const unused = ['--noUnusedLocals', 'false', '--noUnusedParameters', 'false'];
  await mustWork(
    'The library',
    process.execPath,
    [tsc(copy), '-p', path.join(core, 'tsconfig.build.json'), ...unused],
    copy,
  );
}

async function mustWork(what, command, args, cwd) {
  const { code, output } = await run(command, args, { cwd });
  if (code !== 0) throw new Failure(`${what} does not build with the patch, which is no proof:\n${tail(output)}`);
}

/** A copy of what is checked out, with changes not yet committed. */
async function copyCheckout() {
  const { code, output } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
  if (code !== 0) throw new Failure(output);
  const copy = mkdtempSync(path.join(tmpdir(), 'taskbasket-without-'));
  for (const file of new Set(output.split('\0').filter((name) => name && existsSync(path.join(root, name))))) {
    cpSync(path.join(root, file), path.join(copy, file));
  }
  for (const folder of [root, ...packages()]) linkModules(folder, path.join(copy, path.relative(root, folder)));

  return copy;
}

/**
 * The links of pnpm are relative. Copied as they are, those to packages of the workspace lead into the copy, as they must;
 * those to all others lead into `.pnpm`, which is one link to the original.
 */
function linkModules(from, to) {
  const source = path.join(from, 'node_modules');
  if (!existsSync(source)) return;
  mkdirSync(path.join(to, 'node_modules'), { recursive: true });
  for (const name of readdirSync(source)) {
    const target = path.join(to, 'node_modules', name);
    if (name === '.pnpm') symlinkSync(path.join(source, name), target);
    else if (!caches.includes(name))
      cpSync(path.join(source, name), target, { recursive: true, verbatimSymlinks: true });
  }
}

function list() {
  if (!existsSync(patches)) return [];

  return readdirSync(patches)
    .filter((name) => name.endsWith('.patch'))
    .map((name) => path.basename(name, '.patch'))
    .toSorted();
}

/** `key: value` lines before the diff; other lines there say what is taken out. */
function readHints(patch) {
  const text = readFileSync(patch, 'utf8');
  const head = text.slice(0, text.search(/^(diff --git|--- )/m)).split('\n');
  const read = (key) =>
    head
      .find((line) => line.startsWith(`${key}: `))
      ?.slice(key.length + 2)
      .trim();
  const why = head.find((line) => line !== '' && !/^(check|grep|args): /.test(line));

  return { why, check: read('check'), grep: read('grep'), args: read('args') };
}

function escape(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
