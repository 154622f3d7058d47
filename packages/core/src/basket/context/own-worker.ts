import type { WorkerProblem } from '../../pure/errors.js';

/**
 * Says whether this context's own worker, which `openBasket` was given, works. `Health.runner` says who runs the tasks:
 * that may be the worker of another tab.
 *
 * - `none`: this context has no worker.
 * - `starting`: the worker has not answered yet.
 * - `running`: the worker answers, and can open the database.
 * - `failed`: `onWorkerError` was told this problem. The library tries again by itself, unless it is `unsupported`.
 */
export type WorkerHealth =
  | { readonly state: 'none' | 'starting' }
  | {
      readonly state: 'running';
      readonly build: number;
      /** The version of each task type that the worker runs. Absent: its build does not tell. */
      readonly types?: Readonly<Record<string, number>>;
    }
  | { readonly state: 'failed'; readonly problem: WorkerProblem; readonly message: string };
