import type { WorkerProblem } from '../../pure/errors.js';

/**
 * How this context's own worker fares, the one that `openBasket` was given. Another tab's may run the tasks all the same:
 * see `Health.runner`.
 *
 * - `none`: this context has none.
 * - `starting`: it has not answered yet.
 * - `running`: it answers, and can read the database.
 * - `failed`: what `onWorkerError` was told. It is tried again by itself, unless it is `unsupported`.
 */
export type WorkerHealth =
  | { readonly state: 'none' | 'starting' }
  | {
      readonly state: 'running';
      readonly build: number;
      /** The version of each task type that it runs; not there if its build does not tell. */
      readonly types?: Readonly<Record<string, number>>;
    }
  | { readonly state: 'failed'; readonly problem: WorkerProblem; readonly message: string };
