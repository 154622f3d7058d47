import { TaskbasketError } from '../../src/pure/errors.js';
import type { Claim, TaskRow } from '../../src/pure/record.js';
import { hostileNames } from '../support/names.js';
import type { Driver } from './commands.js';
import { pageOf } from './commands.js';
import type { Contents } from './contents.js';
import { headsOf, laneMarkOf, readyOf, runnerOf } from './contents.js';
import { fieldsOf, onlyDiffersIn } from './difference.js';
import type { Commit } from './judge.js';
import { isPayment, lanesOf } from './judge.js';
import type { Life } from './life.js';
import type { Kind } from './registries.js';
import { isChildOf } from './parents.js';
import { isForAll, knows, ruleOf } from './registries.js';
import { valuesFor } from './values.js';
import type { Signing, World } from './world.js';

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
export function mayStart(
  world: World,
  contents: Contents,
  kind: Kind,
  row: Pick<TaskRow, 'type' | 'version' | 'owner'>,
): boolean {
  return knows(kind, row) && (row.owner === null ? !lacksOwner(world, row) : row.owner === ownerIn(contents));
}

/** Whether a task was added before the app declared a session, and waits for an owner. */
export function lacksOwner({ owned }: World, { owner, type }: Pick<TaskRow, 'type' | 'owner'>): boolean {
  return owned && owner === null && !isForAll(type);
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

  return (row) =>
    isSeen(row) &&
    (!world.owned || row.owner !== null || (isForAll(row.type) && ruleOf(by.kind, row.type) !== undefined));
}

/** Somebody signs in, or out, in some page. */
export function sign(driver: Driver): string | undefined {
  const { world } = driver.play;
  if (!world.owned) return undefined;
  const by = pageOf(driver);
  const owner = world.chance.is(0.2) ? null : world.chance.pick(ownerNames);
  const adopts = world.wasFree && owner !== null && world.chance.is(0.5);
  void signIn(world, by, owner, adopts); // It never rejects.

  return `${owner ?? 'nobody'} in ${by.name}${adopts ? ', who adopts' : ''}`;
}

type SignIn = (owner: string, values: unknown, options?: { readonly adopt: boolean }) => Promise<void>;

/** Signs in, or out, and judges the answer. The owner holds in this context from the call on. */
export function signIn(world: World, by: Life, owner: string | null, adopts = false): Promise<void> {
  const { faults } = by;
  const waits = [...world.attempts].some((one) => !one.life.dead && ![null, owner].includes(one.told.owner));
  if ([...world.unanswered].some((life) => life !== by && !life.dead)) world.report.met('owners', 'two at once');
  world.unanswered.add(by);
  world.here.set(by, owner);
  const values = owner === null ? undefined : valuesFor(world, by, owner);
  world.signing.set(by, [
    ...(world.signing.get(by) ?? []),
    { owner, asks: values !== undefined, adopts, led: world.isLed() },
  ]);
  const { basket } = by;
  const call =
    owner === null ? basket.signOut() : (basket.signIn as SignIn)(owner, values, ...(adopts ? [{ adopt: true }] : []));

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
  // A runner that stands still keeps the lock by which it shows for whom it may send.
  if ([...world.slots.keys()].some((life) => !life.dead && (life.suspended || life.frozen || life.deaf))) return;
  if (others.length === 0 && told) world.fail(`a sign-in of ${by.name} gave up, and nobody else sends`);
}

