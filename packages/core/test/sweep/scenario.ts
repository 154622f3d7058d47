import { TaskbasketError } from '../../src/pure/errors.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure, RetryLater, Unavailable } from '../../src/pure/verdict.js';
import type { Attempt } from '../../src/runner/term/leader.js';
import { createStores } from '../../src/store/setup.js';
import { isOpen } from '../simulate/transactions.js';
import { openRaw, rowsOf } from '../support/database.js';
import type { Runner, World } from '../support/world.js';
import { daysOf } from '../support/world.js';
import type { Ledger } from './ledger.js';
import { leftIn } from './ledger.js';

/** The payload of every task: its name in the ledger, and something that has a size. */
interface Work {
  readonly name: string;
  readonly fill?: string;
  readonly rev?: number;
}

const lane = ({ name }: Work): string => `lane ${name.length % 2}`;

/** The app's tasks, in a database of the app's own. */
function tasksOf(database: string) {
  const open = (): Promise<IDBDatabase> => openApp(tasks);
  const tasks: ReturnType<typeof defined> = defined(database, open);

  return tasks;
}

function defined(database: string, open: () => Promise<IDBDatabase>) {
  return defineTasks(
    database,
    {
      send: task<Work, string | undefined>({ lane, gate: 'api' }),
      save: task<Work>(),
      doomed: task<Work>({ onDead: 'skip' }),
      away: task<Work>({ gate: 'far' }),
      later: task<Work>(),
    },
    { open },
  );
}

/** An earlier build of the app, which does not know one of the types. */
function olderOf(tasks: ReturnType<typeof tasksOf>) {
  const { send, save, doomed, away } = tasks.types;

  return defineTasks(tasks.name, { send, save, doomed, away }, { open: () => openApp(tasks) });
}

/** The app opens its database. */
function openApp(tasks: AnyRegistry): Promise<IDBDatabase> {
  return openRaw(tasks.name, 1, (transaction, db) => {
    db.createObjectStore('notes', { keyPath: 'id' });
    createStores(transaction, tasks);
  });
}

/** How long the app waits for one of its calls, in minutes. */
const patience = 90;

/**
 * One long life of a basket: tasks of every size and by every call, edits, watches, a runner that dies, a destination
 * that is away, a newer build, and days of chores. `faultsEnd` is called before everything is given time to end.
 * Resolves with what is wrong.
 */
