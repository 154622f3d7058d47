/**
 * A registry whose tasks are requests. Page and worker agree on it by the worker's name.
 */
import { defineTasks, session } from 'taskbasket';
import { httpTask } from 'taskbasket/http';

export interface RequestSetup {
  readonly database: string;
  /** How long an attempt may take without progress, in milliseconds. */
  readonly timeout: number;
}

export function requestTasks({ database, timeout }: RequestSetup) {
  const backoff = { base: 200, cap: 2_000 };
  const types = { api: httpTask({ timeout, backoff }) };

  return defineTasks(database, types, { session: session<{ token: string }>(), gates: backoff });
}

export type RequestTasks = ReturnType<typeof requestTasks>;
