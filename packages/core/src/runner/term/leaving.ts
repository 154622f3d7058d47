import { platformOnline } from '../../ports/platform.js';
import type { Bell } from './bell.js';
import type { Leader } from './leader.js';
import { sooner } from './leader.js';

/** An older build lets its running attempts end for so long, in milliseconds, before it aborts them. */
const handOverGrace = 10_000;

/** So many turns in a row may fail while a runner stops; then it goes without having written how its attempts ended. */
const triesToStop = 3;

/** So long the word of a page that is not visible waits for the word of one that is, in milliseconds. */
const visibleFirst = 1_000;

/**
 * A probe that is brought forward comes within so many milliseconds. Many browsers come online together, so they spread
 * their probes. People look at their pages each at another time.
 */
const onlineSpread = 2_000;
const hiddenSpread = 30_000;

/** How a term comes to its end: the app's signal, a newer build, or a stolen lock. */
export interface Leaving {
  /** Whether running attempts are to be aborted now. */
  readonly aborts: () => boolean;
  /** What the term ends with, once nothing runs any more. */
  readonly end: () => 'stopped' | 'handed over';
  /** It is to stop, every attempt has ended, and what is left cannot be written: the next take-over rescues it. */
  readonly isStuck: () => boolean;
  readonly close: () => void;
}

/** Listens for what ends a leader's term, and for what others say to it. */
export function createLeaving(leader: Leader, bell: Bell, signal: AbortSignal, robbed: AbortSignal): Leaving {
  const { signals, context } = leader;
  const { hub, ports, build, closed } = context;
  let aborting = false;
  let handsOver = false;
  let stopTimer = (): void => undefined;
  let stopHidden: (() => void) | undefined;

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

  /** A hidden page waits for a visible one. So does this context, which cannot know whether one of its pages is visible. */
  function wakeHidden(): void {
    stopHidden ??= ports.clock.timer(visibleFirst, () => {
      stopHidden = undefined;
      wake(hiddenSpread);
    });
  }

  const { online = platformOnline } = ports;
  const stopOnline = online(wakeHidden);
  const stopHearing = hub.hear((message) => {
    if (message.kind === 'look') leader.poke();
    if (message.kind === 'wake') {
      if (message.visible) wake(message.online === true ? onlineSpread : 0);
      else wakeHidden();
    }
    if (message.kind === 'hello' && message.build > build) handOver();
  });
  signal.addEventListener('abort', stop);
  robbed.addEventListener('abort', bell.ring);
  closed.signal.addEventListener('abort', bell.ring);
  if (signal.aborted) stop();

  return {
    aborts: () => aborting,
    end: () => (handsOver && !signal.aborted ? 'handed over' : 'stopped'),
    isStuck: () =>
      signals.stopping &&
      leader.patience.failures() >= triesToStop &&
      [...leader.running.values()].every((attempt) => attempt.verdict !== undefined),

    close() {
      stopHearing();
      stopTimer();
      stopOnline();
      stopHidden?.();
      signal.removeEventListener('abort', stop);
      robbed.removeEventListener('abort', bell.ring);
      closed.signal.removeEventListener('abort', bell.ring);
    },
  };
}
