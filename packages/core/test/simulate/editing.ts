import { TaskbasketError } from '../../src/pure/errors.js';
import type { Driver } from './commands.js';
import { pageOf } from './commands.js';
import { runnerOf } from './contents.js';
import { targetsOf } from './judge-command.js';
import type { Told } from './journal.js';
import type { Life } from './life.js';
import type { Work } from './registries.js';
import { listedBy, seenBy, signIn } from './owners.js';
import { gateNames, laneNames, ruleOf, typesOf } from './registries.js';
import type { CommandFacts, Which } from './world.js';

/** Cancels or retries one task, or all that fit a query. */
export function edit(driver: Driver, what: 'cancel' | 'retry'): string | undefined {
  const { world } = driver.play;
  const by = pageOf(driver);
  if (world.commands.has(by)) return undefined;
  if (world.chance.is(driver.flooded ? 0.4 : 0.15)) {
    const which = queryOf(driver);
    const children = takesChildren(driver, what);
    commit(driver, { by, what, which, children }, () =>
      children ? by.basket.cancel(which, { children }) : by.basket[what](which),
    );

    return `all of ${JSON.stringify(which)} in ${by.name}${children ? ' with children' : ''}`;
  }

  const told = taskFor(driver, what);
  if (told?.id === undefined) return undefined;
  const { id } = told;
  const children = takesChildren(driver, what);
  commit(driver, { by, what, which: id, children }, () =>
    children ? by.basket.cancel(id, { children }) : by.basket[what](id),
  );

  return `#${told.n} in ${by.name}${children ? ' with children' : ''}`;
}

function takesChildren({ play: { world }, mix }: Driver, what: 'cancel' | 'retry'): boolean {
  return what === 'cancel' && mix.parents > 0 && world.chance.is(0.4);
}

/** Gives one task another payload. */
export function update(driver: Driver): string | undefined {
  const { world } = driver.play;
  const { chance } = world;
  const by = pageOf(driver);
  const told = taskFor(driver, 'update');
  if (world.commands.has(by) || told?.id === undefined || ruleOf(by.kind, told.type) === undefined) return undefined;

  driver.rev += 1;
  const { gate, ...rest } = told.work;
  const other = gate !== undefined && chance.is(0.3) ? chance.pick(gateNames) : gate;
  const length = chance.is(driver.mix.heavy) ? 140_000 : chance.pick([0, 0, 0, 20_000]);
  const work: Work = {
    ...rest,
    ...(other === undefined ? {} : { gate: other }),
    rev: driver.rev,
    fill: length === 0 ? undefined : 'u'.repeat(length),
  };
  const { id } = told;
  commit(driver, { by, what: 'update', which: id, work }, async () => ((await by.basket.update(id, work)) ? 1 : 0));

  return `#${told.n} as ${driver.rev} in ${by.name}`;
}

function queryOf({ play: { world }, mix, flooded }: Driver): Which {
  const { chance } = world;
  if (flooded && chance.is(0.4)) return {};
  const types = typesOf('page');

  return {
    ...(chance.is(0.5) ? { lane: laneNames[chance.below(mix.lanes)] } : {}),
    ...(chance.is(0.5) ? { state: chance.pick(['queued', 'dead'] as const) } : {}),
    ...(mix.parents > 0 && world.byId.size > 0 && chance.is(0.2)
      ? { parent: chance.pick([...world.byId.keys()].slice(-20)) }
      : {}),
    ...(chance.is(0.7) ? { type: chance.is(0.7) ? chance.pick(types) : [chance.pick(types), chance.pick(types)] } : {}),
  };
}

/** A task for a command: often one for which it is meant. */
function taskFor({ play: { world } }: Driver, what: 'cancel' | 'retry' | 'update'): Told | undefined {
  const { chance, contents } = world;
  const stored = [...world.told.values()].filter(
    (told) => told.id !== undefined && (told.state === 'stored' || chance.is(0.03)),
  );
  const rowOf = ({ seq = 0, state }: Told) => (state === 'stored' ? contents.tasks.get(seq) : undefined);
  const running = new Set((runnerOf(contents)?.running ?? []).map((claim) => claim.id));
  const dead = stored.filter((told) => rowOf(told)?.dead !== undefined);
  const preferred = {
    cancel: stored.filter((told) => running.has(told.id ?? '')),
    retry: dead,
    update: chance.is(0.5) && dead.length > 0 ? dead : stored.filter((told) => rowOf(told)?.attempts === 0),
  }[what];
  const from = preferred.length > 0 && chance.is(what === 'update' ? 0.8 : 0.4) ? preferred : stored;

  return from.length === 0 ? undefined : chance.pick(from);
}

