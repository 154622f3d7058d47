import 'fake-indexeddb/auto';

import type { Basket } from '../../src/basket/basket.js';
import { createBasket } from '../../src/basket/basket.js';
import type { BasketContext } from '../../src/basket/context/context.js';
import { createContext } from '../../src/basket/context/context.js';
import { createLocalLocks } from '../../src/ports/local-locks.js';
import type { Channel, CrashPoint, Locks, Ports } from '../../src/ports/ports.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import type { AnyHandler } from '../../src/runner/term/leader.js';
import type { Handlers } from '../../src/runner/run-basket.js';
import { run } from '../../src/runner/run.js';
import { bytesOf, seeded } from './chance.js';
import { aTurnOfTheLoop, quiet } from './quiet.js';

/** One browser: its time, its locks, its channels, and the tabs in it. IndexedDB is the one of this process. */
export interface World {
  /** The wall clock, in milliseconds. */
  readonly wall: () => number;
  /** Time passes: alarms ring in order, and what they start ends, before time goes on. */
  readonly advance: (milliseconds: number) => Promise<void>;
  /** Waits until nothing is going on any more, without any time passing. */
  readonly settle: () => Promise<void>;
  /** Puts the wall clock forward or back; no time has passed. */
  readonly jump: (milliseconds: number) => void;
  /** Calls `ring` once, when so much time has passed. */
  readonly alarm: (wait: number, ring: () => void) => void;
  /** How many alarms are set. */
  readonly alarms: () => number;
  /** Opens a tab, or a worker: a context of its own. */
  readonly open: <R extends AnyRegistry>(registry: R, options?: TabOptions) => Tab<R>;
  /** Takes the runner's lock from whoever holds it, and lets go of it at once. */
  readonly steal: (tab: { readonly context: BasketContext }) => void;
  /** From now on no message reaches any other tab. Returns a function that ends this. */
  readonly loseMessages: () => () => void;
}

/** Options of a tab. */
export interface TabOptions {
  readonly build?: number;
  readonly seed?: number;
  /** Does not share the locks of the others: a second browser that somehow has the same database. */
  readonly ownLocks?: boolean;
}

/** A context of a basket in the world. */
export interface Tab<R extends AnyRegistry> {
  readonly basket: Basket<R>;
  readonly context: BasketContext;
  readonly run: (handlers: Handlers<R>, options?: RunnerOptions) => Runner;
  /** Ends it as the browser does: nothing of it runs any more, and its locks are free. */
  readonly kill: () => void;
  /** Stops all of its code, as an endless loop does. It keeps its locks, and goes on when it is thawed. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** Its context is told by the browser that it is online again. */
  readonly online: () => void;
  /** Calls back each time an instant is reached at which the browser may die. */
  readonly at: (point: CrashPoint, reached: (transaction?: IDBTransaction) => void) => void;
}

/** Options of a runner in a tab. */
export interface RunnerOptions {
  readonly concurrency?: number;
  /** Rows were made unfindable by hand: the audit may find some. Otherwise that is a mistake, and fails the test. */
  readonly lostByHand?: boolean;
}

/** A runner in a tab. */
export interface Runner {
  /** Asks it to stop. */
  readonly stop: () => void;
  /** Resolves when it has stopped. */
  readonly done: Promise<void>;
  readonly stopped: () => boolean;
  /** What each audit found. */
  readonly audits: readonly number[];
}

interface Alarm {
  readonly at: number;
  readonly ring: () => void;
}

const openTabs = new Set<Tab<AnyRegistry>>();
const foundByAudits: number[] = [];

/** Ends every tab of a test. Rejects if an audit found what should never be lost. `setup.ts` calls it after each test. */
export async function endWorlds(): Promise<void> {
  for (const tab of openTabs) tab.kill();
  openTabs.clear();
  await quiet();

  const found = foundByAudits.splice(0).reduce((sum, one) => sum + one, 0);
  if (found > 0) throw new Error(`An audit found ${found} lost tasks: without it they would never have run.`);
}

