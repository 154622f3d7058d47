import type { Reason } from '../../src/pure/reasons.js';
import type { TaskRow } from '../../src/pure/record.js';
import type { Driver } from './commands.js';
import { pageOf } from './commands.js';
import type { Contents } from './contents.js';
import { headsOf, laneMarkOf, readyOf, runnerOf } from './contents.js';
import { commit } from './editing.js';
import { targetsOf } from './judge-command.js';
import type { Commit } from './judge.js';
import { isPayment } from './judge.js';
import type { Life } from './life.js';
import { listedBy, ownerNames, seenBy, signIn } from './owners.js';
import type { Play } from './play.js';
import type { Kind } from './registries.js';
import { currentOf, gateNames, namesFor, ruleOf, typeNames, typesOf } from './registries.js';
import type { CommandFacts, Which, World } from './world.js';

/** What a pause holds: one task, or all that fit. A task must fit each part that is given. */
type Held = string | HeldTasks;

interface HeldTasks {
  readonly type?: string | readonly string[];
  /** The earlier names of these types, for a build that knows no others. */
  readonly earlier?: readonly string[];
  readonly lane?: string;
  readonly gate?: string;
  /** `null`: nobody's tasks. Absent: everybody's. */
  readonly owner?: string | null;
  /** Everybody's were asked for. Otherwise, without an owner, there was no session yet. */
  readonly everyOwner?: boolean;
}

/** What of a row a pause looks at. */
type Looked = Pick<TaskRow, 'id' | 'type' | 'lane' | 'gate' | 'owner'>;

/** The pauses that stand, as the stored records say. */
export function pausesIn(contents: Contents): readonly Held[] {
  return [...contents.state].flatMap(([key, value]) => (key.startsWith('paused:') ? [heldOf(value)] : []));
}

function heldOf(value: unknown): Held {
  const { id, types, ...rest } = value as { id?: string; types?: readonly string[] };
  if (id !== undefined) return id;

  return types === undefined ? rest : { ...rest, type: types };
}

/**
 * The pauses that a command of a context means: of tasks that belong to nobody another one than of its owner's. The end of
 * a pause means both, because in another build other types may belong to nobody.
 */
export function meantBy(world: World, { life, what, which, here }: CommandFacts): readonly Held[] {
  if (which === undefined || typeof which === 'string') return which === undefined ? [] : [which];
  const { owner, everyOwner, state: _, ...parts } = which;
  if (!world.owned) return [parts];
  if (everyOwner === true) return [{ ...parts, everyOwner }];
  const types = parts.type === undefined ? undefined : [parts.type].flat();
  const isNobodys = (name: string): boolean => ruleOf(life.kind, name)?.forAll === true;
  const ends = what === 'resume';
  const ofNobody = owner === undefined && (ends || (types?.some(isNobodys) ?? true));
  const whose = !ends && types?.every(isNobodys) === true ? undefined : (owner ?? here);

  return [
    ...(ofNobody ? [{ ...parts, owner: null }] : []),
    ...(typeof whose === 'string' ? [{ ...parts, owner: whose }] : []),
  ];
}

/** Whether a context must say whose tasks it means, because nobody is signed in there. */
function isRefused(world: World, by: Life, { type, owner, everyOwner }: Which): boolean {
  if (!world.owned || owner !== undefined || everyOwner === true || typeof world.here.get(by) === 'string')
    return false;

  return type === undefined || ![type].flat().every((name) => ruleOf(by.kind, name)?.forAll === true);
}

/** A pause as a build reads it: types have the names of now. */
function readBy(kind: Kind, held: Held): Held {
  if (typeof held === 'string' || held.type === undefined) return held;

  return { ...held, type: [held.type].flat().map((name) => currentOf(kind, name)) };
}

/** A pause as a build means it: a worker that knows only the earlier names of its types runs none of these tasks either. */
function withEarlier(held: Held, kind: Kind): Held {
  if (typeof held === 'string' || held.type === undefined) return held;

  return { ...held, earlier: [held.type].flat().flatMap((name) => namesFor(kind, currentOf(kind, name)).slice(1)) };
}

