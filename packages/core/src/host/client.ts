import type { Remote } from 'comlink';
import { wrap } from 'comlink';

import type { BasketContext } from '../basket/context.js';
import { retryDelay } from '../pure/backoff.js';
import { messageOf, surface, WorkerError } from '../pure/errors.js';
import type { HelloAnswer, HostFace } from './messages.js';
import { isHelloAnswer, protocol } from './messages.js';

/** What constructs a worker: a SharedWorker has a port, a dedicated one is its own. */
export type WorkerFactory = () => { readonly port: MessagePort } | Worker;

/** No answer after so many milliseconds: construct again, which only raises another `connect`. After the last: silent. */
const deadlines: readonly number[] = [250, 1_000, 3_000];

/** A worker whose alive lock was granted is asked once more, and given so long, in milliseconds. */
const lastQuestion = 250;

/** One constructed worker. */
interface Connection {
  /** A dedicated worker is constructed once: another would be a second one, and not a second connection. */
  readonly shared: boolean;
  readonly face: Remote<HostFace>;
  /** Rejects with what the platform says about a script that could not be started. */
  readonly failed: Promise<never>;
  readonly close: () => void;
}

/**
 * Keeps a worker at work while this page is there: constructs it, greets it, queues for its alive lock, and constructs
 * it again when it has died. Returns what ends that.
 */
export function attendWorker(
  context: BasketContext,
  factory: WorkerFactory,
  onError: ((error: WorkerError) => void) | undefined,
): () => void {
  const left = new AbortController();
  let failures = 0;
  let told: string | undefined;
  let wasOutdated = false;

  function tell(error: WorkerError): void {
    if (told === error.message || left.signal.aborted) return;
    told = error.message;
    if (onError === undefined) {
      // As an uncaught error where there is somebody to see it; not in a server-side render, which it would end.
      if (typeof reportError === 'function') reportError(error);

      return;
    }

    try {
      onError(error);
    } catch (thrown) {
      surface(thrown);
    }
  }

  async function attend(): Promise<void> {
    while (!left.signal.aborted) {
      try {
        const connection = await greeted(context, factory, left.signal);
        try {
          // An older worker under our own URL retires at our hello, once; a second one of the same build comes again.
          const outdated = connection.answer.build < context.build;
          const again = outdated && wasOutdated;
          wasOutdated = outdated;
          if (again) throw outdatedWorker(context, connection.answer.build);

          failures = 0;
          told = undefined;
          await untilGone(context, connection, left.signal);
        } finally {
          connection.close();
        }
      } catch (error) {
        failures += 1;
        const known = error instanceof WorkerError ? error : new WorkerError('failed', messageOf(error), error);
        tell(known);
        if (known.problem === 'unsupported') return; // None will come; and a timer would keep a server's process alive.
        if (left.signal.aborted) return;
        await waited(context, retryDelay({ base: 5_000, cap: 60_000 }, failures, context.ports.random));
      }
    }
  }

  void attend(); // It never rejects.

  return () => left.abort();
}

interface Greeted extends Connection {
  readonly answer: HelloAnswer;
}

/** Constructs the worker, and again at each deadline, until any of the connections answers. */
async function greeted(context: BasketContext, factory: WorkerFactory, left: AbortSignal): Promise<Greeted> {
  const connections: Connection[] = [];
  const answers: Promise<Greeted>[] = [];
  let kept: Greeted | undefined;

  try {
    kept = checked(context, await firstAnswer(context, factory, left, connections, answers));

    return kept;
  } finally {
    for (const connection of connections) if (connection.face !== kept?.face) connection.close();
  }
}

async function firstAnswer(
  context: BasketContext,
  factory: WorkerFactory,
  left: AbortSignal,
  connections: Connection[],
  answers: Promise<Greeted>[],
): Promise<Greeted> {
  for (const deadline of deadlines) {
    if (!left.aborted && connections.every((connection) => connection.shared)) {
      const connection = connect(factory);
      connections.push(connection);
      answers.push(connection.failed, hello(context, connection));
    }

    const late = waited(context, deadline).then(() => undefined);
    const first = await Promise.race([...answers, late]);
    if (first !== undefined) return first;
  }

  throw new WorkerError(
    'silent',
    'The worker that runs tasks was started, but does not answer: its script threw at an earlier try, or does not call ' +
      'serveBasket at its top, synchronously. Tasks are added and kept.',
  );
}

