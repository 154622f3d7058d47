/** What runs in the page. Each function is called from outside by its name, with plain values. */
import { add, addOne } from './add.mjs';
import { blocked } from './blocked.mjs';
import { drain } from './drain.mjs';
import { pace, startAfterGates } from './pace.mjs';
import { explains, query } from './query.mjs';
import { addWithoutRoom, openForQuota, untilThereIsNoRoom } from './quota.mjs';
import { shownAfter, watch } from './watch.mjs';
import { wide } from './wide.mjs';
import { fillLibrary, fillRaw, startLibrary, startRaw } from './start.mjs';

globalThis.bench = {
  add,
  addOne,
  addWithoutRoom,
  blocked,
  drain,
  explains,
  fillLibrary,
  fillRaw,
  openForQuota,
  query,
  shownAfter,
  pace,
  startAfterGates,
  startLibrary,
  startRaw,
  untilThereIsNoRoom,
  watch,
  wide,
};
