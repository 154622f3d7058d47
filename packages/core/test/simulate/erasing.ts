import { TaskbasketError } from '../../src/pure/errors.js';
import type { Driver } from './commands.js';
import { pageOf } from './commands.js';
import { headsOf, isBody, laneMarkOf, partOf, runnerOf } from './contents.js';
import type { Commit } from './judge.js';
import { ended, isPayment, lanesOf } from './judge.js';
import { ownerNames, signIn } from './owners.js';
import { isChildOf } from './parents.js';
import type { CommandFacts, World } from './world.js';

/** Removes everything of an owner from the device, in the middle of whatever goes on, after it was signed out in each page. */
export async function erase(driver: Driver): Promise<string | undefined> {
  const { play } = driver;
  const { world } = play;
  if (!world.owned) return undefined;
  const rows = [...world.contents.tasks.values()];
  const present = ownerNames.filter((name) => rows.some((row) => row.owner === name));
  const owner = world.chance.pick(present.length > 0 ? present : ownerNames);
  const pages = play.lives.filter((life) => !life.dead && world.here.get(life) === owner);
  if (pages.some(({ frozen }) => frozen)) return undefined;
  for (const page of pages) void signIn(world, page, null);
  await play.quiet();
  const isPending = [...world.told.values()].some((told) => told.pending && told.owner === owner && !told.by.dead);
  if (isPending || [...world.commands.values()].some(({ what }) => what === 'update')) return `only signs ${owner} out`;
  // What was prepared for the owner has lost its body.
  const prepared = driver.prepared.filter(({ told }) => told.owner === owner && told.size === 'heavy');
  for (const one of prepared) {
    driver.prepared.splice(driver.prepared.indexOf(one), 1);
    one.told.state = 'refused';
  }
  const by = pageOf(driver);
  if (world.commands.has(by) || world.here.get(by) === owner) return `only signs ${owner} out`;
  void purge(world, by, owner);

  return `${owner} in ${by.name}`;
}

async function purge(world: World, by: CommandFacts['life'], owner: string): Promise<void> {
  const { losses, contents } = world;
  const { faults } = by;
  const facts: CommandFacts = {
    life: by,
    what: 'purge',
    which: { owner },
    isSeen: (row) => row.owner === owner,
    committed: undefined,
    several: false,
    lied: false,
  };
  world.commands.set(by, facts);
  try {
    const count = await by.basket.purge(owner);
    if (by.dead) return;
    world.commands.delete(by);
    const wrong = leftOf(world, contents, owner);
    if (wrong !== undefined && losses === world.losses)
      world.fail(`purge of ${owner} in ${by.name} has resolved: ${wrong}`);
    if (count !== (facts.committed ?? 0))
      world.fail(`purge of ${owner} says ${count}, and removed ${facts.committed ?? 0}`);
    world.report.met('owners', count > 0 ? 'purged with tasks' : 'purged without tasks');
  } catch (error) {
    if (by.dead) return;
    world.commands.delete(by);
    if (by.faults === faults && losses === world.losses)
      world.fail(`purge of ${owner} rejected for nothing: ${String(error)}`);
    if (!(error instanceof TaskbasketError)) world.fail(`purge of ${owner} rejected with ${String(error)}`);
  }
}

/** What is left of an owner of all that there was when the purge was called. */
function leftOf({ contents, byId }: World, before: World['contents'], owner: string): string | undefined {
  const row = [...before.tasks.values()].find((one) => one.owner === owner && contents.tasks.has(one.seq));
  if (row !== undefined) return `${row.id} is still there`;
  const outcome = [...before.outcomes].find(([n, { id }]) => byId.get(id)?.owner === owner && contents.outcomes.has(n));
  if (outcome !== undefined) return `the outcome of ${outcome[1].id} is still there`;
  const refs = new Set([...contents.tasks.values()].map(({ ref }) => ref));
  const body = [...before.payloads.keys()].find(
    (key) => isBody(key) && isBodyOf(owner, key) && contents.payloads.has(key) && !refs.has(key),
  );

  return body === undefined ? undefined : `the body ${body} is still there`;
}

function isBodyOf(owner: string, key: string): boolean {
  return key.replace(/^~/, '').startsWith(`${partOf(owner)}|`);
}

/** One transaction of a purge: it deletes tasks and outcomes of its owner, pays their lanes, and does nothing else. */
export function judgePurge(commit: Commit, command: CommandFacts): void {
  const { world, underway, before, after, difference, fail } = commit;
  const { added, removed, changed, outcomes, state } = difference;
  const owner = typeof command.which === 'object' ? command.which.owner : undefined;
  if (added.length + outcomes.length > 0) fail('a purge added something');
  if (state.some((key) => !/^(edits|positions|bodies|paused:.*|deposed:.*)$/.test(key)))
    fail('a purge wrote more than its stamp');
  if (state.includes('positions') && after.state.has('positions')) fail('a purge wrote positions');
  if (state.includes('bodies')) {
    const [then, now] = [before, after].map((one) => (one.state.get('bodies') ?? {}) as Record<string, unknown>);
    const left = Object.entries(now ?? {});
    if (left.some(([key, at]) => then?.[key] !== at)) fail('a purge wrote bodies that were not noted');
    if (left.some(([key]) => isBodyOf(owner ?? '', key))) fail(`a purge left a body of ${owner} in the record`);
  }
  const gone = [...before.outcomes].filter(([n]) => !after.outcomes.has(n)).map(([, outcome]) => outcome);
  for (const { id } of [...removed, ...gone]) {
    const told = world.byId.get(id);
    if (told?.owner !== owner) fail(`a purge of ${owner} removed ${id}, of ${told?.owner}`);
    if (told?.state !== 'ended') continue;
    told.end = 'purged';
    world.model.forgotten(id);
  }
  command.committed = (command.committed ?? 0) + removed.filter(({ cancelled }) => cancelled !== true).length;
  const claims = runnerOf(before)?.running ?? [];
  for (const row of removed) {
    ended(commit, row.id, 'purged');
    const claim = claims.find(({ seq, id }) => seq === row.seq && id === row.id);
    const facts = claim === undefined ? undefined : world.leading?.claims.get(claim.claim);
    if (facts === undefined) continue;
    facts.cancelledAt ??= world.time.now();
    world.report.met('owners', 'purged while it ran');
  }
  const lanes = lanesOf(removed);
  const ids = new Set(removed.map(({ id }) => id));
  const heads = headsOf(after);
  for (const change of changed) {
    const lane = laneMarkOf(change.from);
    const isHead = lane !== undefined && lanes.has(lane) && heads.get(lane) === change.to;
    // It may wait for a task that took the place of its parent, in this commit too.
    const isFreed = isHead || isChildOf(change.to, ids);
    if (!isFreed || !isPayment(change, 0, underway.walls)) fail(`a purge also changed ${change.from.id}`);
  }
}
