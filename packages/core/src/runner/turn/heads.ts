import type { TaskRow } from '../../pure/record.js';
import { laneMarkOf } from '../../pure/record.js';
import { answer } from '../../store/requests.js';
import { marksIndex } from '../../store/setup.js';
import type { Draft } from './draft.js';

/** The heads of the lanes of the rows of a turn. They are read after its deletes, so that no deleted row is a head. */
export interface Heads {
  readonly read: (rows: readonly TaskRow[]) => Promise<void>;
  readonly of: (row: TaskRow) => number | undefined;
}

/** Makes the heads of a turn. Each is read once, because neither a claim nor a hold changes a head. */
export function createHeads({ stores, heads, memory }: Draft): Heads {
  const index = stores.tasks.index(marksIndex);

  return {
    async read(rows) {
      const lanes = [...new Set(rows.map(laneMarkOf))];
      const unknown = lanes.filter(
        (lane) => lane !== undefined && !heads.has(lane) && !memory.heads.has(lane),
      ) as readonly string[];
      const found = await Promise.all(unknown.map((lane) => answer(index.getKey(lane))));
      for (const [place, lane] of unknown.entries()) heads.set(lane, found[place] as number | undefined);
    },

    of(row) {
      const lane = laneMarkOf(row) ?? '';

      return heads.has(lane) ? heads.get(lane) : memory.heads.get(lane);
    },
  };
}