/** What `resume` takes in a context to end a pause. */
function whichOf(world: World, by: Life, stored: Held, here = world.here.get(by)): string | Which {
  const held = readBy(by.kind, stored);
  if (typeof held === 'string') return held;
  const { owner, earlier: _, ...parts } = held;
  if (!world.owned || typeof owner !== 'string' || owner === here) return parts;

  return { ...parts, owner };
}

/** Whether a pause holds a task, as a build reads it: a type has its earlier names too. */
function holds(held: Held, row: Looked, kind?: Kind): boolean {
  if (typeof held === 'string') return held === row.id;
  const { type, earlier = [], lane, gate, owner } = held;

  return (
    (owner === undefined || owner === row.owner) &&
    (type === undefined || names([type, earlier].flat(), kind).includes(row.type)) &&
    (lane === undefined || lane === row.lane) &&
    (gate === undefined || gate === row.gate)
  );
}

function names(given: readonly string[], kind: Kind | undefined): readonly string[] {
  return kind === undefined ? given : given.flatMap((name) => namesFor(kind, currentOf(kind, name)));
}

/** Whether any pause holds a task for a build. */
export function isPaused(contents: Contents, row: Looked, kind: Kind): boolean {
  return pausesIn(contents).some((held) => holds(held, row, kind));
}

/** Whether a pause of its lane or its id holds a task. The rows of any other pause are not read, and so not written. */
export function isHeld(contents: Contents, row: Looked): boolean {
  return pausesIn(contents).some((held) => (typeof held === 'string' || held.lane !== undefined) && holds(held, row));
}

/** What a pause holds, in one form. */
function formOf(held: Held | Which): string {
  if (typeof held === 'string') return held;
  const { type, lane, gate, owner, everyOwner } = held as HeldTasks & Which;
  const types = type === undefined ? null : [...new Set([type].flat())].sort();

  return JSON.stringify([types, lane ?? null, gate ?? null, owner === null ? 'nobody' : (owner ?? ''), everyOwner]);
}

function isSame(one: Held, other: Held): boolean {
  return typeof one === typeof other && formOf(one) === formOf(other);
}

/** Whether a command means a pause, which another build may have stored, or one of before the session. */
function isMeantBy(world: World, command: CommandFacts, one: Held): boolean {
  const { kind } = command.life;
  const isBefore = typeof one !== 'string' && one.owner === undefined;
  const meant = meantBy(world, command).map((other) =>
    isBefore && typeof other !== 'string' ? (({ owner: _, ...rest }) => rest)(other) : other,
  );

  return meant.some((other) => isSame(readBy(kind, one), readBy(kind, other)));
}

/** A page pauses tasks that are there, or some that are not. */
export function pause(driver: Driver): string | undefined {
  const { world } = driver.play;
  const by = pageOf(driver);
  const which = drawn(driver, by);
  if (which === undefined || world.commands.has(by)) return undefined;
  if (typeof which !== 'string' && isRefused(world, by, which)) return undefined;
  commit(driver, { by, what: 'pause', which }, async () => {
    const facts = world.commands.get(by);
    await by.basket.pause(which);

    return facts?.committed ?? -1;
  });

  return `${JSON.stringify(which)} in ${by.name}`;
}

/** A page ends a pause that stands, or one that does not, or all. */
export function resume(driver: Driver): string | undefined {
  const { world } = driver.play;
  const { chance, contents, commands } = world;
  const standing = pausesIn(contents);
  const by = pageOf(driver);
  if (standing.length === 0 || commands.has(by)) return undefined;
  const other = chance.is(0.1) ? drawn(driver, by) : undefined;
  const which = other ?? (chance.is(0.2) ? undefined : whichOf(world, by, chance.pick(standing)));
  if (typeof which === 'object' && isRefused(world, by, which)) return undefined;
  commit(driver, { by, what: 'resume', which }, () => by.basket.resume(...(which === undefined ? [] : [which])));

  return `${which === undefined ? 'everything' : JSON.stringify(which)} in ${by.name}`;
}

