// Puts the manual and the licence into the package that is packed: they live at the root.
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './steps.mjs';

for (const file of ['README.md', 'LICENSE'])
  copyFileSync(path.join(root, file), path.join(root, 'packages/core', file));
