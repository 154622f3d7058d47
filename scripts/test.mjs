/** All checks, in order, each with its duration. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

import { readOptions } from './options.mjs';
import { none, playwrightReport, readPlaywright, readVitest, summary, vitestReport } from './reports.mjs';
import { lookForShell, setup } from './setup.mjs';
import { Failure, bin, main, packages, root, run, seconds, tsc } from './steps.mjs';

const core = path.join(root, 'packages/core');
const demo = path.join(root, 'packages/demo');
const e2e = path.join(root, 'e2e');

/** What a step returns is shown when it ends. */
const steps = {
  install: async () => {
    // The long run is in the browser that people have.
    const shell = process.env['TASKBASKET_LONG'] === undefined ? await lookForShell() : undefined;
    process.env['TASKBASKET_CHROMIUM'] = await setup();
    if (shell !== undefined) console.log(`Most browser tests: ${shell}`);
    process.env['TASKBASKET_SHELL'] = shell ?? '';
  },
  build: async () => {
    rmSync(path.join(core, 'dist'), { recursive: true, force: true });
    await quietly(process.execPath, [tsc(), '-p', path.join(core, 'tsconfig.build.json')]);
  },
  // The longest of those that run beside each other begins.
  simulate: () => quietly(process.execPath, ['scripts/simulate.mjs', '--seed', '1', '--steps', '2000']),
  format: async () => void (await quietly(bin('oxfmt'), ['--check'])),
  arrows: async () => void (await quietly(process.execPath, ['scripts/arrows.mjs', '--self-test'])),
  house: async () => void (await quietly(process.execPath, ['scripts/house.mjs', '--self-test'])),
  lint: async () => void (await quietly(bin('oxlint'), [])),
  types: async () => {
    const compilations = configs().map((config) => [tsc(), '--noEmit', '-p', config]);
    // The oldest compiler that our declarations support reads what we ship, not the sources.
    compilations.push([tsc(root, 'typescript-5.9'), '-p', path.join(core, 'tsconfig.declarations.json')]);
    await allQuietly(compilations.map((args) => [process.execPath, args]));
  },
  package: async () => {
    const tarball = await pack();
    await quietly(bin('publint'), [tarball, '--strict']);
    await quietly(bin('attw'), [tarball, '--profile', 'esm-only', '--no-color']);
  },
  sizes: async () => {
    const limits = await quietly(bin('size-limit'), []);

    return `${limits}\n${await quietly(process.execPath, ['scripts/sizes.mjs', '--added'])}`;
  },
  pages: async () => {
    await quietly(bin('vite', demo), ['build'], demo);
    await quietly(bin('vite', e2e), ['build', 'lab'], e2e);
  },
  vitest: async () => {
    rmSync(path.join(root, vitestReport), { force: true });
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${path.join(root, vitestReport)}`];
    await shown(bin('vitest', core), ['run', ...reporters], core);
  },
  e2e: async () => {
    if (process.env['TASKBASKET_CHROMIUM'] === undefined) await steps.install();
    rmSync(path.join(root, playwrightReport), { force: true });
    await shown(bin('playwright'), ['test']);
  },
};

/** The steps of the long run. */
const longSteps = ['install', 'build', 'pages', 'e2e'];

/** A step without which the others say nothing. */
const needed = ['install', 'build'];

/** Steps whose programs show what they do as they do it. They also keep every processor busy by themselves. */
const shownSteps = ['vitest', 'e2e'];

/** Steps that run alone, because they are busy or because others wait for them. The other ones run two at a time. */
const aloneSteps = [...needed, ...shownSteps];

await main(async () => {
  const names = chosen();
  const failedSteps = new Map();
  const start = performance.now();

  for (const group of groupsOf(names)) {
    await Promise.all([work(group, failedSteps), work(group, failedSteps)]);
    if (needed.some((name) => failedSteps.has(name))) break;
  }

  const { passed, failed, told } = summary(
    {
      vitest: names.includes('vitest') ? readVitest() : none,
      e2e: names.includes('e2e') ? readPlaywright() : none,
    },
    failedSteps,
  );
  console.log(`\nAll in ${seconds(start)}.${failed > 0 ? ` Failed: ${[...failedSteps.keys()].join(', ')}.` : ''}`);
  // A log that is cut keeps its end.
  if (failed > 0) console.log(`\n${told}\n`);
  console.log(`${passed} passed, ${failed} failed`);

  return failed === 0 ? 0 : 1;
});

/** Steps that may run beside each other, one group after the other. */
function groupsOf(names) {
  return [
    ...needed.map((name) => [name]),
    Object.keys(steps).filter((name) => !aloneSteps.includes(name)),
    ['vitest'],
    ['e2e'],
  ].map((group) => group.filter((name) => names.includes(name)));
}

/** Takes one step after the other out of a group, until none is left. */
async function work(group, failedSteps) {
  for (let name = group.shift(); name !== undefined; name = group.shift()) {
    if (aloneSteps.includes(name)) console.log(`\n== ${name}`);
    const began = performance.now();
    const { failed, says } = await attempt(steps[name]);
    if (failed) failedSteps.set(name, says);
    console.log(`== ${name}: ${failed ? 'FAILED' : 'ok'}, ${seconds(began)}`);
    if (says && !shownSteps.includes(name)) console.log(says);
  }
}

/** Whether a step failed, and what is to be shown of it. */
async function attempt(step) {
  try {
    return { failed: false, says: await step() };
  } catch (error) {
    return { failed: true, says: error instanceof Failure ? error.message : error.stack };
  }
}

function chosen() {
  const { values } = readOptions({
    command: 'npm test --',
    does:
      `Runs all checks, in this order: ${Object.keys(steps).join(', ')}.\n` +
      'The last lines name each failed test, with the first lines of its error, and say "N passed, N failed".\n' +
      'A step that fails without a failed test counts as one.',
    options: {
      only: { value: 'STEP,STEP', does: 'Runs these steps and no others.' },
      from: { value: 'STEP', does: 'Runs this step and those after it.' },
      long: { does: 'Runs the tests instead that take minutes of a browser.' },
    },
    example: 'npm test -- --only=lint,vitest',
  });
  if (values.long) process.env['TASKBASKET_LONG'] = 'only';
  const names = values.long ? longSteps : Object.keys(steps);
  const asked = values.only?.split(',') ?? [];
  for (const name of [...asked, ...(values.from === undefined ? [] : [values.from])]) {
    if (!names.includes(name)) throw new Failure(`There is no step ${name}. The steps are ${names.join(', ')}.`);
  }
  if (values.only !== undefined) return names.filter((name) => asked.includes(name));

  return values.from === undefined ? names : names.slice(names.indexOf(values.from));
}

/** Every tsconfig of the workspace but those that only build. */
function configs() {
  const folders = [
    root,
    path.join(root, 'scripts'),
    path.join(root, 'examples'),
    ...packages().flatMap((folder) => [folder, ...subfolders(folder)]),
  ];

  return folders.map((folder) => path.join(folder, 'tsconfig.json')).filter((file) => existsSync(file));
}

function subfolders(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
    .map((entry) => path.join(folder, entry.name));
}

async function pack() {
  const folder = path.join(core, '.cache');
  mkdirSync(folder, { recursive: true });
  const { code, output } = await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: core });
  if (code !== 0) throw new Failure(output);

  return path.join(folder, output.trim().split('\n').at(-1) ?? '');
}

/** Runs a program; gives back what it printed. */
async function quietly(command, args, cwd = root) {
  const { code, output } = await run(command, args, { cwd });
  if (code !== 0) throw new Failure(output.trim());

  return output.trim();
}

/** Runs all, also after one that failed. */
async function allQuietly(commands) {
  const outputs = [];
  for (const [command, args] of commands) {
    const { code, output } = await run(command, args);
    if (code !== 0) outputs.push(output.trim());
  }
  if (outputs.length > 0) throw new Failure(outputs.join('\n'));
}

async function shown(command, args, cwd = root) {
  const { code, output } = await run(command, args, { cwd, show: true });
  if (code !== 0) throw new Failure(`${output.trim()}\n\n${path.basename(command)} ended with exit code ${code}.`);
}
