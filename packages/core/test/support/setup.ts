/** Runs before each file of tests: what a test leaves behind is gone before the next one begins. */
import { afterEach, vi } from 'vitest';

import './faster.js';
import { watchTransactions } from '../simulate/transactions.js';
import { endWorlds } from './world.js';

afterEach(async () => {
  vi.restoreAllMocks();
  watchTransactions(undefined);
  await endWorlds();
});
