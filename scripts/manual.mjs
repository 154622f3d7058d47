/** Puts the manual and the licence into the package that is packed: they lie at the root. */
import { copyFileSync } from 'node:fs';
import path from 'node:path';

import { readOptions } from './options.mjs';
import { main, root } from './steps.mjs';

await main(async () => {
  readOptions({
    command: 'node scripts/manual.mjs',
    does: 'Copies README.md and LICENSE into packages/core. `npm pack` runs it there.',
    example: 'node scripts/manual.mjs',
  });
  for (const file of ['README.md', 'LICENSE']) {
    copyFileSync(path.join(root, file), path.join(root, 'packages/core', file));
  }
});
