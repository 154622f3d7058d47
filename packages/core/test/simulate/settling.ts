import { isDeepStrictEqual } from 'node:util';
import { TaskbasketError } from '../../src/pure/errors.js';
import type { Outcome } from '../../src/basket/telling/settled.js';
import type { Driver } from './commands.js';
import { readyOf } from './contents.js';
import { pageOf } from './commands.js';
import { isOpen } from './database.js';
import type { Told } from './journal.js';
import { seenBy } from './owners.js';
import type { Play } from './play.js';
import type { Waiting, World } from './world.js';

/** A context waits for a task's end, or asks for it later. */
export function settle(driver: Driver): string | undefined {
  const { play } = driver;
  const { world } = play;
  const by = pageOf(driver);
  const tasks = [...world.told.values()].filter(
    ({ id, state }) => id !== undefined && (state === 'stored' || world.chance.is(0.2)),
  );
  if (tasks.length === 0) return undefined;
  const told = world.chance.pick(tasks);
  const waiting: Waiting = { life: by, told, since: world.commits, sure: true };
  world.waiting.add(waiting);
  const wasSeen = seenBy(world, by)(told);
  const asker = world.here.get(by);
  by.basket.settled(told.id ?? '').then(
    (outcome) => {
      world.waiting.delete(waiting);
      if (by.dead) return;
      world.report.met('other', `settled: ${outcome.state}`);
      const isSeen = seenBy(world, by)(told);
      const wrong = isSeen ? wrongOutcome(world, waiting, outcome) : wrongToOthers(world, told, outcome, wasSeen);
      if (wrong !== undefined)
        world.fail(`settled of #${told.n} in ${by.name} says ${JSON.stringify(outcome)}: ${wrong}`);
    },
    (error: unknown) => {
      world.waiting.delete(waiting);
      if (by.dead) return;
      const code = error instanceof TaskbasketError ? error.code : '';
      // Of a task that is absent nobody knows whose it was: only who asked is told that it is gone.
      const isAbsent = told.state === 'ended' && world.here.get(by) !== asker;
      if (code !== 'signed-out' || (wasSeen && seenBy(world, by)(told) && !isAbsent))
        world.fail(`settled of #${told.n} in ${by.name} rejected: ${String(error)}`);
      world.report.met('owners', 'settled is for its owner');
    },
  );

  return `#${told.n} in ${by.name}`;
}

/** Whoever waits without hearing of a deletion, by itself or by a message, may take what is lost for done. */
export function forgetSure(play: Play): void {
  for (const waiting of play.world.waiting) {
    const { life } = waiting;
    if (play.loss > 0 || life.frozen || !isOpen(play, life)) waiting.sure = false;
  }
}

function wrongOutcome(world: World, { told, since, sure }: Waiting, outcome: Outcome): string | undefined {
  const { state, end } = told;
  const is = (holds: boolean): string | undefined =>
    holds ? undefined : `it is ${state}${end === undefined ? '' : `, ${end}`}`;
  switch (outcome.state) {
    case 'done':
      // Whoever did not hear of the deletion takes what is gone for done.
      if (!sure && state === 'ended') return undefined;
      if (end === 'lost') return 'it was lost';
      // A row that was removed by hand stands for a completion in the app's own transaction.
      if (end === 'purged') return undefined;

      // A result goes with its database, and a page may not have heard of that yet.
      if (end === 'done' && outcome.result === undefined && isForgotten(world, told)) return undefined;

      return is(end === 'done') ?? wrongResult(told, outcome.result);
    case 'dead':
      return is(told.deadUntil > since);
    case 'cancelled':
      return is(told.cancelled);
    case 'replaced':
      return (
        is(end === 'replaced' || end === 'purged') ??
        (outcome.by === told.replacedBy ? undefined : `by ${told.replacedBy}`)
      );
    case 'purged':
      return is(end === 'purged');
    case 'gone':
      return is(isForgotten(world, told));
  }
}

/** Of a task of somebody else a context is told nothing, but that nothing is known of it. */
function wrongToOthers(world: World, told: Told, outcome: Outcome, wasSeen: boolean): string | undefined {
  if (outcome.state === 'purged' && told.end === 'purged') return undefined;
  // Nothing is stored of it, also not that it was adopted after this context had seen it.
  const says = wasSeen && told.end === 'done' ? 'done' : 'gone';

  return outcome.state === says && isForgotten(world, told) ? undefined : `it belongs to ${told.owner}`;
}

function wrongResult(told: Told, result: unknown): string | undefined {
  return isDeepStrictEqual(result, told.result) ? undefined : `its result was ${String(told.result)}`;
}

/** Nothing is stored of a plain success, of what was lost, and of what ended in a database that was lost later. */
function isForgotten({ losses }: World, { end, result, state, era, lostOnce }: Told): boolean {
  if (lostOnce || (state === 'ended' && era < losses)) return true;

  return end === 'purged' || (end === 'done' && result === undefined);
}

/** With the faults off, nobody waits for what has ended. */
export function judgeWaiting(world: World): void {
  for (const { life, told } of world.waiting) {
    if (life.dead || life.frozen) continue;
    const row = told.seq === undefined || told.state !== 'stored' ? undefined : world.contents.tasks.get(told.seq);
    // Under a letter of a later version it may be anything.
    const dead = row !== undefined && readyOf(row).letter === 'D';
    if (told.state === 'ended' || dead)
      world.fail(`${life.name} still waits for #${told.n}, which is ${told.end ?? 'dead'}`);
  }
}
