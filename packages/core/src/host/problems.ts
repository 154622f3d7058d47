import type { WorkerProblem } from '../pure/errors.js';
import { messageOf, WorkerError } from '../pure/errors.js';

/** The error for a problem. Adds to the message that tasks are kept. */
export function problemOf(problem: WorkerProblem, message: string, cause?: unknown): WorkerError {
  return new WorkerError(problem, `${message} Tasks are added and kept.`, cause);
}

/** The error for a worker that does not answer. */
export function silentWorker(): WorkerError {
  return problemOf(
    'silent',
    'The worker does not answer. After a deploy its script may be gone: reload the page. Otherwise look for an endless ' +
      'loop in a handler and for an error of the script, and call serveBasket at the top of the script.',
  );
}

/** The error for a worker that is again of an older build. */
export function outdatedWorker(page: number, build: number): WorkerError {
  return problemOf(
    'mismatch',
    `The worker is of build ${build}, and this page of build ${page}. Give openBasket and serveBasket the same ` +
      'build. The script of the worker may also come from a cache.',
  );
}

/** The error for a worker of another registry. Both are given as `Names.channel` has them. */
export function otherRegistry(served: string, opened: string): WorkerError {
  const shown = (one: string): string => one.replaceAll(/^taskbasket:|:"taskbasket"$/g, '');
  const why = `The worker serves the registry ${shown(served)}, and this page ${shown(opened)}. Import the same one in both.`;

  return problemOf('mismatch', `${why} If these are two baskets, give each worker its own name.`);
}

/** The error for what a factory threw. */
export function unstarted(error: unknown): WorkerError {
  if (!(error instanceof ReferenceError && typeof SharedWorker === 'undefined'))
    return startFailed(messageOf(error), error);
  if ('WorkerGlobalScope' in globalThis) {
    const why =
      'openBasket was called with `worker` in a worker. Import only the registry there, not the file of the page.';

    return new WorkerError('unsupported', why, error); // The page quotes this, and says itself that tasks are kept.
  }

  return problemOf('unsupported', 'This browser has no SharedWorker. To run tasks, call runBasket in the page.', error);
}

/** The error for a factory that returned no worker, because it lacks `return`, or is asynchronous. */
export function notReturned(given: unknown): WorkerError {
  const why = '`worker` must return the worker: () => new SharedWorker(…)';

  return problemOf('failed', `${why}. It returned ${messageOf(given)}.`);
}

/** The error for a worker that did not start, with the browser's message, if there is one. */
export function startFailed(message: unknown, cause?: unknown): WorkerError {
  if (typeof message !== 'string' || message === '') {
    return problemOf(
      'failed',
      'The worker could not be started, and the browser does not say why. After a deploy its script may be gone: reload ' +
        'the page. Otherwise the script is blocked (content security policy) or cannot be parsed (is `type` missing?), ' +
        'or another page gives other options.',
    );
  }

  // Browsers say "import statement", "import declarations" or "import call" of a module that is run as a script.
  const hint = /SyntaxError.*import [sdc]/.test(message) ? " Is { type: 'module' } missing?" : '';
  const why = `The worker could not be started, because of "${message.replace(/\.$/, '')}".${hint}`;

  return problemOf('failed', why, cause);
}
