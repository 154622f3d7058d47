import { platformOnline } from '../../ports/platform.js';
import type { Bell } from './bell.js';
import type { Leader } from './leader.js';

/** An older build lets its running attempts end for so long, in milliseconds, before it aborts them. */
const handOverGrace = 10_000;

/** So many turns in a row may fail while a runner stops; then it goes without having written how its attempts ended. */
const triesToStop = 3;

/** So long the word of one that is not visible waits for one that is, in milliseconds. */
const visibleFirst = 1_000;

/** How a term comes to its end: the app's signal, a newer build, or a stolen lock. */
export interface Leaving {
  /** Whether running attempts are to be aborted now. */
  readonly aborts: () => boolean;
  /** What the term ends with, once nothing runs any more. */
  readonly end: () => 'stopped' | 'handed over';
  /** It is to stop, every attempt has ended, and what is left can't be written: the next take-over rescues it. */
  readonly isStuck: () => boolean;
  readonly close: () => void;
}

/** Listens for what ends a leader's term, and for what it must look at. */
export function createLeaving(leader: Leader, bell: Bell, signal: AbortSignal, robbed: AbortSignal): Leaving {
  const { hub, ports, build, closed } = leader.context;
  let aborting = false;
  let handsOver = false;
  let stopTimer = (): void => undefined;
  let stopHidden: (() => void) | undefined;

  function stop(): void {
    leader.stopping = true;
    aborting = true;
    bell.ring();
  }

  function handOver(): void {
    if (leader.stopping) return;
    leader.stopping = true;
    handsOver = true;
    stopTimer = ports.clock.timer(handOverGrace, stop);
    bell.ring();
  }

  /** Who is visible is to be heard before who is not, which includes this context: that one can't know. */
  function wake(visible: boolean): void {
    if (visible) {
      leader.woken = true;
      bell.ring();
    } else {
      stopHidden ??= ports.clock.timer(visibleFirst, () => {
        stopHidden = undefined;
        leader.woken ??= false;
        bell.ring();
      });
    }
  }

  const { online = platformOnline } = ports;
  const stopOnline = online(() => wake(false));
  const stopHearing = hub.hear((message) => {
    if (message.kind === 'look') leader.poke();
    if (message.kind === 'wake') wake(message.visible);
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
      leader.stopping &&
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
