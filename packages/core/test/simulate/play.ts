import { IDBFactory as FakeFactory } from 'fake-indexeddb';
import { createLocalLocks } from '../../src/ports/local-locks.js';
import { run } from '../../src/runner/run.js';
import { createStores } from '../../src/store/setup.js';
import type { Chance } from './chance.js';
import { nothing, readContents, runnerOf } from './contents.js';
import { handlersOf } from './handlers.js';
import { noteContents } from './idling.js';
import { judgeContents } from './invariants.js';
import type { Difference } from './difference.js';
import { judgeCommit } from './judge.js';
import { judgeIdleCommand } from './judge-command.js';
import { modelSays, momentOf } from './judge-model.js';
import type { Bus, Life, Shared } from './life.js';
import { createLife } from './life.js';
import type { Loop } from './loop.js';
import type { Kind } from './registries.js';
import { createModel } from './model/model.js';
import { database, gateBase, notes, registryOf } from './registries.js';
import type { Report } from './report.js';
import { createTime } from './time.js';
import type { Workers } from './attending.js';
import { hasCommitted, hasPut, hasWritten, refuseCommit, watchTransactions } from './transactions.js';
import { createServer, noteSaid, noteSignedIn } from './values.js';
import type { Underway, WorkName, World } from './world.js';
import { workOf } from './world.js';

/** One run's world, with what the driver needs to move it. */
export interface Play {
  readonly world: World;
  readonly lives: Life[];
  /** The driver's own connection: the app's, which opens its database in this version. */
  app: IDBDatabase;
  readonly openApp: () => Promise<IDBDatabase>;
  /** The app's next version; gives back its number. */
  readonly raise: () => number;
  /** The database has been deleted: what was in it is lost. */
  readonly lose: () => void;
  /** The connection that each context last used. */
  readonly connections: Map<Life, IDBDatabase>;
  /** How likely a message is lost. */
  loss: number;
  /** How likely a page does not delete what it has replaced. */
  untidy: number;
  readonly page: (name: string, kind: Kind, build: number) => Life;
  readonly host: (name: string, kind: Kind, build: number, slots: number) => Life;
  /** The workers of pages that attend one; not there in a run without any. */
  workers: Workers | undefined;
  readonly stop: (life: Life) => void;
  readonly steal: (late: boolean) => void;
  /** Begins a transaction of the driver's own. */
  readonly begin: (work: 'addTx' | 'hand' | 'complete', life: Life | undefined) => IDBTransaction;
  readonly quiet: () => Promise<void>;
  readonly round: () => Promise<void>;
  /** Goes on in time; everything that is due meanwhile rings in its turn. */
  readonly advance: (by: number) => Promise<void>;
  readonly close: () => void;
}

/** So many transactions find room where the reserve was. */
const reserveHolds = 4;

/** A date like any other. */
const start = Date.UTC(2026, 2, 3, 4, 5, 6);