/** So many days on each of which the basket is opened for a minute: a wake-up each minute of a day would say nothing more. */
export async function daysOf(world: World, days: number, open: () => Runner): Promise<void> {
  for (let day = 0; day <= days; day += 1) {
    const runner = open();
    await world.advance(60_000);
    runner.stop();
    await world.settle();
    world.jump(86_400_000);
  }
}

/** A world that begins on 14 November 2023, with chance from a seed. */
export function createWorld(seed = 1): World {
  let wall = 1_700_000_000_000;
  let monotonic = 0;
  let lost = false;
  let opened = 0;
  const alarms = new Set<Alarm>();
  const channels = new Set<{ readonly name: string; readonly tell: (message: unknown) => void }>();
  const locks = createLocalLocks();

  function openTab<R extends AnyRegistry>(registry: R, options: TabOptions = {}): Tab<R> {
    opened += 1;
    const death = deathOf();
    const sleep = sleepOf();
    const reached = new Map<CrashPoint, (transaction?: IDBTransaction) => void>();
    const mine = new Set<Alarm>();
    const onlines = new Set<() => void>();

    const random = seeded(options.seed ?? seed * 1_000 + opened);
    const ports: Ports = {
      clock: {
        wall: () => wall,
        monotonic: () => monotonic,
        timer(wait, ring) {
          const alarm = { at: monotonic + Math.max(0, wait), ring: () => sleep.whenAwake(ring) };
          alarms.add(alarm);
          mine.add(alarm);

          return () => alarms.delete(alarm);
        },
        turnOfTheLoop: () =>
          death.unlessDead(() => new Promise((resolve) => setImmediate(() => sleep.whenAwake(resolve)))),
      },
      random,
      randomBytes: bytesOf(random),
      locks: locksOf(death, sleep, options.ownLocks === true ? createLocalLocks() : locks),
      channel: (name) => channelOf(name, sleep),
      online(back) {
        onlines.add(back);

        return () => onlines.delete(back);
      },
      reach: (point, transaction) =>
        death.unlessDead(() => {
          reached.get(point)?.(transaction);

          return death.unlessDead(() => new Promise(sleep.whenAwake));
        }),
    };

    const context = createContext(registry, ports, options.build ?? 0);
    const tab: Tab<R> = {
      basket: createBasket<R>(context),
      context,
      run: (handlers, runOptions) => runIn(context, death, handlers as Record<string, AnyHandler>, runOptions),
      kill() {
        death.die();
        for (const alarm of mine) alarms.delete(alarm);
        context.hub.close();
        context.database.close();
      },
      freeze: sleep.begin,
      thaw: sleep.end,
      online() {
        for (const back of onlines) back();
      },
      at: (point, callback) => reached.set(point, callback),
    };
    openTabs.add(tab as unknown as Tab<AnyRegistry>);

    return tab;
  }

  function locksOf(death: Death, { whenAwake }: Sleep, shared: Locks): Locks {
    const granted = (held: () => Promise<void>): Promise<void> =>
      new Promise((resolve, reject) => whenAwake(() => void held().then(resolve, reject)));

    return {
      request: (name, options, held) =>
        death.unlessDead(
          () =>
            new Promise((resolve, reject) => {
              shared
                .request(name, options, () =>
                  death.dead() ? Promise.resolve() : Promise.race([granted(held), death.died]),
                )
                .then(
                  () => whenAwake(resolve),
                  (error: unknown) => whenAwake(() => reject(error)),
                );
            }),
        ),
      held: (name) => death.unlessDead(() => shared.held(name)),
    };
  }

  function channelOf(name: string, { whenAwake }: Sleep): Channel {
    const listeners: ((message: unknown) => void)[] = [];
    const own = {
      name,
      tell(message: unknown) {
        whenAwake(() => listeners.forEach((listener) => listener(message)));
      },
    };
    channels.add(own);

    return {
      post(message) {
        if (lost) return;
        for (const other of channels) {
          if (other === own || other.name !== name) continue;
          setImmediate(() => {
            if (channels.has(other)) other.tell(structuredClone(message));
          });
        }
      },
      listen: (listener) => listeners.push(listener),
      close: () => channels.delete(own),
    };
  }

  async function advance(milliseconds: number): Promise<void> {
    const until = monotonic + milliseconds;
    for (;;) {
      await quiet();
      const due = [...alarms].filter((alarm) => alarm.at <= until).sort((one, other) => one.at - other.at);
      const [next] = due;
      if (next === undefined) break;

      const passed = Math.max(0, next.at - monotonic);
      monotonic += passed;
      wall += passed;
      alarms.delete(next);
      next.ring();
    }
    wall += until - monotonic;
    monotonic = until;
  }

  return {
    wall: () => wall,
    advance,
    settle: quiet,
    jump(milliseconds) {
      wall += milliseconds;
    },
    alarm: (wait, ring) => void alarms.add({ at: monotonic + wait, ring }),
    alarms: () => alarms.size,
    open: openTab,
    steal: (tab) => void locks.request(tab.context.names.runnerLock, { steal: true }, () => Promise.resolve()),
    loseMessages() {
      lost = true;

      return () => {
        lost = false;
      };
    },
  };
}