function drawn({ play }: Driver, page: Life): string | Which | undefined {
  const { chance, contents } = play.world;
  const rows = [...contents.tasks.values()];
  const ids = rows.map(({ id }) => id);
  const lanes = rows.flatMap(({ lane }) => lane ?? []);
  const types = typesOf(page.kind);
  // Builds that know a type by different names would not agree on what is held.
  const unrenamed = types.filter((name) => name !== typeNames.mail && name !== typeNames.letter);

  const draw = chance.weighted<() => string | Which | undefined>([
    [0.3, () => ({})],
    [1, () => ({ type: chance.pick(types) })],
    [0.3, () => ({ type: [chance.pick(types), chance.pick(types)] })],
    [1, () => ({ gate: chance.pick(gateNames) })],
    [5, () => (lanes.length === 0 ? undefined : { lane: chance.pick(lanes) })],
    [2, () => (lanes.length === 0 ? undefined : { lane: chance.pick(lanes), type: chance.pick(unrenamed) })],
    [5, () => (ids.length === 0 ? undefined : chance.pick(ids))],
  ]);
  const which = draw?.();
  if (!play.world.owned || typeof which !== 'object' || chance.is(0.7)) return which;

  return chance.is(0.3) ? { ...which, everyOwner: true } : { ...which, owner: chance.pick(ownerNames) };
}

/** A pause adds itself to the set. The end of one takes it out, and brings back what it held. */
export function judgePause({ world, underway, before, after, difference, fail }: Commit): void {
  const { command, walls } = underway;
  if (command === undefined) return;
  const { which } = command;
  const [was, is] = [pausesIn(before), pausesIn(after)];
  const ended = was.filter((one) => !is.some((other) => isSame(one, other)));
  const begun = is.filter((one) => !was.some((other) => isSame(one, other)));
  // At a full disk all stamps are deleted instead.
  if (!difference.state.includes('edits') && after.state.has('edits')) fail('left no stamp');
  if (difference.added.length + difference.removed.length + difference.outcomes.length > 0) fail('changed a task');

  const meant = meantBy(world, command);
  const isMeant = (one: Held): boolean => isMeantBy(world, command, one);
  if (command.what === 'pause') world.model.paused(meant.map((one) => withEarlier(one, command.life.kind)));
  else world.model.resumed(which === undefined ? undefined : was.filter(isMeant), command.here ?? undefined);
  if (command.what === 'pause') {
    command.committed = 1;
    const right = meant.every((one) => is.some((other) => isSame(one, other))) && begun.every(isMeant);
    if (!right || ended.length > 0 || difference.changed.length > 0)
      fail(`paused ${JSON.stringify(is)}, and was asked for ${JSON.stringify(which)}`);
    if (typeof which === 'string' && targetsOf(command, before).length === 0) fail('paused what is absent');
    if (running(after).some((row) => isPaused(after, row, underway.life?.kind ?? 'page')))
      world.report.met('pauses', 'begun while one runs');
    if (meant.length > 1) world.report.met('pauses', 'of an owner and of nobody');

    return;
  }

  const mayEnd = (one: Held): boolean => (which === undefined ? isTheirs(world, command, before, one) : isMeant(one));
  command.committed = new Set(ended.map((one) => formOf(whichOf(world, command.life, one, command.here)))).size;
  const left = is.filter(mayEnd);
  const wrong = ended.filter((one) => !mayEnd(one));
  if (left.length + wrong.length + begun.length > 0)
    fail(`left ${JSON.stringify(is)} of ${JSON.stringify(was)}, and was asked to end ${JSON.stringify(which)}`);
  const heads = headsOf(after);
  for (const change of difference.changed) {
    const { from } = change;
    const lane = laneMarkOf(from);
    const isHead = lane === undefined || heads.get(lane)?.seq === from.seq;
    const freed = ended.some((one) => typeof one === 'string' || one.lane !== undefined);
    if (!isHead || !freed || !isPayment(change, 0, walls)) fail(`changed ${from.id} to ${change.to.ready}`);
    else world.report.met('pauses', readyOf(from).letter === 'H' ? 'a held one came back' : 'a fresh one was paid');
  }
}

/** Whether the end of all pauses in a context ends this one: it is of who is signed in there, or of nobody. */
function isTheirs(world: World, command: CommandFacts, contents: Contents, one: Held): boolean {
  if (typeof one === 'string') return targetsOf({ ...command, which: one }, contents).length > 0;

  return !world.owned || one.owner === undefined || one.owner === null || one.owner === command.here;
}

