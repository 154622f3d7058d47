import type { Remote } from 'comlink';
import { releaseProxy, wrap } from 'comlink';

import type { BasketContext } from '../basket/context.js';
import type { WorkerHealth } from '../basket/own-worker.js';
import { retryDelay } from '../pure/backoff.js';
import type { WorkerProblem } from '../pure/errors.js';
import { messageOf, surface, WorkerError } from '../pure/errors.js';
import type { HelloAnswer, HostFace } from './messages.js';
import { isHelloAnswer, protocol } from './messages.js';
import { waited } from './wait.js';

/** What constructs a worker: a SharedWorker has a port, a dedicated one is its own. */
export type WorkerFactory = () => { readonly port: MessagePort } | Worker;

/** No answer after so many milliseconds: construct again, which only raises another `connect`. After the last: silent. */
const deadlines: readonly number[] = [250, 1_000, 3_000];

/** A worker whose alive lock was granted is asked once more, and given so long, in milliseconds. */
const lastQuestion = 250;

/**
 * Once there is something to do, the worker is asked so much later, when it is at it, and has so long to answer, in
 * milliseconds. So one that hangs is told within 5 s, and one that nobody needs is left alone.
 */
const askAfter = 2_000;
const patience = 3_000;

/** `health` waits no longer than this, in milliseconds. */
const healthWait = 1_000;

/** One constructed worker. */
interface Connection {
  /** A dedicated worker is constructed once: another would be a second one, and not a second connection. */
  readonly shared: boolean;
  readonly hello: Remote<HostFace>['hello'];
  /** Rejects with what the platform says about a script that could not be started. */
  readonly failed: Promise<never>;
  readonly close: () => void;
}

/** A page's dealings with its worker. */
export interface Attendance {
  readonly leave: () => void;
  /** Lets go of the worker while the page is put away, where a message of its would evict it. */
  readonly suspend: () => void;
  readonly resume: () => void;
  readonly health: () => Promise<WorkerHealth>;
}

/**
 * Keeps a worker at work while this page is there: constructs it, greets it, queues for its alive lock, asks it whether
 * it still answers when there is something to do, and constructs it again when it has died.
 */
export function attendWorker(
  context: BasketContext,
  factory: WorkerFactory,
  onError: ((error: WorkerError) => void) | undefined,
): Attendance {
  const { clock, random } = context.ports;
  const page = { left: false, away: false };
  let stay = new AbortController();
  let wake = (): void => undefined;
  let stopHearing = (): void => undefined;
  let failures = 0;
  let told: string | undefined;
  let wasOutdated = false;
  let health: WorkerHealth = { state: 'starting' };
  /** Asks the worker that has answered; resolves with whether it still does. */
  let ask: (() => Promise<unknown>) | undefined;

  function tell(error: WorkerError): void {
    const { problem, message } = error;
    health = { state: 'failed', problem, message };
    if (told === message || page.left) return;
    told = message;
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

  function hear({ build, types, trouble }: HelloAnswer): void {
    if (trouble !== undefined) {
      tell(problemOf('database', `The worker that runs tasks can run none. ${trouble}`));

      return;
    }

    told = undefined;
    health = { state: 'running', build, ...(types === undefined ? {} : { types }) };
  }

  async function attend(): Promise<void> {
    while (!page.left) {
      const { signal } = stay;
      try {
        const connection = await greeted(context, factory, signal);
        const queued = new AbortController();
        try {
          // An older worker under our own URL retires at our hello, once; a second one of the same build comes again.
          const outdated = connection.answer.build < context.build;
          const again = outdated && wasOutdated;
          wasOutdated = outdated;
          if (again) throw outdatedWorker(context, connection.answer.build);

          failures = 0;
          hear(connection.answer);
          await Promise.race([untilGone(context, connection, queued.signal), aborted(signal), untilSilent(connection)]);
          health = { state: 'starting' };
        } finally {
          ask = undefined;
          stopHearing();
          connection.close();
          queued.abort();
        }
      } catch (error) {
        if (!signal.aborted) {
          failures += 1;
          const known = error instanceof WorkerError ? error : problemOf('failed', messageOf(error), error);
          tell(known);
          if (known.problem === 'unsupported') return; // None will come; and a timer would keep a server's process alive.
          await Promise.race([woken(), waited(clock, retryDelay({ base: 5_000, cap: 60_000 }, failures, random))]);
        }
      }
      while (page.away && !page.left) await woken();
    }
  }

  function woken(): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
    });
  }

  /** Rejects if the worker has something to do, or is asked how it fares, and does not answer. */
  function untilSilent(connection: Greeted): Promise<never> {
    return new Promise((_, reject) => {
      let asking: Promise<unknown> | undefined;
      let toAsk = false;

      ask = () => {
        asking ??= within(context, hello(context, connection), patience)
          .then(({ answer }) => hear(answer), reject)
          .finally(() => {
            asking = undefined;
          });

        return asking;
      };
      stopHearing = context.hub.hear(({ kind }) => {
        if (kind !== 'look' || toAsk) return;
        toAsk = true;
        clock.timer(askAfter, () => {
          toAsk = false;
          void ask?.(); // It never rejects.
        });
      });
    });
  }

  void attend(); // It never rejects.

  return {
    leave() {
      page.left = true;
      stay.abort();
      wake();
    },

    suspend() {
      page.away = true;
      stay.abort();
    },

    resume() {
      page.away = false;
      if (stay.signal.aborted) stay = new AbortController();
      wake();
    },

    async health() {
      const late: WorkerHealth = { state: 'failed', problem: 'silent', message: silentWorker().message };
      if (ask === undefined) return health;

      return within(context, ask(), healthWait).then(
        () => health,
        () => late,
      );
    },
  };
}

