import { TaskbasketError } from '../../src/pure/errors.js';
import type { PreparedTask } from '../../src/basket/adding/add.js';
import type { Driver } from './commands.js';
import { pageOf } from './commands.js';
import type { Size, Told, Via } from './journal.js';
import type { Life } from './life.js';
import type { Work } from './registries.js';
import { gateNames, keyNames, laneNames, notes, ruleOf, typeNames, typesOf } from './registries.js';
import { ownerFor } from './owners.js';
import { isConnected, isOpen } from './transactions.js';

/** What is prepared, and not stored yet. */
export interface PreparedFacts {
  readonly by: Life;
  readonly told: Told;
  readonly task: PreparedTask;
  /** What the wall clock showed when it was asked for, and when it was there. */
  readonly walls: readonly [least: number, most: number];
  /** How many databases had been lost when it was asked for: a heavy payload is lost with its database. */
  readonly era: number;
  /** The connection on which a heavy payload was stored. */
  readonly db: IDBDatabase | undefined;
}

/** A heavy payload that was prepared is kept for so long, in milliseconds. */
const preparedFor = 12 * 60 * 60_000;

/** A payload that lies apart, and one that goes ahead of its row: the second is over 256 KiB as it is counted. */
const fills: Readonly<Record<Size, string | undefined>> = {
  small: undefined,
  apart: 'x'.repeat(20_000),
  heavy: 'z'.repeat(140_000),
};

interface Wish {
  readonly via: Via;
  /** An asynchronous codec cannot be used. */
  readonly now?: boolean;
  readonly type?: string | undefined;
  readonly lane?: string | undefined;
  readonly key?: string | undefined;
  readonly list?: Told[];
  /** The ids of those that were added earlier in the same transaction. */
  readonly beside?: readonly string[];
}

interface Asked {
  readonly told: Told;
  readonly work: Work;
  readonly options: Record<string, unknown>;
}

/** Writes into the journal what is about to be asked for. */
function ask(driver: Driver, by: Life, wish: Wish): Asked {
  const { via, now = false, type: like, lane: inLane, key: ofKey, list = [], beside = [] } = wish;
  const { world } = driver.play;
  const { chance } = world;
  const known = typesOf(by.kind).filter(
    (name) => !(now && name === typeNames.coded && by.kind !== 'old') && ownerFor(world, by, name) !== undefined,
  );
  const type =
    like !== undefined && known.includes(like)
      ? like
      : chance.pick(known.flatMap((name) => (name === typeNames.ghost ? [name] : [name, name, name])));
  const rule = ruleOf(by.kind, type);
  if (rule === undefined) throw new Error(`No rule for ${type}.`);

  driver.next += 1;
  const lane = rule.lane && chance.is(0.85) ? laneNames[chance.below(driver.mix.lanes)] : undefined;
  const gate = rule.gate === undefined && chance.is(0.5) ? chance.pick(gateNames) : undefined;
  const key = rule.key && chance.is(driver.mix.keys) ? chance.pick(keyNames) : undefined;
  const size = chance.is(driver.mix.heavy)
    ? via === 'addTx'
      ? 'apart' // A heavy one is refused.
      : 'heavy'
    : chance.is(type === typeNames.photo ? 0.7 : 0.05)
      ? 'apart'
      : 'small';
  const fill = fills[size];
  const work: Work = {
    n: driver.next,
    rev: 0,
    ...(lane === undefined ? {} : { lane }),
    ...(gate === undefined ? {} : { gate }),
    ...(key === undefined ? {} : { key }),
    ...(fill === undefined ? {} : { fill }),
  };
  const otherLane = inLane ?? (chance.is(0.05) ? laneNames[chance.below(driver.mix.lanes)] : undefined);
  const otherGate = chance.is(0.05) ? chance.pick(gateNames) : undefined;
  const otherKey = ofKey ?? (chance.is(driver.mix.keys / 10) ? chance.pick(keyNames) : undefined);
  const runAt = chance.is(0.12)
    ? world.time.wall() + chance.pick([-5_000, 500, 20_000, 200_000, 3_000_000])
    : undefined;
  const expiresAt = chance.is(driver.mix.expiry)
    ? world.time.wall() + chance.pick([-5_000, 1_000, 20_000, 20_000, 200_000, 200_000, 3_000_000])
    : undefined;
  const onExpired = chance.is(0.1) ? chance.pick(['block', 'skip'] as const) : undefined;
  const after = parentsFor(driver, beside);
  const onParent = chance.is(0.3) ? chance.pick(['dead', 'run', 'run'] as const) : undefined;
  const priority = chance.is(0.1) ? chance.pick(['high', 'normal', 'low'] as const) : undefined;
  const timeout = chance.is(0.05) ? chance.pick([1_000, 40_000]) : undefined;
  const onDead = chance.is(0.1) ? chance.pick(['block', 'skip'] as const) : undefined;
  const told: Told = {
    n: driver.next,
    type,
    kind: by.kind,
    by,
    work,
    via,
    owner: ownerFor(world, by, type) ?? null,
    list,
    givenGate: otherGate !== undefined,
    version: rule.version,
    gate: otherGate ?? rule.gate ?? gate ?? type,
    lane: otherLane ?? lane,
    key: otherKey ?? key,
    merges: (otherKey ?? key) !== undefined && rule.merges,
    with: [],
    replacedBy: undefined,
    after,
    onParent: onParent === 'run' ? onParent : undefined,
    priority: priority ?? rule.priority,
    runAt,
    expiresAt,
    onExpired,
    timeout,
    onDead,
    size,
    rev: 0,
    edition: 0,
    state: 'asked',
    end: undefined,
    era: 0,
    pending: true,
    lostOnce: false,
    result: undefined,
    id: undefined,
    seq: undefined,
    cancelled: false,
    starts: 0,
    startsUnderKey: 0,
    claims: 0,
    deadUntil: -1,
  };
  list.push(told);
  world.told.set(told.n, told);
  const options = {
    lane: otherLane,
    gate: otherGate,
    key: otherKey,
    runAt: runAt === undefined || chance.is(0.5) ? runAt : new Date(runAt),
    expiresAt: expiresAt === undefined || chance.is(0.5) ? expiresAt : new Date(expiresAt),
    onExpired,
    after: after.length === 1 && chance.is(0.5) ? after[0] : after,
    onParent,
    priority,
    timeout,
    onDead,
    durability: chance.is(0.1) ? chance.pick(['strict', 'relaxed'] as const) : undefined,
  };

  return { told, work, options };
}