/** A sign-in stores who is signed in, and gives tasks an owner if it is asked to. */
export function judgeSession(commit: Commit): void {
  const { world, underway, before, after, difference, fail } = commit;
  const { added, removed, changed, outcomes, state } = difference;
  if (added.length + removed.length + outcomes.length > 0) fail('added or removed something');
  const owner = ownerIn(after);
  const asks = asksIn(after);
  const isSame = ownerIn(before) === owner;
  const isNew = !before.state.has('session') || !isSame || asksIn(before) !== asks;
  // At a full disk the stamps are deleted, if there are any.
  const wanted = [...(state.includes('edits') ? ['edits'] : []), ...(isNew ? ['session'] : [])];
  if ([...state].sort().join() !== wanted.join()) fail(`wrote ${state.join()}`);
  if (!state.includes('edits') && after.state.has('edits')) fail('left no stamp');
  if (!isNew && changed.length === 0) fail('stored who was stored');
  const asked = underway.life === undefined ? [] : (world.signing.get(underway.life) ?? []);
  const fits = (one: Signing): boolean =>
    one.owner === owner && one.asks === asks && (changed.length === 0 || one.adopts);
  // A call that failed is still among those that were asked. If nothing was adopted, it may have been any that fits.
  const place = asked.findIndex(fits);
  const mayBePlain = changed.length === 0 && asked.some((one) => fits(one) && !one.adopts);
  if (place === -1) fail(`stored ${owner}, and nobody asked for it`);
  else if (underway.life !== undefined) world.signing.set(underway.life, asked.slice(place));
  const signing = asked[place];
  if (signing?.adopts === true && !mayBePlain) judgeAdopted(commit, owner ?? '', signing.led);
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

/**
 * All tasks without an owner get this one, except in a lane in which one of them runs, and those for which one waits that
 * stays. They keep what they wait for.
 */
function judgeAdopted(commit: Commit, owner: string, led: boolean): void {
  const { world, underway, before, after, difference, fail } = commit;
  const ids = (rows: readonly TaskRow[]): string => rows.map(({ id }) => id).join();
  const taken = difference.changed.filter(({ from, to }) => from.owner !== to.owner);
  const found = ids(taken.map(({ from }) => from).sort((one, other) => one.seq - other.seq));
  const claims = runnerOf(before)?.running ?? [];
  const isThere = world.leading?.life.dead === false && world.leading.life.holds;
  // What a runner that is gone had claimed runs no more. A worker that has not taken over yet looks like that runner.
  const counted = [...(isThere ? [] : [[]]), ...(isThere || led || world.isLed() ? [claims] : [])];
  const all = counted.map((one) => toAdopt(commit, one));
  const theirs = all.find((rows) => ids(rows) === found) ?? [];
  if (!all.some((rows) => ids(rows) === found)) fail(`adopted ${found}, and must adopt ${all.map(ids).join(' or ')}`);
  if (!isThere && claims.length > 0) world.report.met('owners', 'adopted beside what a runner had left');
  const lanes = lanesOf(theirs);
  const heads = headsOf(after);
  for (const { from, to } of difference.changed.filter((one) => !taken.includes(one))) {
    const lane = laneMarkOf(from);
    const isHead = lane !== undefined && lanes.has(lane) && heads.get(lane) === to;
    const isFreed = isHead || isChildOf(from, new Set(theirs.map(({ id }) => id)));
    if (!isFreed || !isPayment({ from, to }, 0, underway.walls)) fail(`also changed ${to.id} to ${to.ready}`);
    else world.report.met('owners', 'paid by an adoption');
  }
  for (const { from, to } of taken) {
    const told = world.byId.get(to.id);
    if (told === undefined || to.owner !== owner) {
      fail(`gave ${to.id} to ${to.owner}`);
      continue;
    }
    told.owner = owner;
    world.model.adopted(to.id, owner);
    const { letter, when } = readyOf(from);
    const isKept = letter !== 'F' && letter !== 'H' && readyOf(to).letter === letter && readyOf(to).when === when;
    const change = { from: { ...from, owner, marks: to.marks }, to };
    if (!isKept && !isPayment(change, 0, underway.walls)) fail(`adopted ${to.id} as ${to.ready}`);
    if (!onlyDiffersIn(change, ['ready'])) fail(`changed ${fieldsOf(change).join()} of ${to.id}`);
    world.report.met('owners', `adopted from ${letter}`);
  }
  if (claims.length > 0 && theirs.length > 0) world.report.met('owners', 'adopted beside a claim');
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

/** The tasks without an owner that a sign-in adopts beside some claims. */
function toAdopt({ world, underway, before }: Commit, claims: readonly Claim[]): readonly TaskRow[] {
  const isTaken = (row: TaskRow): boolean =>
    claims.some(({ seq, lane }) => seq === row.seq || (lane !== undefined && lane === laneMarkOf(row)));
  const isBefore = (row: TaskRow, other: TaskRow): boolean =>
    isChildOf(other, new Set([row.id])) || (laneMarkOf(row) !== undefined && laneMarkOf(row) === laneMarkOf(other));
  const known = (row: TaskRow): boolean =>
    underway.life !== undefined && ruleOf(underway.life.kind, row.type) !== undefined && !world.foreign.has(row.seq);
  const all = [...before.tasks.values()].filter(
    (row) => lacksOwner(world, row) && known(row) && row.cancelled !== true,
  );
  let theirs = all.filter((row) => !isTaken(row));
  for (let left = all.length; theirs.length < left;) {
    left = theirs.length;
    const stay = all.filter((row) => !theirs.includes(row) && !claims.some(({ seq }) => seq === row.seq));
    theirs = theirs.filter((row) => !stay.some((other) => isBefore(row, other)));
  }

  return theirs;
}