export async function playScenario(
  world: World,
  database: string,
  ledger: Ledger,
  faultsEnd: () => void,
): Promise<readonly string[]> {
  const tasks = tasksOf(database);
  const page = world.open(tasks);
  const { basket } = page;
  const snapshots: number[] = [];

  /** Lets time pass until a call has ended. */
  async function ended(call: Promise<unknown>): Promise<void> {
    const state = { over: false };
    void call.finally(() => (state.over = true)).catch(() => undefined);
    await world.settle();
    for (let minute = 0; !state.over && minute < patience; minute += 1) await world.advance(60_000);
  }
  const call = (what: string, go: () => Promise<unknown>): Promise<void> => ended(ledger.call(what, go));
  const added = new Map<string, string>();
  async function add(type: 'send' | 'save' | 'doomed' | 'away' | 'later', work: Work, options?: object): Promise<void> {
    ledger.ask(work.name, { staysDead: work.name === 'doomed for good' });
    await ended(ledger.add([work.name], async () => added.set(work.name, await basket.add(type, work, options))));
  }

  const stop = basket.watch({}, { reasons: true }).subscribe(({ tasks: shown }) => void snapshots.push(shown.length));
  await add('send', { name: 'first' });
  for (const name of ['one', 'two', 'three']) ledger.ask(name);
  await ended(
    Promise.all(['one', 'two', 'three'].map((name) => ledger.add([name], () => basket.add('send', { name })))),
  );
  await add('save', { name: 'beside its row', fill: 'x'.repeat(40_000) });
  await add('save', { name: 'heavy', fill: 'x'.repeat(300_000) });
  await add('later', { name: 'for a newer build' });
  await add('send', { name: 'relaxed' }, { durability: 'relaxed' });
  await add('send', { name: 'at a date' }, { runAt: world.wall() + 8 * 60_000 });
  await add('save', { name: 'cancelled early' });
  for (const name of ['of many 1', 'of many 2']) ledger.ask(name);
  await ended(
    ledger.add(['of many 1', 'of many 2'], () =>
      basket.addMany([
        ['send', { name: 'of many 1' }],
        ['save', { name: 'of many 2', fill: 'x'.repeat(300_000) }],
      ]),
    ),
  );
  await ended(inTransaction('in a transaction', { name: 'in a transaction' }));
  await ended(inTransaction('prepared', { name: 'prepared', fill: 'x'.repeat(300_000) }));
  await add('doomed', { name: 'doomed for good' });
  await add('doomed', { name: 'doomed and corrected' });
  await add('away', { name: 'away 1' });
  await add('away', { name: 'away 2' });
  await cancel('cancelled early');
  await call('list', () => basket.list({ type: 'send', limit: 3 }));
  await call('count', () => basket.count({ lane: 'lane 1' }));
  await call('health', () => basket.health());
  await call('explain', () => basket.explain(added.get('heavy') ?? 'none'));
  await call('get', () => basket.get(added.get('beside its row') ?? 'none'));
  const waits = ledger.call('settled', () => basket.settled(added.get('one') ?? 'none'));

  // A runner of an earlier build, which dies in the middle of its work.
  const attempts = new Map<string, number>();
  const first = world.open(olderOf(tasks));
  let hangs = true;
  const { later: _, ...known } = handlersOf(ledger, attempts, () => hangs);
  first.run(known);
  await world.advance(30_000);
  await edit('at a date', { name: 'at a date', fill: 'edited' });
  first.kill();
  hangs = false;

  // A newer build.
  const second = world.open(tasks, { build: 1 });
  let runner: Runner = second.run(handlersOf(ledger, attempts, () => false));
  await world.advance(5 * 60_000);
  // As a person does, who looks again until the task is refused and the correction is stored.
  for (let tries = 0; tries < 3 && !(await edit('doomed and corrected', { name: 'doomed and corrected', rev: 1 }));) {
    tries += 1;
    await world.advance(5 * 60_000);
  }
  await call('retry', () => basket.retry({ state: 'queued' }));
  await add('send', { name: 'while it runs' });
  await ended(waits);
  await world.advance(12 * 60_000);
  runner.stop();
  await world.advance(60_000);

  // Days on which chores are due. A body whose row never came is collected.
  await daysOf(world, 2, () => second.run(handlersOf(ledger, attempts, () => false)));

  faultsEnd();
  const third = world.open(tasks, { build: 1 });
  runner = third.run(handlersOf(ledger, attempts, () => false));
  await world.advance(12 * 60_000);
  await call('retry of all', () => third.basket.retry({}));
  await world.advance(12 * 60_000);
  const left = await leftIn(third.basket);
  const { count } = await third.basket.count();
  await world.advance(60_000);
  const shown = snapshots.at(-1);
  stop();
  runner.stop();
  await world.advance(60_000);

  return [
    ...ledger.problems(left),
    ...(count === left.length ? [] : [`count says ${count}, and the list has ${left.length}`]),
    ...(shown === left.length ? [] : [`the watch shows ${shown}, and the list has ${left.length}`]),
    ...(await leftovers(tasks, left.length)),
  ];

  async function cancel(name: string): Promise<void> {
    await ended(ledger.remove(name, () => basket.cancel(added.get(name) ?? 'none')));
  }

  async function edit(name: string, work: Work): Promise<boolean> {
    let found = false;
    const edited = async (): Promise<void> => {
      found = await basket.update(added.get(name) ?? 'none', work);
      if (found) ledger.expect(name, JSON.stringify(work));
    };
    await call(`update of ${name}`, edited);

    return found;
  }

  /** A note and its task, in one transaction of the app. Both are stored, or neither. */
  function inTransaction(name: string, work: Work): Promise<void> {
    ledger.ask(name);

    return ledger.add([name], async () => {
      const prepared = await basket.prepare('save', work);
      const db = await openApp(tasks).catch(() => openApp(tasks));
      try {
        const transaction = db.transaction(['notes', ...tasks.stores], 'readwrite');
        const done = new Promise<void>((resolve, reject) => {
          transaction.addEventListener('complete', () => resolve());
          transaction.addEventListener('abort', () => reject(transaction.error ?? new Error('aborted')));
        });
        transaction.objectStore('notes').put({ id: name });
        basket.addTx(transaction, prepared);
        // The app's own patience with its own transaction.
        world.alarm(600_000, () => {
          if (isOpen(transaction)) transaction.abort();
        });
        await done;
      } catch (error) {
        // The app's own transaction failed. The app says so to itself.
        throw error instanceof DOMException ? new TaskbasketError('not-stored', error.message, error) : error;
      } finally {
        db.close();
      }
    });
  }
}

/** The handlers. Each effect is counted in the ledger, as a server would. */
function handlersOf(ledger: Ledger, attempts: Map<string, number>, hangs: () => boolean) {
  function number({ name }: Work): number {
    const next = (attempts.get(name) ?? 0) + 1;
    attempts.set(name, next);

    return next;
  }
  const arrive = (work: Work): void => ledger.arrive(work.name, JSON.stringify(work));

  return {
    async send(work: Work): Promise<string | undefined> {
      const tried = number(work);
      if (work.name === 'three' && hangs()) await new Promise(() => undefined);
      if (work.name === 'two' && tried < 3) throw new Error('The server was busy.');
      arrive(work);

      return work.name === 'one' ? 'a result' : undefined;
    },
    async save(work: Work, { save }: Attempt<Work>): Promise<void> {
      if (work.name === 'beside its row' && work.rev === undefined) {
        await save({ ...work, rev: 1 });
        throw new Error('After the payload was saved.');
      }
      if (work.name === 'of many 2' && number(work) === 1) throw new RetryLater(90_000);
      arrive(work);
    },
    doomed(work: Work): void {
      if (work.rev === undefined) throw new PermanentFailure('The server refused it.');
      arrive(work);
    },
    away(work: Work): void {
      if (number(work) < 3) throw new Unavailable();
      arrive(work);
    },
    later: arrive,
  };
}

/** What lies in the database that belongs to nobody. */
async function leftovers(tasks: ReturnType<typeof tasksOf>, expected: number): Promise<readonly string[]> {
  const rows = await rowsOf(tasks);

  return rows.length === expected ? [] : [`${rows.length} rows are stored, and the list has ${expected}`];
}