/** The ids of the parents of a new task: often of one that is still to end. */
function parentsFor({ play: { world }, mix, prepared }: Driver, beside: readonly string[]): readonly string[] {
  const { chance } = world;
  if (!chance.is(mix.parents)) return [];
  const known = [...world.byId.values()].filter(({ state }) => state === 'stored' || state === 'ended').slice(-30);
  const queued = known.filter(({ state }) => state === 'stored').slice(-8);
  const dead = queued.filter(({ deadUntil }) => deadUntil === Number.POSITIVE_INFINITY);
  const idsOf = (told: readonly Told[]): readonly string[] => told.flatMap(({ id }) => id ?? []);
  const sources = (
    [
      [6, idsOf(queued)],
      [1, idsOf(dead)],
      [2, idsOf(known)],
      [4, beside],
      [0.5, prepared.map(({ task }) => task.id)],
      [0.3, ['no|body%']],
    ] as const
  ).filter(([, ids]) => ids.length > 0);

  return Array.from({ length: chance.pick([1, 1, 1, 2, 3]) }, () =>
    chance.pick(chance.weighted(sources) ?? ['nobody']),
  );
}

/** One task, or several that one run of the app's code adds without awaiting any. */
export function add(driver: Driver): string {
  const { world } = driver.play;
  const { chance } = world;
  const by = pageOf(driver);
  const count = chance.pick([1, 1, 1, 2, 3, 6]);
  const lane = count > 1 && chance.is(0.6) ? laneNames[chance.below(driver.mix.lanes)] : undefined;
  // Several changes of one record.
  const changes = lane !== undefined && driver.next % 2 === 0 ? { type: typeNames.note, key: keyNames[0] } : {};
  const all: Told[] = [];
  for (let n = 0; n < count; n += 1) {
    const asked = ask(driver, by, { via: 'add', lane, ...changes });
    all.push(asked.told);
    addOne(driver, by, asked);
  }
  if (count > 1) world.report.met('other', 'adds without awaiting');

  return `${all.map(said).join(', ')} in ${by.name}`;
}

