import { readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import { blocks, repository } from './blocks.js';

/** The text from one line to another, both included. */
function part(text: string, from: string, to: string): string {
  const start = text.indexOf(from);
  const end = text.indexOf(to, start);
  if (start === -1 || end === -1) throw new Error(`There is no "${from}" … "${to}".`);

  return text.slice(start, end + to.length);
}

test.each([
  ['why.ts', 'why.ts', 'const at = ', "reasons.map(words).join(' ');"],
  ['correct.ts', 'notes.ts', '  try {\n    if (await basket.update(', 'throw error;\n  }\n'],
  ['answers.ts', 'tasks.worker.ts', "/** The server's own words", "did not say why.';\n}\n"],
  ['basket-with-hot-reload.js', 'basket.ts', 'if (import.meta.hot)', 'basket.close());'],
  ['basket.ts', 'basket.ts', '  worker: () => new SharedWorker(', '}),\n'],
  ['dexie-db.ts', 'db.ts', '  { open: () => db.open() },', 'class NotesDB extends Dexie {\n'],
])('what %s of the manual says stands in %s of examples/react-dexie-pwa as well', (block, file, from, to) => {
  const code = blocks.find(({ name }) => name === block)?.code ?? '';
  const example = readFileSync(path.join(repository, 'examples/react-dexie-pwa/src', file), 'utf8');

  expect(example).toContain(part(code, from, to));
});