/** Makes a world with a fresh database. */
export async function createPlay(
  chance: Chance,
  loop: Loop,
  report: Report,
  say: (line: string) => void,
  owned: boolean,
  counts: (what: string) => boolean,
): Promise<Play> {
  globalThis.indexedDB = new FakeFactory();
  const time = createTime(start, () => {
    for (const { walls } of world.underway.values()) {
      walls[0] = Math.min(walls[0], time.wall());
      walls[1] = Math.max(walls[1], time.wall());
    }
  });
  const registry = registryOf('page', owned);
  const app = { version: 1 };
  const openApp = (): Promise<IDBDatabase> => openedApp(registry, app.version);
  const locks = createLocalLocks();
  const lives: Life[] = [];
  const byStores = new WeakMap<object, Life>();
  const stops = new Map<Life, AbortController>();
  let failure: string | undefined;

  const world: World = {
    time,
    chance,
    report,
    say,
    fail(what) {
      const said = what.slice(what.indexOf(modelSays) < 0 ? 0 : what.indexOf(modelSays));
      if (!counts(said)) return;
      failure ??= what;
      say(`violation: ${what}`);
    },
    failed: () => failure !== undefined,
    failure: () => failure,
    contents: nothing,
    told: new Map(),
    byId: new Map(),
    terms: new Map(),
    leading: undefined,
    attempts: new Set(),
    commands: new Map(),
    waiting: new Set(),
    owned,
    wasFree: false,
    here: new Map(),
    signing: new Map(),
    server: createServer(),
    model: createModel({ base: gateBase }),
    gives: 0,
    unanswered: new Set(),
    barred: new Set(),
    signedAt: Number.NEGATIVE_INFINITY,
    idling: new Set(),
    lastAdded: new Map(),
    orphans: new Map(),
    losses: 0,
    isLed: () => lives.some((one) => one.holds && !one.dead),
    deleting: false,
    raising: false,
    saidLost: false,
    mustSayLost: false,
    underway: new Map(),
    rowed: new Set(),
    stopping: new Set(),
    stopped: new Set(),
    granted: new Set(),
    slots: new Map(),
    foreign: new Set(),
    unannounced: new Map(),
    woken: false,
    calm: false,
    commits: 0,
    room: Number.POSITIVE_INFINITY,
    wasFull: false,
    loses: () => play.loss > 0,
    atRest: nothing,
    seenAt: 0,
    faultAt: Number.NEGATIVE_INFINITY,
    sleptUntil: Number.NEGATIVE_INFINITY,
    unheardAt: Number.NEGATIVE_INFINITY,
  };

  if (owned) world.model.declared();

  watchTransactions({
    reads(stores) {
      const life = byStores.get(stores as object);
      if (life === undefined || life.blind === 0) return;
      life.blind -= 1;
      life.faults += 1;
      throw new DOMException('The connection was lost.', 'UnknownError');
    },

    begun({ transaction, stores, db }) {
      const life = byStores.get(stores as object);
      if (life !== undefined) play.connections.set(life, db);
      const facts: Underway = {
        life,
        work: 'unnamed',
        command: undefined,
        begunAt: time.now(),
        aheadAtBegin: time.ahead(),
        serverAtBegin: world.server.now,
        walls: [time.wall(), time.wall()],
        stoppingAtBegin: life !== undefined && world.stopping.has(life),
        stoppedAtBegin: life !== undefined && world.stopped.has(life),
      };
      if (life !== undefined && facts.stoppedAtBegin && !isAsked(world, life)) {
        world.fail(`${life.name} has stopped, and begins a transaction`);
      }
      // What is dead begins nothing; its code was on its way when it died.
      if (life?.dead === true) transaction.abort();
      world.underway.set(transaction, facts);
      life?.open.add(transaction);
    },

    completed: ({ transaction }) => completed(transaction),

    aborted({ transaction }) {
      const facts = world.underway.get(transaction);
      world.underway.delete(transaction);
      facts?.life?.open.delete(transaction);
      report.met('commits', `${facts?.work ?? 'unnamed'} aborted`);
    },
  });

  function completed(transaction: IDBTransaction): void {
    const facts = world.underway.get(transaction);
    world.underway.delete(transaction);
    facts?.life?.open.delete(transaction);
    if (facts !== undefined && failure === undefined) committed(play, facts, registry.stores, transaction);
  }

  const shared: Shared = {
    time,
    loop,
    locks,
    chance: chance.fork(),
    untidy: () => play.untidy,
    owned: () => world.owned,
    bus: createBus(() => play),
    open: openApp,
    broke: (life, what) => world.fail(`${life.name} ${what}`),

    steals(life) {
      const holder = lives.find((one) => one.holds && !one.dead);
      const answers = holder?.frozen === false && time.now() - holder.awakeSince > 5_000;
      if (answers && mayNotLose()) world.fail(`${life.name} takes the lock from ${holder.name}, which answers`);
      world.faultAt = time.now();
      report.met('other', `took the lock from one that ${answers ? 'was not heard' : 'stood still'}`);
      say(`  ${life.name} takes the lock from ${holder?.name ?? 'nobody'}`);
    },

    crashed(life, { point, how }) {
      say(`  ${life.name} ${how === 'refuse' || how === 'lie' ? 'is refused' : 'dies'} at ${point} (${how})`);
      const command = world.commands.get(life);
      if (how === 'lie' && point.startsWith('command') && command !== undefined) command.lied = true;
      if (world.slots.has(life)) world.faultAt = time.now();
      world.unheardAt = time.now();
      if (how === 'refuse' || how === 'lie')
        report.met('faults', `${how === 'lie' ? 'told wrongly' : 'refused'} ${point}`);
      else report.met('kills', point.endsWith(':requests') ? `${point} (${how})` : point);
    },

    reached(life, point, transaction) {
      if (life.granted) for (const signing of [...world.signing.values()].flat()) signing.led = true;
      if (point === 'takeover:before' && life.granted) world.granted.add(life);
      else if (point === 'takeover:before') world.granted.delete(life);
      const facts = transaction === undefined ? undefined : world.underway.get(transaction);
      if (facts === undefined || transaction === undefined) return;
      facts.work = workOf(point);
      if (hasPut(transaction)) {
        if (world.room === 0) findNoRoom(life, transaction);
        else world.room -= 1;
      } else if (facts.work === 'reserve' && world.contents.state.has('reserve')) world.room += reserveHolds;
      if (facts.stoppedAtBegin && worksOfRunners.has(facts.work)) {
        world.fail(`${life.name} has stopped, and its runner begins a ${facts.work}`);
      }
      if (facts.work === 'command') facts.command = world.commands.get(life);
    },
  };

  /** Whether no message was ever lost in this run. */
  function mayNotLose(): boolean {
    return play.loss === 0 && !world.calm;
  }

  function findNoRoom(life: Life, transaction: IDBTransaction): void {
    refuseCommit(transaction);
    life.faults += 1;
    world.faultAt = time.now();
    world.unheardAt = time.now();
    report.met('faults', `no room for ${world.underway.get(transaction)?.work ?? 'unnamed'}`);
  }

  /** The lists of stores that a life begins its transactions with are parts of its registry's, and its own. */
  function own(life: Life): void {
    const { stores } = life.registry;
    const filter = (...by: Parameters<typeof stores.filter>): string[] => {
      const part = Array.prototype.filter.apply(stores, by) as string[];
      byStores.set(part, life);

      return part;
    };
    Object.defineProperty(stores, 'filter', { value: filter });
  }

  function born(name: string, kind: Kind, build: number): Life {
    const life = createLife(name, kind, build, shared);
    own(life);
    lives.push(life);
    life.basket.on('lost', () => {
      world.saidLost = true;
      if (world.losses === 0) world.fail(`${name} hears that the database is lost`);
    });

    return life;
  }

  const play: Play = {
    world,
    lives,
    app: await openApp(),
    openApp,

    connections: new Map(),
    workers: undefined,
    loss: 0,
    untidy: 0,
    page: born,

    host(name, kind, build, slots) {
      const life = born(name, kind, build);
      const stop = new AbortController();
      stops.set(life, stop);
      world.slots.set(life, slots);
      const onAudit = (found: number): void => {
        report.met('audit', 'slices');
        if (found > 0) world.fail(`the audit of ${life.name} found ${found}`);
      };
      run(life.context, handlersOf(world, life), { signal: stop.signal, concurrency: slots, onAudit }).then(
        () => {
          if (life.dead) return;
          world.stopped.add(life);
          if (!world.stopping.has(life)) world.fail(`${life.name} has stopped by itself`);
          world.say(`  ${life.name} has stopped`);
        },
        (error: unknown) => {
          if (!life.dead) world.fail(`${life.name} gave up: ${String(error)}`);
        },
      );

      return life;
    },

    stop(life) {
      world.stopping.add(life);
      stops.get(life)?.abort();
    },

    steal(late) {
      const holder = lives.find((life) => life.holds && !life.dead);
      if (holder === undefined) return;
      holder.deaf = late;
      const { runnerLock } = holder.context.names;
      void locks.request(runnerLock, { steal: true }, () => Promise.resolve());
    },

    raise() {
      app.version += 1;

      return app.version;
    },

    lose() {
      // What was committed in it last is not told yet.
      for (const transaction of Array.from(world.underway.keys())) {
        if (hasCommitted(transaction)) completed(transaction);
      }
      world.losses += 1;
      world.saidLost = false;
      world.contents = nothing;
      world.model.lost();
      for (const told of world.byId.values()) {
        if (told.state !== 'stored') continue;
        told.state = 'ended';
        told.end = 'lost';
        told.lostOnce = true;
        told.era = world.losses - 1;
        if (told.deadUntil === Number.POSITIVE_INFINITY) told.deadUntil = world.commits;
      }
      for (const claim of world.leading?.claims.values() ?? []) world.leading?.lost.add(claim);
      world.leading?.claims.clear();
      world.leading = undefined;
      world.foreign.clear();
      world.orphans.clear();
      world.lastAdded.clear();
      world.faultAt = time.now();
      world.unheardAt = time.now();
    },

    begin(work, life) {
      const transaction = play.app.transaction([...registry.stores, notes], 'readwrite');
      const facts = world.underway.get(transaction);
      world.underway.set(transaction, {
        life,
        work,
        command: undefined,
        begunAt: facts?.begunAt ?? time.now(),
        aheadAtBegin: facts?.aheadAtBegin ?? time.ahead(),
        serverAtBegin: facts?.serverAtBegin ?? world.server.now,
        walls: [time.wall(), time.wall()],
        stoppingAtBegin: false,
        stoppedAtBegin: false,
      });
      life?.open.add(transaction);

      return transaction;
    },

    async quiet() {
      for (let rung = 0; !world.failed(); rung += 1) {
        if (!(await loop.quiet()) || rung > 5_000) world.fail('it does not come to rest');
        if (time.next() > time.now()) break;
        // What is due at once.
        time.goTo(time.now());
      }
      world.atRest = world.contents;
      // What was committed before must have been said by now, except by those that are frozen.
      for (const life of world.unannounced.keys()) if (!life.frozen) world.unannounced.delete(life);
    },

    async round() {
      await loop.round();
    },

    async advance(by) {
      const until = time.now() + by;
      let rung = 0;
      const goTo = (when: number): void => {
        if (when - time.now() > 60_000) world.sleptUntil = when;
        time.goTo(when);
      };
      while (time.next() <= until && !world.failed()) {
        goTo(time.next());
        await play.quiet();
        rung += 1;
        if (rung > 20_000) world.fail(`${rung} alarms within ${by} ms`);
      }
      goTo(until);
    },

    close() {
      for (const life of lives) life.kill();
      watchTransactions(undefined);
      play.app.close();
    },
  };
  const transaction = play.app.transaction(registry.stores, 'readonly');
  await new Promise<void>((resolve) => {
    transaction.oncomplete = () => resolve();
  });

  return play;
}

