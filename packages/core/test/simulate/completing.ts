import { isDeepStrictEqual } from 'node:util';

import { TaskbasketError } from '../../src/pure/errors.js';
import type { Driver } from './commands.js';
import { ending, pageOf } from './commands.js';
import { isBody, runnerOf } from './contents.js';
import { commit } from './editing.js';
import type { AttemptFacts } from './journal.js';
import type { Commit } from './judge.js';
import { ended } from './judge.js';
import type { Life } from './life.js';
import type { World } from './world.js';

/** A handler ends its task in a transaction of the app, also one that may not, and may end in any way then. */
export async function complete(driver: Driver): Promise<string | undefined> {
  const { play } = driver;
  const { world } = play;
  const { chance } = world;
  const open = [...world.attempts].filter(({ life, completing }) => !life.dead && !life.frozen && !completing);
  if (open.length === 0) return undefined;
  const aborted = open.filter(({ signal }) => signal.aborted);
  // Those of which the runner does not know yet that they may not end their task.
  const fenced = open.filter(({ told, signal, life }) => !signal.aborted && (told.cancelled || isDeposed(world, life)));
  const attempt = chance.pick(fenced.length > 0 ? fenced : aborted.length > 0 && chance.is(0.4) ? aborted : open);
  const { life, told } = attempt;
  if (fenced.length === 0 && chance.is(0.3)) await cancelFirst(driver, attempt);
  if (life.dead || life.frozen || attempt.completing || attempt.ended !== undefined) return undefined;
  const result = chance.is(0.4) ? `c${driver.next}` : undefined;
  const transaction = play.begin('complete', life);
  const facts = world.underway.get(transaction);
  if (facts !== undefined) facts.completes = { attempt, result };
  try {
    attempt.completeTx(transaction, result);
  } catch (error) {
    transaction.abort();
    judgeRefused(world, attempt, error);

    return `#${told.n} in ${life.name}, refused`;
  }
  if (isAborted(attempt)) world.fail(`completeTx of ${told.id} was taken, and it was aborted`);
  attempt.completing = true;
  const how = chance.pick(['commit', 'commit', 'leave', 'abort']);
  // Also where a cancel that found no room has deleted the row, the runner takes the task for done.
  transaction.addEventListener('complete', () => (attempt.completed = true));
  transaction.addEventListener('abort', () => {
    attempt.completing = false;
    if (how === 'abort' || life.dead) return;
    judgeFailed(world, attempt, transaction.error);
  });
  if (how === 'commit') transaction.commit();
  else if (how === 'abort') transaction.abort();
  if (chance.is(0.5)) attempt.end(ending(driver));

  return `#${told.n} in ${life.name}, ${how}`;
}

/** A page cancels the task, and the handler does not hear of it yet. */
async function cancelFirst(driver: Driver, { told, signal }: AttemptFacts): Promise<void> {
  const { world } = driver.play;
  const by = pageOf(driver);
  const { id } = told;
  if (id === undefined || world.commands.has(by)) return;
  commit(driver, { by, what: 'cancel', which: id }, () => by.basket.cancel(id));
  for (let rounds = 0; rounds < 50 && !told.cancelled && !signal.aborted; rounds += 1) await driver.play.round();
}

function isDeposed({ terms, leading }: World, life: Life): boolean {
  return leading !== undefined && terms.get(life) !== leading;
}

/** Whether the attempt was aborted for anything but a stop, which its own end outlasts. */
function isAborted({ signal }: AttemptFacts): boolean {
  return signal.aborted && !(signal.reason as Error).message.includes('stops');
}

function judgeRefused(world: World, attempt: AttemptFacts, error: unknown): void {
  if (!(error instanceof TaskbasketError) || error.code !== 'closed')
    world.fail(`completeTx of ${attempt.told.id} threw ${String(error)}`);
  world.report.met('completing', isAborted(attempt) ? 'refused, aborted' : 'refused');
}

/** A transaction fails by the fence only if the attempt may not end its task any more. */
function judgeFailed(world: World, { told, claim, life }: AttemptFacts, error: unknown): void {
  if ((error as { readonly name?: string } | null)?.name !== 'ConstraintError') return;
  const stands = world.terms.get(life) === world.leading && world.leading?.claims.has(claim.claim) === true;
  if (told.cancelled) world.report.met('completing', 'failed, cancelled');
  else if (told.end === 'purged') world.report.met('completing', 'failed, purged');
  else if (!stands) world.report.met('completing', 'failed, deposed');
  else world.fail(`completeTx of ${told.id} failed by its fence for nothing`);
}

/** The task is gone, with its payload, and its outcome is what was given. Its claim stands until the attempt ends. */
export function judgeComplete(whole: Commit): void {
  const { world, underway, before, after, difference, fail } = whole;
  const { completes } = underway;
  if (completes === undefined) return fail('ended no task');
  const { attempt, result } = completes;
  const { told, claim, life } = attempt;
  const row = before.tasks.get(claim.seq);
  if (told.cancelled && told.state === 'ended' && row === undefined) {
    // A cancel that found no room could only delete the row.
    world.report.met('completing', 'after a cancel at a full disk');

    return;
  }
  const stands = runnerOf(before)?.running.some((one) => one.claim === claim.claim && one.id === claim.id) === true;
  if (!stands || world.terms.get(life) !== world.leading) fail(`ended ${told.id}, whose claim does not stand`);
  if (told.cancelled || row?.cancelled === true) fail(`ended ${told.id}, which was cancelled`);
  const { added, changed, removed, outcomes } = difference;
  if (added.length + changed.length > 0) fail('changed rows');
  if (removed.length !== 1 || removed[0]?.id !== told.id) fail(`removed ${removed.map(({ id }) => id).join()}`);
  const wanted = result === undefined ? [] : [[told.id, 'done', result]];
  if (
    !isDeepStrictEqual(
      outcomes.map((one) => [one.id, one.state, one.result]),
      wanted,
    )
  )
    fail('wrote other outcomes');
  const ref = row?.ref;
  if (ref !== undefined && !isBody(ref) && after.payloads.has(ref)) fail(`left the payload of ${told.id}`);
  ended(whole, claim.id, 'done');
  told.result = result;
  told.completed = true;
  world.report.met('completing', attempt.ended === undefined ? 'while its handler goes on' : 'after its handler ended');
}
