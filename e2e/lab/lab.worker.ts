/**
 * The lab's worker, shared or dedicated. Its name says which database it serves.
 */
import { serveBasket } from 'taskbasket/worker';

import { tasksFor } from './app.js';
import { labHandlers } from './handlers.js';
import { setupIn } from './setup.js';

const setup = setupIn(self.name);

// In the place of a kill, in engines of which no test can ask one.
new BroadcastChannel('lab: die').addEventListener('message', () => self.close());

serveBasket(tasksFor(setup), labHandlers(crypto.randomUUID()), {
  build: setup.build,
  ...(setup.concurrency === 0 ? {} : { concurrency: setup.concurrency }),
});