function said({ n, type, lane, gate, key, after, size }: Told): string {
  return `#${n} ${type} lane ${lane ?? 'none'} gate ${gate}${key === undefined ? '' : ` key ${key}`}${after.length === 0 ? '' : ` after ${after.join(' ')}`}${size === 'small' ? '' : ` ${size}`}`;
}

function addOne(driver: Driver, by: Life, { told, work, options }: Asked): void {
  const { world } = driver.play;
  const { faults } = by;
  by.basket.add(told.type, work, options).then(
    (id) => {
      told.pending = false;
      if (by.dead) return;
      if (told.id !== id || told.state === 'asked') world.fail(`add of #${told.n} resolved, and it is not stored`);
    },
    (error: unknown) => {
      if (!by.dead) rejected(driver, told, told, faults, error);
    },
  );
}

/** An add may reject only if something went wrong, and then there is no task, unless it says that it does not know. */
function rejected({ play: { world } }: Driver, told: Told, named: Told, faults: number, error: unknown): void {
  const { by } = told;
  told.pending = false;
  const unknown = error instanceof TaskbasketError && error.code === 'unknown-outcome';
  world.report.met('other', unknown ? 'adds of unknown outcome' : 'adds rejected');
  if (by.faults === faults) world.fail(`add of #${told.n} rejected for nothing: ${String(error)}`);
  if (unknown) {
    if (named.id !== undefined && error.id !== named.id)
      world.fail(`an unknown outcome of #${told.n} names ${error.id}`);
  } else if (told.state !== 'asked' && told.end !== 'lost') {
    world.fail(`add of #${told.n} rejected, and it is ${told.state}`);
  }
  if (told.state === 'asked') told.state = 'refused';
}

