import { platformOnline } from '../../ports/platform.js';
import { partOf } from '../../pure/parts.js';
import { spreadOf, visibleFirst } from '../../pure/waking.js';
import type { Bell } from './bell.js';
import type { Leader } from './leader.js';
import { sooner } from './leader.js';

/** How long a runner that hands over waits for its running attempts, in milliseconds, before it aborts them. */
const handOverGrace = 10_000;

/** If so many turns in a row fail while a runner stops, it ends without having written how its attempts ended. */
const triesToStop = 3;

/** A runner that has found no database for so many milliseconds lets go of its lock if another runner waits for it. */
const databasePatience = 10_000;

/** What ends a term: the app's signal, a newer build, or a stolen lock. */
export interface Leaving {
  /** Whether running attempts must be aborted now. */
  readonly aborts: () => boolean;
  /** Why the term ends, once nothing is running. */
  readonly end: () => 'stopped' | 'handed over';
  /** Whether the runner must stop, and cannot write how its attempts ended. The next take-over rescues the tasks. */
  readonly isStuck: () => boolean;
  /**
   * Whether this context seems to have lost its database for good, and another runner waits, which may have one. To be called
   * after each turn, with its error if it failed.
   */
  readonly isCutOff: (error?: unknown) => boolean;
  readonly close: () => void;
}

/** Listens for what ends a term, and for the messages of others. `retires`: the signal says that there is a newer build. */
export function createLeaving(
  leader: Leader,
  bell: Bell,
  signal: AbortSignal,
  retires: boolean,
  robbed: AbortSignal,
): Leaving {
  const { signals, context } = leader;
  const { hub, ports, build, closed } = context;
  let aborting = false;
  let handsOver = false;
  let stopTimer = (): void => undefined;
  let stopHidden: (() => void) | undefined;
  /**
   * Since when turns fail because there is no database: WebKit (2.50) leaves a worker without one for ever if its network
   * process ends. And when a runner last greeted this one.
   */
  let lostAt: number | undefined;
  let greetedAt = Number.NEGATIVE_INFINITY;

  function stop(): void {
    signals.stopping = true;
    aborting = true;
    bell.ring();
  }

  function handOver(): void {
    if (signals.stopping) return;
    signals.stopping = true;
    handsOver = true;
    stopTimer = ports.clock.timer(handOverGrace, stop);
    bell.ring();
  }

  function wake(spread: number): void {
    signals.woken = sooner(signals.woken, spread);
    bell.ring();
  }

  /** Wakes the gates later, and more spread. Used for hidden pages, and for this context's own `online` event. */
  function wakeHidden(): void {
    stopHidden ??= ports.clock.timer(visibleFirst, () => {
      stopHidden = undefined;
      wake(spreadOf({ visible: false }));
    });
  }

  const { online = platformOnline } = ports;
  const stopOnline = online(wakeHidden);
  const stopHearing = hub.hear((message) => {
    if (message.kind === 'look') leader.poke();
    if (message.kind === 'wake') {
      if (message.visible) wake(spreadOf(message));
      else wakeHidden();
    }
    if (message.kind !== 'hello') return;
    greetedAt = ports.clock.monotonic();
    if (message.build > build) handOver();
  });
  const leave = retires ? handOver : stop;
  signal.addEventListener('abort', leave);
  robbed.addEventListener('abort', bell.ring);
  closed.signal.addEventListener('abort', bell.ring);
  if (signal.aborted) leave();

  return {
    aborts: () => aborting,
    end: () => (handsOver && !signal.aborted ? 'handed over' : 'stopped'),
    isStuck: () =>
      signals.stopping &&
      leader.patience.failures() >= triesToStop &&
      [...leader.running.values()].every((attempt) => attempt.verdict !== undefined),

    isCutOff(error) {
      const isLost = partOf(error, 'code') === 'no-database';
      lostAt = isLost ? (lostAt ?? ports.clock.monotonic()) : undefined;

      return lostAt !== undefined && greetedAt >= lostAt && ports.clock.monotonic() - lostAt >= databasePatience;
    },

    close() {
      stopHearing();
      stopTimer();
      stopOnline();
      stopHidden?.();
      signal.removeEventListener('abort', leave);
      robbed.removeEventListener('abort', bell.ring);
      closed.signal.removeEventListener('abort', bell.ring);
    },
  };
}
