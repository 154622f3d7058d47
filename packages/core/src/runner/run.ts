import type { LockOptions } from '../ports/ports.js';
import { waited } from '../ports/wait.js';
import type { BasketContext } from '../basket/context/context.js';
import { isFinal } from '../store/opened.js';
import { keepReserve } from '../store/reserve.js';
import { TaskbasketError } from '../pure/errors.js';
import { checkWhole } from '../pure/options.js';
import { currentName } from '../pure/aliases.js';
import { abortAttempt, abortGrace, cancelAttempt, deposeAttempt } from './attempt/abort.js';
import { giveTimeBack, nextDeadline, overseeAttempts, runAttempt } from './attempt/attempt.js';
import { choresOf } from './chores/chores.js';
import { createSchedule } from './chores/schedule.js';
import type { Bell } from './term/bell.js';
import { createBell } from './term/bell.js';
import { checkHandlers } from './term/checks.js';
import type { Greet } from './term/greeting.js';
import { answerGreetings, createGreeting } from './term/greeting.js';
import type { AnyHandler, Leader, RunnerParts } from './term/leader.js';
import type { Leaving } from './term/leaving.js';
import { createLeaving } from './term/leaving.js';
import { createPatience } from './term/patience.js';
import { takeOver } from './term/takeover.js';
import type { TurnEnd } from './turn/turn.js';
import { turn } from './turn/turn.js';

/** Options of `runBasket`. */
export interface RunBasketOptions {
  /**
   * Stops the runner when it aborts. Running attempts are aborted then, and have 10 s to end. Default: the runner runs
   * as long as this context.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * How many attempts run at once. Default 6. One more may run, because a task that must run alone waits for the others
   * for 10 s at most.
   */
  readonly concurrency?: number | undefined;
}

/** Options of a runner. */
export interface RunOptions extends RunBasketOptions {
  /** Whether the signal says that there is a newer build. The runner then waits for its running attempts. Default false. */
  readonly retires?: boolean | undefined;
  /** Called with what each slice of an audit found: 0, unless there is a mistake in this library. */
  readonly onAudit?: ((found: number) => void) | undefined;
}

/** How often the runner reads without a message, in milliseconds. A lost message delays a task by this at most. */
const poll = 60_000;

/** What is the same in all terms of a runner. */
interface Setup extends RunnerParts {
  readonly greet: Greet;
  readonly signal: AbortSignal;
  readonly retires: boolean;
}

/** Why a term ended. */
type TermEnd = ReturnType<Leaving['end']> | 'deposed';

/**
 * Queues for the runner's lock, leads while it has the lock, and queues again when it was deposed or has handed over.
 * Ends when the signal aborts. Rejects only if it can never lead: the stores are missing, there is no IndexedDB, or the
 * basket is closed.
 */
export async function run(
  context: BasketContext,
  handlers: Readonly<Record<string, AnyHandler>>,
  options: RunOptions = {},
): Promise<void> {
  const {
    concurrency = 6,
    signal = new AbortController().signal,
    retires = false,
    onAudit = () => undefined,
  } = options;
  checkHandlers(context.registry, handlers);
  checkWhole(concurrency, 'concurrency');
  const setup: Setup = { context, handlers, concurrency, greet: createGreeting(context), signal, retires, onAudit };

  // Two runners that do not share locks depose each other, and must do so less and less often.
  const patience = createPatience(context.ports, { base: 500, cap: poll });
  while (!signal.aborted) {
    if (context.closed.signal.aborted) throw closedWhileRunning();
    try {
      const end = await term(setup);
      if (end !== 'deposed') {
        patience.worked();
        continue;
      }
    } catch (error) {
      if (signal.aborted) return;
      // The database could not be read or written now. It may work later, and nothing is lost meanwhile.
      if (isFinal(error)) throw error;
    }

    if (!signal.aborted) await waited(context.ports.clock, patience.failed(), signal);
  }
}

/**
 * One term: from the request for the lock to its release. A worker stands still with the lock if its page is in the
 * back/forward cache (WebKit), or if it is in an endless loop. So the lock is taken from a holder that does not answer. If
 * the holder goes on, it is deposed, and the fence keeps it from writing.
 */
async function term(setup: Setup): Promise<TermEnd> {
  const { context, signal } = setup;
  const robbed = new AbortController();
  const waiting = new AbortController();
  let silent = false;
  const giveUp = (): void => waiting.abort();
  for (const end of [signal, context.closed.signal]) end.addEventListener('abort', giveUp);
  if (signal.aborted) giveUp();
  let stopTalking = setup.greet(() => {
    silent = true;
    giveUp();
  });
  let leading: Promise<TermEnd> | undefined;
  const request = (options: LockOptions): Promise<void> =>
    context.ports.locks.request(context.names.runnerLock, options, async () => {
      if (robbed.signal.aborted) return; // It was stolen before this was called.
      stopTalking();
      stopTalking = answerGreetings(context);
      leading = lead(setup, robbed.signal);
      await leading;
    });

  try {
    await request({ signal: waiting.signal }).catch((error: unknown) => {
      if (!silent || leading !== undefined) throw error;

      return request({ steal: true });
    });
  } catch (error) {
    // The lock was stolen during the term, or the term failed. In either case the term ends before the next request.
    robbed.abort();
    if (leading === undefined && waiting.signal.aborted) return 'stopped';
    if (leading === undefined) throw error;
  } finally {
    stopTalking();
    for (const end of [signal, context.closed.signal]) end.removeEventListener('abort', giveUp);
  }

  return leading === undefined ? 'stopped' : await leading;
}

