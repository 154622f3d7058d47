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
      'loop in a handler, for an error that the script throws, and for serveBasket, which the script must call at its ' +
      'top, synchronously.',
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

/** The error for what a factory threw. */
export function unstarted(error: unknown): WorkerError {
  if (error instanceof ReferenceError && typeof SharedWorker === 'undefined') {
    return problemOf(
      'unsupported',
      'This browser has no SharedWorker. To run tasks, call runBasket in the page.',
      error,
    );
  }

  return problemOf('failed', `The worker could not be constructed: ${sentence(messageOf(error))}`, error);
}

/** The error for a script that did not start, with the browser's message, if there is one. */
export function scriptFailed(message: string | undefined): WorkerError {
  const known =
    message ??
    'the browser does not say why. After a deploy its script may be gone (404): reload the page. Otherwise it is blocked ' +
      '(content security policy), cannot be parsed, or has other options than in another page';

  return problemOf('failed', `The worker could not be started: ${sentence(known)}`);
}

function sentence(text: string): string {
  return text.replace(/\.?$/, '.');
}
