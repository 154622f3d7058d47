import { TaskbasketError } from '../../src/pure/errors.js';
import type { TaskRow } from '../../src/pure/record.js';
import { hostileNames } from '../support/names.js';
import type { Driver } from './commands.js';
import { pageOf } from './commands.js';
import type { Contents } from './contents.js';
import type { Commit } from './judge.js';
import type { Life } from './life.js';
import type { Kind } from './registries.js';
import { isForAll, knows, ruleOf } from './registries.js';
import { valuesFor } from './values.js';
import type { World } from './world.js';

/** Who may be signed in. */
export const ownerNames: readonly string[] = hostileNames.slice(0, 3);

/** Who is stored as signed in. */
export function ownerIn(contents: Contents): string | null {
  return (contents.state.get('session') as { readonly owner: string | null } | undefined)?.owner ?? null;
}

/** Whether the app has given values for who is stored as signed in. */
export function asksIn(contents: Contents): boolean {
  return (contents.state.get('session') as { readonly asks?: true } | undefined)?.asks === true;
}

/** Whether a build may start a task while whoever is stored as signed in is so, as far as its type and its owner go. */
export function mayStart(contents: Contents, kind: Kind, row: Pick<TaskRow, 'type' | 'version' | 'owner'>): boolean {
  return knows(kind, row) && (row.owner === null || row.owner === ownerIn(contents));
}

/** Whose a task is that a context adds; `undefined`: it must be refused, because nobody is signed in there. */
export function ownerFor(world: World, by: Life, type: string): string | null | undefined {
  if (!world.owned || isForAll(type)) return null;

  return world.here.get(by) ?? undefined;
}

/** Which tasks a context finds by their id, as of now. */
export function seenBy({ here, owned }: World, by: Life): (row: Pick<TaskRow, 'owner'>) => boolean {
  const owner = here.get(by);

  return (row) => !owned || row.owner === null || row.owner === owner;
}

/** Which tasks a query of a context finds: of those that belong to nobody only those of its types. */
export function listedBy(world: World, by: Life): (row: Pick<TaskRow, 'owner' | 'type'>) => boolean {
  const isSeen = seenBy(world, by);

  return (row) => isSeen(row) && (!world.owned || row.owner !== null || ruleOf(by.kind, row.type) !== undefined);
}

/** Somebody signs in, or out, in some page. */
export function sign(driver: Driver): string | undefined {
  const { world } = driver.play;
  if (!world.owned) return undefined;
  const by = pageOf(driver);
  const owner = world.chance.is(0.2) ? null : world.chance.pick(ownerNames);
  void signIn(world, by, owner); // It never rejects.

  return `${owner ?? 'nobody'} in ${by.name}`;
}

/** Signs in, or out, and judges the answer. The owner holds in this context from the call on. */
export function signIn(world: World, by: Life, owner: string | null): Promise<void> {
  const { faults } = by;
  const waits = [...world.attempts].some((one) => !one.life.dead && ![null, owner].includes(one.told.owner));
  if ([...world.unanswered].some((life) => life !== by && !life.dead)) world.report.met('owners', 'two at once');
  world.unanswered.add(by);
  world.here.set(by, owner);
  const values = owner === null ? undefined : valuesFor(world, by, owner);
  world.signing.set(by, [...(world.signing.get(by) ?? []), { owner, asks: values !== undefined }]);
  const { basket } = by;
  const call =
    owner === null ? basket.signOut() : (basket.signIn as (one: string, two: unknown) => Promise<void>)(owner, values);

  return call.then(
    () => {
      world.unanswered.delete(by);
      if (by.dead) return;
      if (waits) world.report.met('owners', 'waited for a handler');
      judgeResolved(world, by);
    },
    (error: unknown) => {
      world.unanswered.delete(by);
      if (by.dead) return;
      const code = error instanceof TaskbasketError ? error.code : String(error);
      world.report.met('owners', `rejected: ${code}`);
      if (code === 'still-sending') judgeLate(world, by);
      else if (by.faults === faults) world.fail(`a sign-in of ${by.name} rejected for nothing: ${String(error)}`);
    },
  );
}

/** No handler of another owner runs any more. From now on none may start, until its owner is stored again. */
function judgeResolved(world: World, by: Life): void {
  const here = world.here.get(by) ?? null;
  const stored = ownerIn(world.contents);
  const isOther = (owner: string | null): owner is string => owner !== null && owner !== here && owner !== stored;
  world.report.met('owners', 'resolved');
  for (const { life, told } of world.attempts) {
    if (!life.dead && isOther(told.owner))
      world.fail(`a sign-in of ${by.name} resolved, and ${told.id} of ${told.owner} runs in ${life.name}`);
  }
  for (const owner of ownerNames) if (isOther(owner)) world.barred.add(owner);
}

/** A call that gives up after 15 s has somebody to wait for. */
function judgeLate(world: World, by: Life): void {
  const here = world.here.get(by) ?? null;
  const others = [...world.attempts].filter(({ told }) => told.owner !== null && told.owner !== here);
  const told = !world.loses() && world.time.now() - Math.max(world.unheardAt, world.faultAt) > 61_000;
  if (others.length === 0 && told) world.fail(`a sign-in of ${by.name} gave up, and nobody else sends`);
}

/** A sign-in stores who is signed in, and nothing else. */
export function judgeSession({ world, underway, before, after, difference, fail }: Commit): void {
  const { added, removed, changed, outcomes, state } = difference;
  if (added.length + removed.length + changed.length + outcomes.length > 0) fail('changed rows');
  // At a full disk the stamps are deleted, if there are any.
  const isBare = !after.state.has('edits') && state.join() === 'session';
  if ([...state].sort().join() !== 'edits,session' && !isBare) fail(`wrote ${state.join()}`);
  const owner = ownerIn(after);
  const asked = underway.life === undefined ? [] : (world.signing.get(underway.life) ?? []);
  const asks = asksIn(after);
  const place = asked.findIndex((one) => one.owner === owner && one.asks === asks);
  if (place === -1) fail(`stored ${owner}, and nobody asked for it`);
  else if (underway.life !== undefined) world.signing.set(underway.life, asked.slice(place));
  const isSame = ownerIn(before) === owner;
  if (before.state.has('session') && isSame && asksIn(before) === asks) fail('stored who was stored');
  world.model.signedIn(owner);
  if (isSame) return;
  if (owner !== null) world.barred.delete(owner);
  world.signedAt = world.time.now();
  const left = [...before.tasks.values()].some((row) => row.owner !== null && row.owner === ownerIn(before));
  const back = [...before.tasks.values()].some((row) => row.owner !== null && row.owner === owner);
  world.report.met('owners', left ? 'left with tasks' : 'left without tasks');
  if (back) world.report.met('owners', 'came back to tasks');
  const runs = [...world.attempts].some(({ life, told }) => !life.dead && told.owner !== null && told.owner !== owner);
  if (runs) world.report.met('owners', 'changed while handlers of another ran');
}

/** At rest, what runs for somebody who is not signed in any more has been aborted. */
export function judgeStrangers(world: World, isTold: boolean): void {
  const owner = ownerIn(world.contents);
  for (const { life, told, signal, ended } of world.attempts) {
    const isOther = told.owner !== null && told.owner !== owner;
    if (life.dead || life.frozen || life.deaf || !isOther || signal.aborted || ended !== undefined) continue;
    if (isTold || world.time.now() - world.signedAt > 61_000)
      world.fail(`at rest: ${told.id} runs on for ${told.owner}, and ${owner ?? 'nobody'} is signed in`);
  }
}