/** Leads while it has the lock: takes over, and then does turn after turn. */
async function lead(setup: Setup, robbed: AbortSignal): Promise<TermEnd> {
  const { context, signal, retires } = setup;
  const bell = createBell();
  const gone = new AbortController();
  await keepReserve(context);
  const leader = await takeOver(setup, bell.ring, robbed, gone.signal);
  const leaving = createLeaving(leader, bell, signal, retires, robbed);
  // A newer build that waits for the lock answers this hello at once.
  context.hub.say({ kind: 'hello', build: context.build });

  try {
    return await turns(leader, bell, leaving, robbed);
  } finally {
    leaving.close();
    leader.values.close();
    gone.abort();
    for (const attempt of leader.running.values()) deposeAttempt(attempt);
    leader.running.clear();
    await leader.sending.holdFor(null);
  }
}

/** Does turn after turn, until the runner has stopped and nothing is running, or it is deposed. */
async function turns(leader: Leader, bell: Bell, leaving: Leaving, robbed: AbortSignal): Promise<TermEnd> {
  const { clock } = leader.context.ports;
  let polled = clock.monotonic();
  /** When the loop should go on. */
  let due = polled;
  const chores = createSchedule(leader, choresOf(leader));
  const stopRunning = (): void => {
    if (leaving.aborts()) for (const attempt of leader.running.values()) abortAttempt(leader, attempt, 'stop');
  };

  const rest = (wait: number): Promise<void> => {
    due = clock.monotonic() + wait;

    return bell.rungWithin(clock, wait);
  };

  for (;;) {
    if (robbed.aborted) return 'deposed';
    const late = clock.monotonic() - due;
    // A hidden page may ring a timer up to a minute late.
    if (late > poll) giveTimeBack(leader, late);
    // It may have been frozen for less than that. So an attempt whose time is over has 10 s once, for its answer.
    else if (late > 1_000 && nextDeadline(leader) <= 0) await bell.rungWithin(clock, abortGrace);
    due = clock.monotonic();
    overseeAttempts(leader);
    if (clock.monotonic() - polled >= poll) {
      polled = clock.monotonic();
      leader.signals.poked = true;
      leader.values.look();
    }

    let end: TurnEnd | undefined;
    try {
      await leader.sending.holdFor(leader.remembered.memory?.signedIn.owner ?? null);
      end = await turn(leader);
      leader.patience.worked();
      leaving.isCutOff();
    } catch (error) {
      const delay = leader.patience.failed();
      if (isFinal(error) || leaving.isCutOff(error)) throw error;
      stopRunning();
      if (leaving.isStuck()) return leaving.end();

      await rest(Math.min(delay, nextDeadline(leader)));
      continue;
    }

    if (end === undefined || robbed.aborted) return 'deposed';
    start(leader, end, bell);
    leader.sending.letGo();
    stopRunning();
    if (leader.signals.stopping && leader.running.size === 0) return leaving.end();
    if (end.again || (await chores.goOn(leader.running.size === 0))) continue;

    await rest(Math.min(end.alarm, nextDeadline(leader), polled + poll - clock.monotonic(), chores.wait()));
    // Attempts that end within one turn of the event loop are settled together.
    await clock.turnOfTheLoop();
  }
}

/** Starts the attempts of the tasks that were claimed, and aborts those of the tasks that were cancelled. */
function start(leader: Leader, end: TurnEnd, bell: Bell): void {
  for (const attempt of end.cancelled) void cancelAttempt(leader, attempt, bell.ring); // It never rejects.
  for (const attempt of end.others) abortAttempt(leader, attempt, 'owner');
  for (const attempt of end.claimed) {
    const handler = leader.handlers[currentName(leader.context.registry, attempt.row.type)];
    if (handler === undefined) throw new Error(`There is no handler for "${attempt.row.type}".`);
    const { signal } = attempt.controller;
    const ended = leader.sending.begin(attempt.row.owner);
    // After an abort no handler starts, although a decoder may go on.
    const aborted = (): void => {
      if (!attempt.started) ended();
    };
    signal.addEventListener('abort', aborted);
    const over = (): void => {
      signal.removeEventListener('abort', aborted);
      ended();
      bell.ring();
    };
    void runAttempt(leader, attempt, handler).then(over); // It never rejects.
  }
}

function closedWhileRunning(): TaskbasketError {
  return new TaskbasketError(
    'closed',
    'This basket was closed, so it runs no tasks. End runBasket by its signal first.',
  );
}
