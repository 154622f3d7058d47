import type { BasketContext } from '../../src/basket/context/context.js';
import { createContext } from '../../src/basket/context/context.js';
import type { Basket } from '../../src/basket/basket.js';
import { createBasket } from '../../src/basket/basket.js';
import type { Attendance } from '../../src/host/client.js';
import type { Channel, CrashPoint, LockOptions, Locks, Ports } from '../../src/ports/ports.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import { bytesOf } from '../support/chance.js';
import type { Chance } from './chance.js';
import type { Loop } from './loop.js';
import type { Kind } from './registries.js';
import { registryOf } from './registries.js';
import type { Connection } from '../../src/pure/registry.js';
import type { Time } from './time.js';
import { isOpen, refuseCommit, tellWrongly } from './transactions.js';

/** What a context does at a crash point: dies before, in the middle of or after it, or has its transaction refused. */
export interface Armed {
  readonly point: CrashPoint;
  readonly how: 'abort' | 'commit' | 'refuse' | 'lie';
  /** How often the point is passed first. */
  left: number;
}

/** What contexts share. */
export interface Shared {
  readonly time: Time;
  readonly loop: Loop;
  readonly locks: Locks;
  readonly bus: Bus;
  readonly chance: Chance;
  /** How likely a page does not delete what it has replaced, as if it were closed before. */
  readonly untidy: () => number;
  /** Whether the app declares a session. */
  readonly owned: () => boolean;
  /** Opens the app's database, in whatever version the app has come to. */
  readonly open: () => Promise<Connection>;
  /** Called when a crash point was carried out. */
  readonly crashed: (life: Life, armed: Armed) => void;
  /** Called when a runner takes the lock from whoever has it. */
  readonly steals: (life: Life) => void;
  readonly broke: (life: Life, what: string) => void;
  /** Called at each crash point. */
  readonly reached: (life: Life, point: CrashPoint, transaction: IDBTransaction | undefined) => void;
}

/** Carries messages between contexts; may lose them. */
export interface Bus {
  readonly join: (life: Life, listener: (message: unknown) => void) => () => void;
  readonly post: (life: Life, message: unknown) => void;
}

/** A context (a page, a worker) from its start to its death. */
export interface Life {
  readonly name: string;
  readonly kind: Kind;
  readonly build: number;
  /** Time itself at its start. */
  readonly born: number;
  readonly registry: AnyRegistry;
  readonly context: BasketContext;
  readonly basket: Basket<AnyRegistry>;
  /** How often a transaction of it was made to fail. */
  faults: number;
  /** Put away in the back/forward cache: frozen, with its channel closed. */
  suspended: boolean;
  /** So many times it cannot begin to read either: as often as one call tries on a new connection. */
  blind: number;
  /** It is told that it goes. */
  leaving: boolean;
  /** The context's transactions that have not ended. */
  readonly open: Set<IDBTransaction>;
  dead: boolean;
  frozen: boolean;
  /** Time itself at its start, or when it was last thawed. */
  awakeSince: number;
  /** How often it was thawed. */
  thaws: number;
  /** The lock was stolen from it, and it has not been told yet. */
  deaf: boolean;
  armed: Armed | undefined;
  /** Whether the runner's lock is its own, as far as the locks know. */
  holds: boolean;
  /** It was granted the lock, and has not let go of it by itself. */
  granted: boolean;
  /** What it has to do with a worker. */
  attendance: Attendance | undefined;
  /** It is a worker that answers pages: it retires by itself when a newer page greets it. */
  served: boolean;
  /** Goes on when the context is not frozen; never, once it is dead. */
  readonly awake: (goOn: () => void) => void;
  readonly kill: () => void;
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** It is told that it goes: what is still to be placed is placed. */
  readonly leave: () => void;
  readonly suspend: () => void;
  readonly tell: () => void;
}

