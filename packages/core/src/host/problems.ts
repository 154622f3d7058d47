import type { WorkerProblem } from '../pure/errors.js';
import { messageOf, WorkerError } from '../pure/errors.js';

/** The error for a problem, with what is the same for all of them. */
export function problemOf(problem: WorkerProblem, message: string, cause?: unknown): WorkerError {
  return new WorkerError(problem, `${message} Tasks are added and kept.`, cause);
}

/** The error for a worker that does not answer. */
export function silentWorker(): WorkerError {
  return problemOf(
    'silent',
    'The worker that runs tasks does not answer: a handler never lets go of it (an endless loop), its script threw at ' +
      'an earlier try, or it does not call serveBasket at its top, synchronously.',
  );
}

/** The error for a worker of an older build that comes again. */
export function outdatedWorker(page: number, build: number): WorkerError {
  return problemOf(
    'mismatch',
    `The worker that runs tasks is of build ${build}, and this page of build ${page}. Give openBasket and ` +
      'serveBasket the same build; the script of the worker may also come from a cache.',
  );
}

/** The error for what a factory threw. */
export function unstarted(error: unknown): WorkerError {
  if (error instanceof ReferenceError && typeof SharedWorker === 'undefined') {
    const remedy = 'Tasks are added and kept; call runBasket in the page to run them there.';

    return new WorkerError('unsupported', `This browser has no SharedWorker. ${remedy}`, error);
  }

  return problemOf(
    'failed',
    `The worker that runs tasks could not be constructed: ${sentence(messageOf(error))}`,
    error,
  );
}

/** The error for a script that did not start, with what the browser says of it. */
export function scriptFailed(message: string | undefined): WorkerError {
  const known =
    message ??
    'the browser does not say why: its script is missing (404) or blocked (content security policy), could not be ' +
      'parsed, or its options differ from those of another page';

  return problemOf('failed', `The worker that runs tasks could not be started: ${sentence(known)}`);
}

function sentence(text: string): string {
  return text.replace(/\.?$/, '.');
}
