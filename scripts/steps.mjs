/** Running other programs and telling what they did. Node's own modules only: this runs before the install. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** A failure that is told in one sentence, without a stack. */
export class Failure extends Error {}

/**
 * Runs a program to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, show?: boolean, limit?: number }} [options] `show`: print what it prints,
 * as it comes; else it is kept. `limit`: milliseconds after which it is killed, with all that it started.
 * @returns {Promise<{ code: number, output: string, late: boolean }>}
 */
export function run(command, args, { cwd = root, env = {}, show = false, limit } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...(show ? process.env : plain(process.env)), ...env },
      stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
      detached: limit !== undefined,
    });
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));

    let late = false;
    const timer =
      limit &&
      setTimeout(() => {
        late = true;
        if (child.pid) process.kill(-child.pid, 'SIGKILL');
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

/** Output that is kept has no colours. */
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
