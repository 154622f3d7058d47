import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

import { type Plugin, defineConfig } from 'vite';

const server = 'http://127.0.0.1:4180';

export default defineConfig({
  appType: 'mpa',
  build: {
    target: 'es2023',
    // The policy of the server allows no data: URLs, and a worker is only shared under a URL of its own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: true,
  },
  worker: { format: 'es' },
  plugins: [shell()],
  server: { proxy: { '/api': server, '/control': server, '/sign-in': server } },
});

/** Writes `sw.js` with the list of the files that the page needs offline. */
function shell(): Plugin {
  let folder = '';
  return {
    name: 'shell',
    apply: 'build',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    closeBundle() {
      const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
        .filter((path) => !path.endsWith('.map') && path !== 'sw.js')
        .sort();
      const hash = createHash('sha256');
      for (const path of paths) hash.update(path).update(readFileSync(join(folder, path)));

      const files = paths.map((path) => (path === 'index.html' ? '/' : `/${path}`));
      const source = readFileSync(new URL('./src/sw.js', import.meta.url), 'utf8')
        .replace('/* global SHELL_NAME, SHELL_FILES */\n', '')
        .replace('SHELL_NAME;', () => `${JSON.stringify(`shell-${hash.digest('hex').slice(0, 12)}`)};`)
        .replace('SHELL_FILES;', () => `${JSON.stringify(files)};`);
      writeFileSync(join(folder, 'sw.js'), source);
    },
  };
}