/** A list of tasks: all of them, or none. */
export function addMany(driver: Driver): string {
  const { world } = driver.play;
  const { chance } = world;
  const by = pageOf(driver);
  const flood = driver.mix.flood && !driver.flooded && chance.is(0.4);
  driver.flooded ||= flood;
  const count = flood ? chance.between(280, 620) : chance.between(0, 5);
  const type = flood ? chance.pick([typeNames.plain, typeNames.urgent, typeNames.photo, typeNames.note]) : undefined;
  const lane = flood && chance.is(0.3) ? laneNames[chance.below(driver.mix.lanes)] : undefined;
  const list: Told[] = [];
  const asked = Array.from({ length: count }, () => ask(driver, by, { via: 'addMany', type, lane, list }));
  const { faults } = by;
  if (flood) world.report.met('other', 'floods');
  const tasks = asked.map(({ told, work, options }) => [told.type, work, options] as const);
  (by.basket.addMany as (tasks: unknown) => Promise<readonly string[]>)(tasks).then(
    (ids) => {
      for (const told of list) told.pending = false;
      if (by.dead) return;
      if (ids.length !== count || list.some(({ id }, place) => id !== ids[place]))
        world.fail(`addMany of ${list.map(({ n }) => `#${n}`).join(', ')} resolved with other ids than are stored`);
    },
    (error: unknown) => {
      if (!by.dead) for (const told of list) rejected(driver, told, list[0] ?? told, faults, error);
    },
  );

  return `${flood ? `a flood of ${count}` : list.map(said).join(', ')} in ${by.name}`;
}

/** Prepares a task, for a later transaction of the app's. */
export function prepare(driver: Driver): string {
  const { world } = driver.play;
  const by = pageOf(driver);
  const { told, work, options } = ask(driver, by, { via: 'prepare' });
  const { faults } = by;
  const { losses: era } = world;
  const asked = world.time.wall();
  by.basket.prepare(told.type, work, options).then(
    (task) => {
      told.pending = false;
      const now = world.time.wall();
      const walls = [Math.min(asked, now), Math.max(asked, now)] as const;
      const db = driver.play.connections.get(by);
      if (!by.dead) driver.prepared.push({ by, told, task, walls, era, db });
    },
    (error: unknown) => {
      told.pending = false;
      if (by.dead) return;
      if (told.size !== 'heavy' || (by.faults === faults && world.losses === era))
        world.fail(`prepare of #${told.n} rejected: ${String(error)}`);
      told.state = 'refused';
      world.report.met('other', 'prepares rejected');
    },
  );

  return `${said(told)} in ${by.name}`;
}

/** Tasks in the app's own transaction, which also writes the app's data. */
export function addTx(driver: Driver): string {
  const { play } = driver;
  const { world } = play;
  const { chance } = world;
  const by = pageOf(driver);
  const transaction = play.begin('addTx', by);
  const all: Told[] = [];
  const beside: string[] = [];
  const burst = chance.is(0.06);
  const count = burst ? chance.between(10, 40) : chance.between(1, 3);
  const type = burst ? chance.pick([typeNames.note, typeNames.photo, typeNames.plain]) : undefined;
  const lane = burst && chance.is(0.5) ? laneNames[chance.below(driver.mix.lanes)] : undefined;
  for (let n = 0; n < count; n += 1) {
    const { told, work, options } = ask(driver, by, { via: 'addTx', now: true, type, lane, beside });
    all.push(told);
    const id = by.basket.addTx(transaction, told.type, work, options);
    beside.push(id);
    transaction.objectStore(notes).add({ id });
  }
  const waiting = driver.prepared.filter((one) => one.by === by);
  const prepared = waiting.filter((one) => placePrepared(driver, transaction, one));

  transaction.addEventListener('complete', () => {
    if ([...all, ...prepared.map(({ told }) => told)].some((told) => told.id === undefined))
      world.fail('a transaction committed without its tasks');
    for (const told of all) told.pending = false;
  });
  transaction.addEventListener('abort', () => {
    for (const told of all) {
      if (told.state !== 'asked') world.fail(`#${told.n} is ${told.state}, and its transaction was aborted`);
      told.state = 'refused';
      told.pending = false;
    }
    // What was prepared may be tried again.
    driver.prepared.push(...prepared);
  });
  const how = chance.pick(['commit', 'commit', 'leave', 'abort']);
  if (how === 'commit') transaction.commit();
  else if (how === 'abort') transaction.abort();
  else if (chance.is(0.5))
    globalThis.setImmediate(() => (isOpen(transaction) && chance.is(0.3) ? transaction.abort() : undefined));
  const also = prepared.length === 0 ? '' : `, prepared ${prepared.map(({ told }) => said(told)).join(', ')}`;

  return `${all.map(said).join(', ')}${also} in ${by.name}, ${how}`;
}

/** What is prepared goes into one transaction, once; gives back whether it did. */
function placePrepared(driver: Driver, transaction: IDBTransaction, one: PreparedFacts): boolean {
  const { world } = driver.play;
  driver.prepared.splice(driver.prepared.indexOf(one), 1);
  const place = one.by.basket.addTx as (transaction: IDBTransaction, task: PreparedTask) => string;
  const [mayBeOld, mustBeOld] = one.walls.map((wall) => world.time.wall() - wall > preparedFor);
  const heavy = one.told.size === 'heavy';
  let id: string;
  try {
    id = place(transaction, one.task);
  } catch (error) {
    const why = error instanceof TaskbasketError ? error.message : '';
    const isClosed = one.db === undefined || !isConnected(one.db);
    const may =
      (mayBeOld && why.includes('more than 12 hours ago')) ||
      (isClosed && why.includes('was closed, and maybe deleted'));
    if (!heavy || !may) world.fail(`addTx of #${one.told.n} threw ${String(error)}`);
    one.told.state = 'refused';
    one.told.pending = false;
    world.report.met('other', mayBeOld ? 'prepared too long ago' : 'prepared before the database was closed');

    return false;
  }
  if (heavy && mustBeOld === true) world.fail(`#${one.told.n} was prepared too long ago, and is added`);
  if (heavy && one.era !== world.losses) world.fail(`the payload of #${one.told.n} is lost, and it is added`);
  if (id !== one.task.id) world.fail(`#${one.told.n} was prepared as ${one.task.id}, and is added as ${id}`);
  transaction.objectStore(notes).add({ id });
  world.report.met('other', 'prepared ones placed');
  if (!world.chance.is(0.2)) return true;
  try {
    place(transaction, one.task);
    world.fail(`#${one.told.n} was added twice`);
  } catch (error) {
    if (!(error instanceof TaskbasketError)) world.fail(`a second addTx of #${one.told.n} threw ${String(error)}`);
  }

  return true;
}
