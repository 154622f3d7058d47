/** A registry in which tasks belong to who is signed in. */
import { defineTasks, session, task } from 'taskbasket';

export interface Note {
  /** Where it is posted: /api/echo/:name */
  readonly name: string;
}

export const accounts = defineTasks(
  'accounts',
  {
    /** Posts its note. */
    saveNote: task<Note>({ lane: 'notes', gate: 'api', backoff: { base: 200, cap: 1_000 } }),
    /** Posts its note, waits for so long that no test sees the end, and does not heed its signal. */
    upload: task<Note>({ gate: 'api' }),
  },
  { gates: { base: 200, cap: 1_000 }, session: session<{ token: string }>() },
);
