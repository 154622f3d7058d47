import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import { core, laidOut, repository } from './blocks.js';

test('the plugin for Vite writes every file of a build into the service worker of the manual', () => {
  const { folder } = laidOut('shell');
  const write = (name: string, text: string): void => writeFileSync(path.join(folder, name), text);
  write('package.json', '{ "type": "module" }'); // That of the library says that files without exports do nothing.
  mkdirSync(path.join(folder, 'node_modules'));
  symlinkSync(core, path.join(folder, 'node_modules/taskbasket'));
  write('vite.config.ts', "import { shell } from './shell-plugin.ts';\n\nexport default { plugins: [shell] };\n");
  const register = "if (import.meta.env.PROD) void navigator.serviceWorker.register('/sw-shell.js');";
  write('main.ts', `import './basket';\nimport './unsent';\n${register}\n`);
  write('index.html', '<script type="module" src="/main.ts"></script>\n');
  const vite = path.join(repository, 'node_modules/vite/bin/vite.js');
  const env = { ...process.env, NODE_ENV: 'production' };
  const { status, stderr } = spawnSync(process.execPath, [vite, 'build'], { cwd: folder, env, encoding: 'utf8' });
  expect(status, stderr).toBe(0); // On a busy machine it warns that it was slow.

  const dist = path.join(folder, 'dist');
  const built = readdirSync(dist, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `/${path.relative(dist, path.join(entry.parentPath, entry.name))}`);
  const script = readFileSync(path.join(dist, 'sw-shell.js'), 'utf8');
  const [, files = '[]'] = /^const files = (.*);$/m.exec(script) ?? [];
  const kept = (JSON.parse(files) as string[]).map((file) => (file === '/' ? '/index.html' : file));
  expect([...kept, '/sw-shell.js'].sort()).toEqual(built.sort());
  expect(built.filter((file) => file.startsWith('/assets/tasks.worker-'))).toHaveLength(1);
  expect(script).toMatch(/^const shell = 'shell-\d+';$/m);
  const page = built.find((file) => file.startsWith('/assets/index-')) ?? '';
  expect(readFileSync(path.join(dist, page), 'utf8')).toContain('/sw-shell.js');
});
