/**
 * What happened between two looks at the list, for those who cannot see it?
 */
import type { Announce } from './announcer.js';
import type { Basket, Snapshot, UnsentTask } from './basket.js';
import { titleOf } from './words.js';

/** How long changes are collected before they are told, in milliseconds. */
const pause = 700;

/** @returns A function that takes each snapshot, and tells what changed: all that happens within a moment together. */
export function createNews(basket: Basket, announce: Announce): (snapshot: Snapshot) => void {
  let before: Snapshot = { loaded: false, tasks: [], more: false };
  let gone: UnsentTask[] = [];
  let refused: UnsentTask[] = [];
  let away = false;
  let telling = false;

  async function tellAll(): Promise<void> {
    const ended = gone;
    const [turnedDown, isAway] = [refused, away];
    [gone, refused, away, telling] = [[], [], false, false];

    // It can also be discarded, in another tab too, or replaced by a later save: the basket knows. It tells nobody else's.
    const outcomes = await Promise.allSettled(ended.map(async ({ id }) => basket.settled(id)));
    const sent = ended.filter((_, index) => {
      const outcome = outcomes[index];
      return outcome?.status === 'fulfilled' && !['cancelled', 'replaced'].includes(outcome.value.state);
    });
    if (sent.length > 0) announce(`Sent: ${names(sent)}.`);
    if (isAway) announce('The server is away. What you write is kept, and sent later.');
    if (turnedDown.length > 0) announce(`Refused by the server: ${names(turnedDown)}.`);
  }

  return (snapshot) => {
    const { gone: left, refused: dead, away: closed } = changesBetween(before, snapshot);
    before = snapshot;
    gone = [...gone, ...left];
    refused = [...refused, ...dead];
    away ||= closed;
    if (telling || (left.length === 0 && dead.length === 0 && !closed)) return;
    telling = true;
    setTimeout(() => void tellAll(), pause);
  };
}

interface Changes {
  readonly gone: readonly UnsentTask[];
  readonly refused: readonly UnsentTask[];
  /** The server is away, and was not before. */
  readonly away: boolean;
}

function changesBetween(before: Snapshot, after: Snapshot): Changes {
  if (!before.loaded || !after.loaded || before.more || after.more) return { gone: [], refused: [], away: false };
  const then = new Map(before.tasks.map((task) => [task.id, task]));
  const now = new Set(after.tasks.map((task) => task.id));
  return {
    gone: before.tasks.filter((task) => !now.has(task.id)),
    refused: after.tasks.filter((task) => task.state === 'dead' && then.get(task.id)?.state === 'queued'),
    away: after.tasks.some(isGateClosed) && !before.tasks.some(isGateClosed),
  };
}

function isGateClosed(task: UnsentTask): boolean {
  return task.gate.closedUntil !== undefined;
}

/** Two by name, the others counted. */
function names(tasks: readonly UnsentTask[]): string {
  const all = [...new Set(tasks.map(titleOf))];
  return all.length <= 2 ? all.join(' and ') : `${all[0]} and ${all.length - 1} others`;
}
