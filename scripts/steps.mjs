/** Running other programs and telling what they did. Node's own modules only: this runs before the install. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

/** The root of the checkout. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** A failure that is told in one sentence, without a stack. */
export class Failure extends Error {}

/**
 * Runs a program to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, show?: boolean, limit?: number }} [options] `show`: also print what it
 * prints, as it comes. `limit`: milliseconds after which it is killed, with all that it started.
 * @returns {Promise<{ code: number, output: string, late: boolean }>}
 */
export function run(command, args, { cwd = root, env = {}, show = false, limit } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...(show ? coloured(process.env) : plain(process.env)), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: limit !== undefined,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        if (show) process.stdout.write(text);
      });
    }

    let late = false;
    const timer =
      limit &&
      setTimeout(() => {
        late = true;
        killGroup(child, 'SIGKILL');
      }, limit);

    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(new Failure(`${command} could not be started: ${cause.message}`, { cause }));
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 1, output, late });
    });
  });
}

/**
 * Kills a program that was spawned with `detached`, and all that it started and that still runs.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {NodeJS.Signals} [signal]
 */
export function killGroup({ pid }, signal = 'SIGTERM') {
  if (pid === undefined) return; // It could not be started.
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // Nothing of it runs any more.
  }
}

/**
 * Resolves when a program has ended, or could not be started.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<void>}
 */
export function endOf(child) {
  return new Promise((resolve) => void child.once('error', () => resolve()).once('close', () => resolve()));
}

/** A port of this machine that nothing listens on. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');

  return port;
}

/** A machine that does other things is slow, not wrong: this limit, in milliseconds, is for what never comes. */
export const patience = 240_000;

/**
 * Asks again until the condition is true.
 *
 * @param {string} what The condition in words: "Waited 240 s in vain until …".
 * @param {() => unknown} condition
 */
export async function until(what, condition) {
  const end = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > end) throw new Failure(`Waited ${patience / 1_000} s in vain until ${what}.`);
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
}

/** The last lines of what a program printed, without colours. */
export function tail(output) {
  return stripVTControlCharacters(output).trim().split('\n').slice(-30).join('\n');
}

/** A program whose output goes through this one cannot see that there is a terminal. */
function coloured(env) {
  return process.stdout.isTTY ? { FORCE_COLOR: '1', ...env } : env;
}

/** Output that is only kept has no colours. */
function plain(env) {
  const { FORCE_COLOR, ...rest } = env;

  return { ...rest, NO_COLOR: '1' };
}

/** The program that a development dependency of the root, or of one package, brings. */
export function bin(name, directory = root) {
  return path.join(directory, 'node_modules', '.bin', name);
}

/** The compiler, by its package: `typescript` (the one in use) or `typescript-5.9` (the oldest that our declarations support). */
export function tsc(directory = root, version = 'typescript') {
  const file = version === 'typescript' ? 'bin/tsc' : 'lib/tsc.js';

  return path.join(directory, 'node_modules', version, file);
}

/** The folders of the workspace's packages, as absolute paths. `pnpm-workspace.yaml` says the same. */
export function packages(directory = root) {
  const parent = path.join(directory, 'packages');
  const inside = existsSync(parent) ? readdirSync(parent).map((name) => path.join(parent, name)) : [];

  return [...inside, path.join(directory, 'e2e')]
    .filter((folder) => existsSync(path.join(folder, 'package.json')))
    .toSorted();
}

export function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

export function seconds(since) {
  return `${((performance.now() - since) / 1_000).toFixed(1)} s`;
}

/** Runs a script's main function; a `Failure` is told without a stack and ends with the given exit code. */
export async function main(body, codeOfFailure = 1) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    console.error(error instanceof Failure ? `\n${error.message}` : error);
    process.exitCode = codeOfFailure;
  }
}

export function isMain(url) {
  return process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(url);
}
