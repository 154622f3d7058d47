/** Builds and serves the demo, or proves that what it stores reaches the server. */
import { spawn } from 'node:child_process';
import path from 'node:path';

import { readOptions, wholeNumber } from './options.mjs';
import { setup } from './setup.mjs';
import { Failure, bin, isMain, main, root, run, seconds, tsc } from './steps.mjs';

const demo = path.join(root, 'packages/demo');

/** @type {import('./options.mjs').Usage} */
const usage = {
  command: 'npm start --',
  does:
    'Installs what is missing, builds, and serves the demo until it is stopped. With --check it proves instead, in a\n' +
    'browser, that what a page stored while the server was away reaches the server once. Exit code 0: it did.',
  options: {
    port: { value: 'N', default: '4180', does: 'The port of the server; 0: any free one.' },
    data: { value: 'FILE', does: "The server's data. Default: a file in packages/demo/.cache." },
    check: { does: 'Proves that a stored text reaches the server, and ends.' },
    text: { value: 'TEXT', does: 'The text that --check stores. Default: one with the time.' },
  },
  example: 'npm start -- --check --text "some text"',
};

if (isMain(import.meta.url)) {
  await main(async () => {
    const { values } = readOptions(usage);
    const port = wholeNumber('port', values.port, 0);
    const browser = await setup();
    await build();

    if (!values.check) return serve(['--port', String(port), ...(values.data ? ['--data', values.data] : [])]);
    const { check } = await import('./check.mjs');

    return check(browser, values.text);
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