/** Judges a commit, and what is stored since. */
function committed(play: Play, facts: Underway, stores: readonly string[], transaction: IDBTransaction): void {
  const { world } = play;
  const before = world.contents;
  const after = hasWritten(transaction) ? readContents(before, transaction, stores, notes) : before;
  world.contents = after;
  noteContents(world, after);
  world.commits += 1;
  const { life, work } = facts;
  // Its word comes after its channel is closed.
  if (life?.suspended === true) world.unheardAt = world.time.now();
  if (life !== undefined) world.unannounced.set(life, (world.unannounced.get(life) ?? 0) + 1);

  try {
    const difference = judgeCommit(world, facts, before, after);
    if (!difference.any) {
      world.report.met('commits', `${work} without a change`);
      const fail = (what: string): void => world.fail(what);
      if (work === 'command') judgeIdleCommand({ world, underway: facts, before, after, difference, fail });

      return;
    }
    world.report.met('commits', work);
    if (before.state.get('runner') !== after.state.get('runner')) world.seenAt = world.time.now();
    judgeContents(world, after, [...difference.added, ...difference.changed.map(({ to }) => to)]);
    noteDead(world, difference);
    const claims = runnerOf(after)?.running.map(({ claim, seq }) => `${claim}:${seq}`);
    const rows = [
      ...difference.added.map((row) => `+${row.seq} ${row.ready}`),
      ...difference.changed.map(({ to }) => `${to.seq} ${to.ready}`),
      ...difference.removed.map((row) => `-${row.seq}`),
    ];
    world.say(
      `  ${work} of ${life?.name ?? 'nobody'}: ${rows.join(', ')} ${difference.state.join(' ')} [${claims?.join(' ') ?? ''}]`,
    );
  } catch (error) {
    world.fail(`a judge threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

/** Notes from when to when each task is dead. */
function noteDead(world: World, { changed, removed }: Difference): void {
  for (const { from, to } of changed) {
    const told = world.byId.get(to.id);
    if (told === undefined) continue;
    if (to.dead !== undefined) told.deadUntil = Number.POSITIVE_INFINITY;
    else if (from.dead !== undefined) told.deadUntil = world.commits;
  }
  for (const { id, dead } of removed) {
    const told = world.byId.get(id);
    if (told !== undefined && dead !== undefined) told.deadUntil = world.commits;
  }
}

/** What the simulation reads of a message. */
interface Said {
  readonly kind: string;
  readonly build?: number;
  readonly hints?: readonly { readonly state?: string }[];
  readonly step?: string;
  readonly owner?: string;
  readonly question?: string;
  readonly values?: unknown;
}

/** Messages go to every other context, unless they are lost. */
function createBus(play: () => Play): Bus {
  const listeners = new Map<(message: unknown) => void, Life>();

  return {
    join(life, listener) {
      listeners.set(listener, life);

      return () => listeners.delete(listener);
    },

    post(life, message) {
      const { world, loss } = play();
      const { kind, build = 0, hints, step, owner = '', question, values } = message as Said;
      if (step !== undefined) {
        world.say(`  ${life.name} ${step} values of ${owner} ${JSON.stringify(values ?? '')}`);
        noteSaid(world, life, { step, owner, question, values });
      }
      if (kind === 'wake') play().world.model.woken(momentOf(play().world));
      // A page whose own worker did not start has its watches read again.
      const own = kind === 'changed' && life.attendance !== undefined;
      // A runner tells that there are no values: nothing is stored of that.
      const lacks = hints?.every(({ state }) => state === 'signed-out') ?? false;
      const said =
        own ||
        lacks ||
        (kind === 'lost' ? world.losses > 0 : world.deleting || life.leaving || (world.raising && kind === 'look'));
      if (!['hello', 'alive', 'wake', 'closed', 'values', 'progress'].includes(kind) && !said) {
        if ((world.unannounced.get(life) ?? 0) === 0)
          world.fail(`${life.name} says "${kind}", and has committed nothing`);
      }
      const hear = (listener: (message: unknown) => void, other: Life): void => {
        if (kind === 'hello' && world.leading?.life === other) world.leading.handsOver ||= build > other.build;
        if (step === 'new') noteSignedIn(world, owner);
        listener(structuredClone(message));
      };
      for (const [listener, other] of listeners) {
        if (other === life) continue;
        if (world.chance.is(loss)) world.report.met('faults', `lost "${kind}"`);
        else globalThis.setImmediate(() => hear(listener, other));
      }
    },
  };
}

/** What only a runner does. A runner that has stopped does none of it, though its context may go on with what the app asked. */
const worksOfRunners: ReadonlySet<WorkName> = new Set<WorkName>(['turn', 'save', 'audit', 'takeover']);

/** Whether the app has asked something of this context that is not answered yet. */
function isAsked({ told, commands, waiting, signing }: World, life: Life): boolean {
  return (
    commands.has(life) ||
    signing.has(life) ||
    [...waiting].some((one) => one.life === life) ||
    // After an add of a task with a key, its page deletes what it replaces.
    [...told.values()].some(({ by, pending, key }) => (pending || key !== undefined) && by === life)
  );
}

function openedApp(registry: ReturnType<typeof registryOf>, version: number): Promise<IDBDatabase> {
  const request = indexedDB.open(database, version);
  request.onupgradeneeded = () => {
    const { transaction, result } = request;
    if (transaction !== null) createStores(transaction, registry);
    if (!result.objectStoreNames.contains(notes)) result.createObjectStore(notes, { autoIncrement: true });
  };

  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The database was not opened.'));
  });
}
