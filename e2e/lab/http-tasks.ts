/** What page and worker of the HTTP lab agree on. */
import { defineTasks, session, task } from 'taskbasket';
import type { SendInit } from 'taskbasket/http';

export interface Call {
  /** Is the gate, too: what happens to one task closes no gate of another. */
  readonly name: string;
  readonly path: string;
  readonly expect?: SendInit['expect'];
  readonly blob?: Blob;
  /** Another origin. */
  readonly base?: string;
  /** Is returned as a part of the result. */
  readonly result?: string;
}

const waits = { base: 200, cap: 1_000 };
const type = { gate: ({ name }: Call) => name, backoff: waits };

export const httpTasks = defineTasks(
  'http-lab',
  { call: task<Call, unknown>(type), short: task<Call, unknown>({ ...type, timeout: 1_000 }) },
  { gates: waits, session: session<{ token: string }>() },
);