function outdatedWorker(context: BasketContext, build: number): WorkerError {
  return new WorkerError(
    'mismatch',
    `The worker that runs tasks is of build ${build}, and this page of build ${context.build}. Give openBasket and ` +
      'serveBasket the same build; the script of the worker may also come from a cache. Tasks are added and kept.',
  );
}

function checked(context: BasketContext, greeting: Greeted): Greeted {
  const { answer } = greeting;
  if (answer.protocol !== protocol || answer.basket !== context.names.channel) {
    const spoken = `it serves "${answer.basket}" with protocol ${answer.protocol}`;
    throw new WorkerError(
      'mismatch',
      `The worker is another basket's: ${spoken}. Give each basket's worker its own name.`,
    );
  }

  return greeting;
}

async function hello(context: BasketContext, connection: Connection): Promise<Greeted> {
  const { channel: basket } = context.names;
  const answer: unknown = await connection.face.hello({ protocol, basket, build: context.build });
  if (isHelloAnswer(answer)) return { ...connection, answer };

  throw new WorkerError('mismatch', 'The worker answers, but not as serveBasket does. Call serveBasket in its script.');
}

/** Resolves when the worker is gone: its lock is granted to us, and it answers no more. */
async function untilGone(context: BasketContext, greeting: Greeted, signal: AbortSignal): Promise<void> {
  for (;;) {
    await context.ports.locks.request(greeting.answer.alive, { signal }, () => Promise.resolve());
    const answer = hello(context, greeting).then(
      () => true,
      () => false,
    );
    const alive = await Promise.race([answer, waited(context, lastQuestion).then(() => false)]);
    if (!alive || signal.aborted) return;

    // It retires, or its lock was stolen: look again a little later.
    await waited(context, deadlines[1] ?? lastQuestion);
  }
}

function connect(factory: WorkerFactory): Connection {
  let worker: ReturnType<WorkerFactory>;
  try {
    worker = factory();
  } catch (error) {
    throw unstarted(error);
  }

  const failed = new Promise<never>((_, reject) => {
    (worker as unknown as EventTarget).addEventListener('error', (event) => {
      const message =
        'message' in event && typeof event.message === 'string' && event.message !== '' ? event.message : undefined;
      reject(scriptFailed(message));
    });
  });
  failed.catch(() => undefined); // Raced by whoever greets; later errors of a worker that answered are not ours.

  if ('port' in worker) {
    const { port } = worker;

    return { shared: true, face: wrap<HostFace>(port), failed, close: () => port.close() };
  }

  const dedicated = worker;

  return { shared: false, face: wrap<HostFace>(dedicated), failed, close: () => dedicated.terminate() };
}

function unstarted(error: unknown): WorkerError {
  if (error instanceof ReferenceError && typeof SharedWorker === 'undefined') {
    const remedy = 'Tasks are added and kept; call runBasket in the page to run them there.';

    return new WorkerError('unsupported', `This browser has no SharedWorker. ${remedy}`, error);
  }

  return new WorkerError('failed', `The worker that runs tasks could not be constructed: ${messageOf(error)}`, error);
}

function scriptFailed(message: string | undefined): WorkerError {
  const known =
    message ??
    'the browser does not say why: its script is missing (404) or blocked (content security policy), could not be ' +
      'parsed, or its options differ from those of another page';

  return new WorkerError(
    'failed',
    `The worker that runs tasks could not be started: ${known.replace(/\.$/, '')}. Tasks are added and kept.`,
  );
}

function waited(context: BasketContext, wait: number): Promise<void> {
  return new Promise((resolve) => {
    context.ports.clock.timer(wait, resolve);
  });
}