type Asked = Pick<CommandFacts, 'what' | 'which' | 'work' | 'children'> & { readonly by: Life };

/** Carries a command out, and asks of what it says whether it is what was committed. */
export function commit(
  { play: { world } }: Driver,
  { by, what, which, work, children = false }: Asked,
  ask: () => Promise<number>,
): void {
  const last = Math.max(0, ...world.told.keys());
  const facts: CommandFacts = {
    life: by,
    what,
    which,
    here: world.here.get(by),
    isLater: (id) => {
      const told = world.byId.get(id);

      return told?.by === by && told.n > last;
    },
    isSeen: typeof which === 'string' ? seenBy(world, by) : listedBy(world, by),
    work,
    children,
    committed: undefined,
    several: false,
    lied: false,
  };
  const said = `${what} of ${JSON.stringify(which)} in ${by.name}`;
  const losses = world.losses;
  const { faults } = by;
  world.commands.set(by, facts);
  ask().then(
    (count) => {
      if (by.dead) return;
      world.commands.delete(by);
      const told = typeof which === 'string' ? world.byId.get(which) : undefined;
      // An update of what is not there begins no transaction.
      const isHidden = told !== undefined && !facts.isSeen(told);
      const idle = what === 'update' && count === 0 && (told?.state !== 'stored' || told.cancelled || isHidden);
      // Of a large retry nobody sees the tasks that it passed and left as they are.
      const unseen = facts.several && what === 'retry' && count > (facts.committed ?? 0);
      if (facts.committed !== count && !(idle && facts.committed === undefined) && !unseen)
        world.fail(`${said} says ${count}, and committed ${facts.committed ?? 'nothing'}`);
    },
    (error: unknown) => {
      if (by.dead) return;
      world.commands.delete(by);
      const told = typeof which === 'string' ? world.byId.get(which) : undefined;
      if (error instanceof TaskbasketError && error.code === 'started') {
        world.report.met('other', 'updates refused as started');
        if (told?.claims === 0) world.fail(`${said} was refused as started, and it never was`);
      } else if (by.faults === faults && losses === world.losses && !world.raising && !isOfLater(error)) {
        // A command of several transactions also ends if the version is raised meanwhile.
        world.fail(`${said} rejected for nothing: ${String(error)}`);
      }
      if (typeof which === 'string' && (facts.committed ?? 0) > 0 && !facts.lied)
        world.fail(`${said} rejected, and has committed`);
    },
  );
}

/** Tries again, one by one, all that are dead, and corrects some. */
export async function decideDead(driver: Driver, page: Life): Promise<void> {
  const { world } = driver.play;
  for (const row of world.contents.tasks.values()) {
    if (row.dead === undefined || world.foreign.has(row.seq)) continue;
    const told = world.byId.get(row.id);
    const { id } = row;
    const what =
      told !== undefined && ruleOf(page.kind, row.type) !== undefined && world.chance.is(0.3) ? 'update' : 'retry';
    driver.rev += 1;
    const work = what === 'update' && told !== undefined ? { ...told.work, rev: driver.rev } : undefined;
    if (row.owner !== null) void signIn(world, page, row.owner);
    const facts: CommandFacts = {
      life: page,
      what,
      which: id,
      isSeen: seenBy(world, page),
      work,
      committed: undefined,
      several: false,
      lied: false,
    };
    if (targetsOf(facts, world.contents).length === 0) continue;
    world.commands.set(page, facts);
    page.blind = 0;
    const found = await (what === 'update' ? page.basket.update(id, work) : page.basket.retry(id));
    world.commands.delete(page);
    if (Number(found) !== 1) world.fail(`${id} is dead, and cannot be ${what === 'update' ? 'corrected' : 'retried'}`);
  }
}

/** A row under a letter of a later version is not updated, and the error says so. */
function isOfLater(error: unknown): boolean {
  return error instanceof TaskbasketError && error.code === 'unknown-type' && error.message.includes('later version');
}