/** The end of a pause that there was not. */
export function judgeIdleResume({ world, underway, before, fail }: Commit): void {
  const { command } = underway;
  if (command === undefined) return;
  const { which } = command;
  const same = pausesIn(before).find((one) => {
    if (which === undefined) return isTheirs(world, command, before, one);
    if (typeof which === 'string' && targetsOf(command, before).length === 0) return false;

    return isMeantBy(world, command, one);
  });
  if (same !== undefined) fail(`did not end ${JSON.stringify(same)}`);
}

/** Pauses of single tasks go with their tasks, and others stay. */
export function judgeForgotten({ world, underway, before, after, difference, fail }: Commit): void {
  const what = underway.command?.what;
  if (what === 'pause' || what === 'resume') return;
  const gone = pausesIn(before).filter((one) => !pausesIn(after).some((other) => isSame(one, other)));
  const ended = new Set(
    [...difference.removed, ...difference.changed.flatMap(({ to }) => (to.cancelled === true ? to : []))].map(
      ({ id }) => id,
    ),
  );
  const mayGo = (id: string): boolean =>
    world.byId.get(id)?.state === 'ended' || world.byId.get(id)?.cancelled === true;
  const { which } = underway.command ?? {};
  const purged = what === 'purge' && typeof which === 'object' ? which.owner : undefined;
  if (typeof purged === 'string') world.model.purged(purged);
  const wrong = gone.find((one) =>
    typeof one === 'string' ? !mayGo(one) : purged === undefined || one.owner !== purged,
  );
  if (wrong !== undefined) fail(`ended the pause ${JSON.stringify(wrong)}`);
  const kept = pausesIn(after).find((one) => typeof one === 'string' && ended.has(one));
  if (kept !== undefined) fail(`kept the pause of ${JSON.stringify(kept)}, which has ended`);
}

function running(contents: Contents): readonly TaskRow[] {
  return (runnerOf(contents)?.running ?? []).flatMap(({ seq }) => contents.tasks.get(seq) ?? []);
}

/** What is wrong with the pauses that are named as reasons: there must be those that hold the row, and no others. */
export function wrongPauses(world: World, page: Life, row: TaskRow, reasons: readonly Reason[]): string | undefined {
  const named = reasons.flatMap((one) => (one.reason === 'paused' ? [one.filter as Which] : []));
  const standing = pausesIn(world.contents)
    .filter((held) => holds(held, row, page.kind))
    .map((held) => whichOf(world, page, held));
  const forms = [...new Set(standing.map(formOf))];
  if (named.map(formOf).sort().join() === forms.sort().join()) return undefined;

  return `paused by ${JSON.stringify(named)}, and it is by ${JSON.stringify(standing)}`;
}

/** Ends every pause, so that everything can run. */
export async function resumeAll({ world, quiet }: Play, page: Life): Promise<void> {
  const held = [...world.contents.tasks.values()].filter((row) => isPaused(world.contents, row, page.kind));
  if (pausesIn(world.contents).length === 0) return;
  world.report.met('pauses', 'tasks held at the end of a run', held.length);
  const owners = world.owned ? ownerNames : [undefined];
  for (const owner of owners) {
    if (owner !== undefined) void signIn(world, page, owner, world.wasFree); // It never rejects.
    if (world.wasFree) await quiet();
    await resumed(world, page, owner, undefined);
  }
  // As long as a task has no owner, for example because it runs, only a call with its id ends the pause of it.
  for (const id of pausesIn(world.contents)) if (typeof id === 'string') await resumed(world, page, owners.at(-1), id);
  await quiet();
}

async function resumed(world: World, page: Life, here: string | undefined, id: string | undefined): Promise<void> {
  const facts: CommandFacts = {
    life: page,
    what: 'resume',
    which: id,
    here,
    isSeen: id === undefined ? listedBy(world, page) : seenBy(world, page),
    committed: undefined,
    several: false,
    lied: false,
  };
  world.commands.set(page, facts);
  page.blind = 0;
  await (id === undefined ? page.basket.resume() : page.basket.resume(id));
  world.commands.delete(page);
}