function runIn(
  context: BasketContext,
  death: Death,
  handlers: Record<string, AnyHandler>,
  options: RunnerOptions = {},
): Runner {
  const { lostByHand = false, ...runOptions } = options;
  const stopping = new AbortController();
  const audits: number[] = [];
  let ended = false;

  const done = run(context, handlers, {
    ...runOptions,
    signal: stopping.signal,
    onAudit(found) {
      audits.push(found);
      if (!lostByHand) foundByAudits.push(found);
    },
  }).then(
    () => {
      ended = true;
    },
    (error: unknown) => {
      ended = true;
      // What a dead tab would have thrown, nobody sees.
      if (!death.dead()) throw error;
    },
  );
  done.catch(() => undefined); // Seen by whoever awaits `done`.

  return { stop: () => stopping.abort(), done, stopped: () => ended, audits };
}

/** The death of a tab: everything it waits for then never comes. */
interface Death {
  readonly dead: () => boolean;
  readonly die: () => void;
  readonly died: Promise<void>;
  readonly unlessDead: <Value>(go: () => Promise<Value>) => Promise<Value>;
}

function deathOf(): Death {
  let dead = false;
  let die = (): void => undefined;
  const died = new Promise<void>((resolve) => {
    die = () => {
      dead = true;
      resolve();
    };
  });

  return {
    dead: () => dead,
    die,
    died,
    unlessDead: (go) => (dead ? new Promise(() => undefined) : go()),
  };
}

/** The sleep of a tab that is frozen. */
interface Sleep {
  readonly begin: () => void;
  readonly end: () => void;
  /** Goes on at once, or when the tab is thawed. */
  readonly whenAwake: (goOn: () => void) => void;
}

function sleepOf(): Sleep {
  let asleep = false;
  const waiting: (() => void)[] = [];

  return {
    begin() {
      asleep = true;
    },
    end() {
      asleep = false;
      for (const goOn of waiting.splice(0)) goOn();
    },
    whenAwake(goOn) {
      if (asleep) waiting.push(goOn);
      else goOn();
    },
  };
}

/** What a test waits for and ends itself: a handler's answer from a network. */
export interface Gate<Value = void> {
  readonly promise: Promise<Value>;
  readonly open: (value: Value) => void;
  readonly fail: (error: unknown) => void;
}

/** Something to wait for. */
export function createGate<Value = void>(): Gate<Value> {
  let open!: (value: Value) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<Value>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  promise.catch(() => undefined); // Seen by whoever awaits it.

  return { promise, open, fail };
}

export { aTurnOfTheLoop };