interface Greeted extends Connection {
  readonly answer: HelloAnswer;
}

/** Rejects if there is no answer within so many milliseconds. */
async function within<Answer>(context: BasketContext, answer: Promise<Answer>, limit: number): Promise<Answer> {
  const { clock } = context.ports;
  // A page that stood still hears of the time first, and then of the answer that has long been there.
  const late = waited(clock, limit).then(clock.turnOfTheLoop);

  return Promise.race([answer, late.then(() => Promise.reject(silentWorker()))]);
}

/** Constructs the worker, and again at each deadline, until any of the connections answers. */
async function greeted(context: BasketContext, factory: WorkerFactory, gone: AbortSignal): Promise<Greeted> {
  const connections: Connection[] = [];
  const answers: Promise<Greeted>[] = [];
  let kept: Greeted | undefined;

  try {
    kept = checked(context, await firstAnswer(context, factory, gone, connections, answers));

    return kept;
  } finally {
    for (const connection of connections) if (connection.hello !== kept?.hello) connection.close();
  }
}

async function firstAnswer(
  context: BasketContext,
  factory: WorkerFactory,
  gone: AbortSignal,
  connections: Connection[],
  answers: Promise<Greeted>[],
): Promise<Greeted> {
  answers.push(aborted(gone));
  for (const deadline of deadlines) {
    if (connections.every((connection) => connection.shared)) {
      const connection = connect(factory);
      connections.push(connection);
      answers.push(connection.failed, hello(context, connection));
    }

    const late = waited(context.ports.clock, deadline).then(() => undefined);
    const first = await Promise.race([...answers, late]);
    if (first !== undefined) return first;
  }

  throw silentWorker();
}

function silentWorker(): WorkerError {
  return problemOf(
    'silent',
    'The worker that runs tasks does not answer: a handler never lets go of it (an endless loop), its script threw at ' +
      'an earlier try, or it does not call serveBasket at its top, synchronously.',
  );
}

/** Rejects when the signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  const end = new Promise<never>((_, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
  });
  end.catch(() => undefined); // Raced by whoever waits for something else.

  return end;
}

function outdatedWorker(context: BasketContext, build: number): WorkerError {
  return problemOf(
    'mismatch',
    `The worker that runs tasks is of build ${build}, and this page of build ${context.build}. Give openBasket and ` +
      'serveBasket the same build; the script of the worker may also come from a cache.',
  );
}

function checked(context: BasketContext, greeting: Greeted): Greeted {
  const { answer } = greeting;
  if (answer.protocol !== protocol || answer.basket !== context.names.channel) {
    const spoken = `it serves "${answer.basket}" with protocol ${answer.protocol}`;
    throw problemOf('mismatch', `The worker is another basket's: ${spoken}. Give each basket's worker its own name.`);
  }

  return greeting;
}

async function hello(context: BasketContext, connection: Connection): Promise<Greeted> {
  const { channel: basket } = context.names;
  const answer: unknown = await connection.hello({ protocol, basket, build: context.build });
  if (isHelloAnswer(answer)) return { ...connection, answer };

  throw problemOf('mismatch', 'The worker answers, but not as serveBasket does. Call serveBasket in its script.');
}

/** Resolves when the worker is gone: its lock is granted to us, and it answers no more. Rejects when the signal aborts. */
async function untilGone(context: BasketContext, greeting: Greeted, signal: AbortSignal): Promise<void> {
  const { locks, clock } = context.ports;
  for (;;) {
    await locks.request(greeting.answer.alive, { signal }, () => Promise.resolve());
    const answers = within(context, hello(context, greeting), lastQuestion);
    const alive = await answers.then(
      () => true,
      () => false,
    );
    if (!alive || signal.aborted) return;

    // It retires, or its lock was stolen: look again a little later.
    await waited(clock, deadlines[1] ?? lastQuestion);
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

  const port = 'port' in worker ? worker.port : undefined;
  const face = wrap<HostFace>(port ?? (worker as Worker));
  const { hello: ask } = face;

  return {
    shared: port !== undefined,
    hello: ask,
    failed,

    close() {
      // Else comlink would clean up when they are collected: that runs code, which evicts a page that is put away.
      for (const proxy of [ask, face]) proxy[releaseProxy]();
      if (port === undefined) (worker as Worker).terminate();
      else port.close();
    },
  };
}

function unstarted(error: unknown): WorkerError {
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

function scriptFailed(message: string | undefined): WorkerError {
  const known =
    message ??
    'the browser does not say why: its script is missing (404) or blocked (content security policy), could not be ' +
      'parsed, or its options differ from those of another page';

  return problemOf('failed', `The worker that runs tasks could not be started: ${sentence(known)}`);
}

function problemOf(problem: WorkerProblem, message: string, cause?: unknown): WorkerError {
  return new WorkerError(problem, `${message} Tasks are added and kept.`, cause);
}

function sentence(text: string): string {
  return text.replace(/\.?$/, '.');
}
