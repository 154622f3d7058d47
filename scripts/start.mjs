// `npm start`: installs what is missing, builds, and serves the demo until it is stopped. `--port` and `--data FILE` go to the server.
// `npm start -- --check --text T`: proves in a browser that what a page stored reaches the server; see check.mjs.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { setup } from './setup.mjs';
import { Failure, bin, isMain, main, root, run, seconds, tsc } from './steps.mjs';

const demo = path.join(root, 'packages/demo');

if (isMain(import.meta.url)) {
  await main(async () => {
    const args = process.argv.slice(2);
    const browser = await setup();
    await build();

    if (!args.includes('--check')) return serve(args);
    const { check } = await import('./check.mjs');
    return check(browser, args);
  });
}

/** Builds the library and the demo. */
export async function build() {
  await built('The library', process.execPath, [tsc(), '-p', 'packages/core/tsconfig.build.json'], root);
  await built('The demo', bin('vite', demo), ['build'], demo);
}

async function built(what, command, args, cwd) {
  const began = performance.now();
  const { code, output } = await run(command, args, { cwd });
  if (code !== 0) throw new Failure(`${what} does not build:\n${output.trim()}`);
  console.log(`${what}: built, ${seconds(began)}`);
}

/** The server says its address itself. Resolves with its exit code. */
function serve(args) {
  const server = spawn(process.execPath, ['server/main.mjs', ...args], { cwd: demo, stdio: 'inherit' });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => server.kill(signal));
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.on('close', (code) => resolve(code ?? 1));
  });
}