/** Starts a context on ports of its own. */
export function createLife(name: string, kind: Kind, build: number, shared: Shared): Life {
  const { time, loop } = shared;
  const born = time.now();
  const offset = shared.chance.below(1_000_000);
  const random = shared.chance.fork();
  const waitingForThaw: (() => void)[] = [];
  const untold: (() => void)[] = [];
  const endings: (() => void)[] = [];
  const registry = registryOf(kind, shared.owned(), () => (life.dead ? never : shared.open()));

  const never = new Promise<never>(() => undefined);

  /** Goes on when the context is not frozen; never, once it is dead. */
  function whenAwake(goOn: () => void): void {
    if (life.dead) return;
    if (life.frozen) waitingForThaw.push(goOn);
    else goOn();
  }

  async function reach(point: CrashPoint, transaction?: IDBTransaction): Promise<void> {
    shared.reached(life, point, transaction);
    if (life.dead) return never;

    if (point === 'tidy:before' && shared.chance.is(shared.untidy())) throw new Error('It is not tidied.');
    if (point.endsWith(':before') && life.frozen) {
      await new Promise<void>(whenAwake);
    }
    const { armed } = life;
    if (armed?.point !== point) return undefined;
    if (armed.left > 0) {
      armed.left -= 1;

      return undefined;
    }

    life.armed = undefined;
    shared.crashed(life, armed);
    if (armed.how === 'refuse' || armed.how === 'lie') {
      life.faults += 1;
      if (armed.how === 'lie' && point.startsWith('add') && shared.chance.is(0.3)) life.blind = 5;
      if (transaction !== undefined && armed.how === 'refuse') refuseCommit(transaction);
      if (transaction !== undefined && armed.how === 'lie') tellWrongly(transaction);

      return undefined;
    }
    if (armed.how === 'commit') transaction?.commit();
    life.kill();

    return never;
  }

  const locks: Locks = {
    held: (lock) => (life.dead ? never : shared.locks.held(lock)),

    request(lock, options, held) {
      if (life.dead) return never;
      if (options.steal === true) shared.steals(life);

      const waiting = new AbortController();
      const given = options.signal;
      const stop = (): void => waiting.abort(given?.reason);
      if (given?.aborted === true) stop();
      given?.addEventListener('abort', stop);
      let mine = false;
      const ended = new Promise<void>((resolve) => {
        endings.push(() => {
          waiting.abort();
          resolve();
        });
      });

      async function hold(): Promise<void> {
        if (life.dead) return;
        mine = lock === context.names.runnerLock;
        if (mine) life.holds = life.granted = true;
        await Promise.race([held(), ended]);
      }
      const letGo = (): void => {
        given?.removeEventListener('abort', stop);
        if (mine) life.holds = false;
      };
      const asked: LockOptions = { ...options, signal: waiting.signal };

      return new Promise<void>((resolve, reject) => {
        shared.locks.request(lock, asked, hold).then(
          () => {
            letGo();
            // One that dies with its takeover under way had the lock when it began.
            if (life.dead) return;
            if (mine) life.granted = false;
            resolve();
          },
          (error: unknown) => {
            letGo();
            const tell = (): void => {
              whenAwake(() => {
                if (mine) life.granted = false;
                reject(error);
              });
            };
            if (life.deaf) untold.push(tell);
            else tell();
          },
        );
      });
    },
  };

  const channel = (): Channel => {
    if (life.suspended) shared.broke(life, 'opens its channel while it is put away');
    let leave = (): void => undefined;
    const listeners: ((message: unknown) => void)[] = [];
    let closed = false;

    return {
      post(message) {
        if (closed || life.dead) return;
        if (life.suspended) shared.broke(life, 'says something while it is put away');
        shared.bus.post(life, message);
      },

      listen(listener) {
        listeners.push(listener);
        if (listeners.length === 1) {
          leave = shared.bus.join(life, (message) => {
            if (life.dead || life.frozen || closed) return;
            for (const one of listeners) one(message);
          });
        }
      },

      close() {
        closed = true;
        leave();
      },
    };
  };

  const ports: Ports = {
    clock: {
      wall: time.wall,
      monotonic: () => time.now() - born + offset,
      timer: (wait, ring) => time.at(time.now() + wait, () => whenAwake(ring)),
      turnOfTheLoop: () => new Promise((resolve) => loop.queue(() => whenAwake(resolve))),
    },
    random: random.next,
    randomBytes: bytesOf(random.next),
    locks,
    channel,
    reach,
  };
  const context = createContext(registry, ports, build);

  const life: Life = {
    name,
    kind,
    build,
    born,
    registry,
    context,
    basket: createBasket(context),
    open: new Set(),
    faults: 0,
    suspended: false,
    blind: 0,
    leaving: false,
    dead: false,
    frozen: false,
    awakeSince: born,
    thaws: 0,
    deaf: false,
    armed: undefined,
    holds: false,
    granted: false,
    attendance: undefined,
    served: false,
    awake: whenAwake,

    kill() {
      if (life.dead) return;
      life.dead = true;
      for (const transaction of life.open) if (isOpen(transaction)) transaction.abort();
      for (const end of endings) end();
      context.hub.close();
      context.database.close();
    },

    freeze() {
      life.frozen = true;
    },

    thaw() {
      life.frozen = false;
      life.awakeSince = time.now();
      life.thaws += 1;
      for (const goOn of waitingForThaw.splice(0)) goOn();
      if (!life.suspended) return;
      life.suspended = false;
      context.hub.resume();
      life.attendance?.resume();
    },

    leave() {
      life.leaving = true;
      if (context.unfinished.size > 0) context.hub.leave();
      life.leaving = false;
    },

    suspend() {
      life.leave();
      context.hub.suspend();
      life.attendance?.suspend();
      life.suspended = true;
      life.frozen = true;
    },

    tell() {
      life.deaf = false;
      for (const tell of untold.splice(0)) tell();
    },
  };

  return life;
}
