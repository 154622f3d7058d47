import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import { repository } from './blocks.js';

/** The scripts that a person starts. The other files of their folders are imported by these. */
const scripts = ['scripts', 'packages/bench']
  .flatMap((folder) => readdirSync(path.join(repository, folder)).map((file) => `${folder}/${file}`))
  .filter((file) => file.endsWith('.mjs') && readFileSync(path.join(repository, file), 'utf8').includes('await main('));

function started(script: string, option: string): { readonly code: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(repository, script), option], {
    encoding: 'utf8',
  });

  return { code: status, said: stdout + stderr };
}

test('there are scripts, also each that a command of package.json starts', () => {
  const { scripts: commands } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const named = Object.values(commands).flatMap(
    (command) => /^node (?<file>\S+)/.exec(command)?.groups?.['file'] ?? [],
  );

  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((file) => !scripts.includes(file))).toEqual([]);
});

test.each(scripts)('%s says with --help what it does, its options and an example', (script) => {
  const { code, said } = started(script, '--help');

  expect([code, said.split('\n\n')]).toEqual([
    0,
    [
      expect.stringMatching(/^(?:npm|node) \S/),
      expect.stringMatching(/\.$/),
      expect.stringContaining('--help  '),
      expect.stringMatching(/^Example: (?:npm|node) \S/),
    ],
  ]);
});

test.each(scripts)('%s names an option that it does not have, and does nothing', (script) => {
  const { code, said } = started(script, '--no-such-option');

  expect(code).not.toBe(0);
  expect(said.trim()).toMatch(/^There is no option --no-such-option\. .* --help says which there are\.$/);
});
