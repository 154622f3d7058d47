import { json } from '../../src/pure/codec.js';
import { TaskbasketError } from '../../src/pure/errors.js';
import type { Filter } from '../../src/pure/query.js';
import type { TaskRow } from '../../src/pure/record.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { fixtureOf, load } from '../fixture/load.js';
import type { Chance } from '../simulate/chance.js';
import { createChance } from '../simulate/chance.js';
import { contentsOf, freshName } from '../support/database.js';
import { hostileNames } from '../support/names.js';
import type { Tab, World } from '../support/world.js';
import { createWorld } from '../support/world.js';
import type { Strange } from './strange.js';
import { makeStrange } from './strange.js';

/** What a round found, and what had been changed before. */
export interface Found {
  readonly seed: number;
  readonly said: readonly string[];
  readonly problems: readonly string[];
  /** Whether the round came to its end. */
  readonly ended: boolean;
}

const seconds = 1_000;
const minutes = 60 * seconds;

/** The types that this build knows: as the tests of the fixture know them. */
const define = () =>
  defineTasks(freshName(), {
    send: task<unknown>(),
    note: task({ codec: json<unknown>() }),
    photo: task<unknown>({ version: 2 }),
    healthy: task<number>({ gate: 'healthy' }),
  });

/** What runs within the time of a round if nothing was changed: found out once, by playing the fixture as it is. */
let unchanged: Promise<ReadonlySet<string>> | undefined;

/**
 * Changes the fixture by chance and then does everything with it.
 *
 * A call may reject with an error of ours. It may not hang for more than 20 s, and not throw anything else. What was
 * not touched runs once. What is left in the database is shown until it is cancelled.
 */
export async function playRound(seed: number): Promise<Found> {
  unchanged ??= play(0, false).then(({ starts, problems }) => {
    if (problems.length > 0) throw new Error(`Nothing was changed, and yet: ${problems.join('; ')}`);

    return new Set(starts);
  });
  const expected = await unchanged;
  const { strange, problems, starts, ended } = await play(seed, true);
  if (!ended) return { seed, said: strange.said, problems, ended };

  const { said, touched, records } = strange;
  const fixture = fixtureOf('database-1.json');
  for (const row of fixture.tasks) {
    if (!expected.has(row.id) || isTouched(row, touched)) continue;
    // A record of its gate may say that it is closed, and then it is.
    if (records.has(`gate:${row.gate}`)) continue;
    const times = starts.filter((id) => id === row.id).length;
    // What a runner had claimed is said to run again; whether it was claimed says the record.
    if (times === 0 || (times > 1 && !records.has('runner')))
      problems.push(`${row.id} was untouched, and ran ${times} times`);
  }

  return { seed, said, problems, ended };
}

function isTouched(row: TaskRow, touched: ReadonlySet<unknown>): boolean {
  return [row.id, row.lane, row.seq, row.ref, ...row.marks].some((part) => part !== undefined && touched.has(part));
}

async function play(seed: number, change: boolean) {
  const chance = createChance(seed * 7_919 + 1);
  const fixture = fixtureOf('database-1.json');
  const strange: Strange = change
    ? makeStrange(fixture, chance)
    : { contents: fixture, said: [], touched: new Set(), records: new Set() };
  const problems: string[] = [];
  const notes: Notes = { problems, starts: [], tabs: [] };
  const ended = await everything(seed, chance, strange, notes).then(
    () => true,
    (error: unknown) => {
      problems.push(String(error));

      return false;
    },
  );
  for (const tab of notes.tabs) tab.kill();

  return { strange, problems, starts: notes.starts, ended };
}

interface Notes {
  readonly problems: string[];
  /** The ids of what was started before anybody cancelled or retried anything. */
  starts: readonly string[];
  readonly tabs: Tab<AnyRegistry>[];
}

/** Loads the database and does everything with it that an app, a person and a runner can do. */
async function everything(seed: number, chance: Chance, strange: Strange, notes: Notes): Promise<void> {
  const { problems } = notes;
  const starting: string[] = [];
  const fixture = fixtureOf('database-1.json');
  const tasks = define();
  const world = createWorld(seed + 1);
  await load(tasks, strange.contents);
  const [page, host] = [world.open(tasks), world.open(tasks)];
  notes.tabs.push(page as unknown as Tab<AnyRegistry>, host as unknown as Tab<AnyRegistry>);
  const { basket } = page;

  const call = <Value>(what: string, go: () => Promise<Value>) => within(world, problems, what, go);
  /** Every way to ask, of everything and of a few. */
  const askAll = async (when: string): Promise<void> => {
    const ids = fixture.tasks.map(({ id }) => id);
    const some = [
      chance.pick(ids),
      chance.pick(ids),
      chance.pick(hostileNames),
      ...ids.filter((id) => strange.touched.has(id)),
    ];
    const lanes = fixture.tasks.flatMap(({ lane }) => lane ?? []);
    await call(`list, ${when}`, () => basket.list());
    await call(`list of a type, ${when}`, () => basket.list({ type: 'send', limit: 1_000 }));
    await call(`list of the dead, ${when}`, () => basket.list({ state: 'dead' }));
    await call(`list of a lane, ${when}`, () => basket.list({ lane: chance.pick(lanes) }));
    await call(`count, ${when}`, () => basket.count());
    await call(`count of the queued, ${when}`, () => basket.count({ state: 'queued' }));
    await call(`count of a type, ${when}`, () => basket.count({ type: ['note', 'photo'], state: 'dead' }));
    await call(`health, ${when}`, () => basket.health());
    for (const id of new Set(some)) {
      await call(`get of ${id}, ${when}`, () => basket.get(id));
      await call(`explain of ${id}, ${when}`, () => basket.explain(id));
    }
  };

  const watched = basket.watch({ limit: 1_000 });
  const snapshots: number[] = [];
  const unwatch = watched.subscribe(({ tasks: views }) => void snapshots.push(views.length));
  await askAll('before a runner is there');

  const healthy = new Map<string, number>();
  const ran: number[] = [];
  const addHealthy = async (): Promise<void> => {
    const number = healthy.size;
    const lane = number % 2 === 0 ? undefined : 'healthy';
    const id = await call(`add ${number}`, () => basket.add('healthy', number, { lane }));
    if (id === undefined) problems.push(`nothing could be added`);
    else healthy.set(id, number);
  };
  for (let n = 0; n < 3; n += 1) await addHealthy();

  const note = (_: unknown, attempt: { readonly id: string }): void => void starting.push(attempt.id);
  const handlers = { send: note, note, photo: note, healthy: (number: number): void => void ran.push(number) };
  const runner = host.run(handlers, { lostByHand: true });
  await rest(world, 'the first ten seconds', 10 * seconds);
  await askAll('beside a runner');
  for (let n = 0; n < 3; n += 1) await addHealthy();
  await rest(world, 'fifteen minutes', 15 * minutes);
  // From here on a person decides what becomes of tasks.
  notes.starts = [...starting];
  if (ran.length !== 6 || new Set(ran).size !== 6) problems.push(`of six healthy tasks ran ${ran.join() || 'none'}`);
  if (runner.stopped()) problems.push('the runner has ended by itself');

  const left = await visible(tasks, call, basket, problems);
  for (const [place, id] of left.slice(0, 3).entries()) {
    if (place === 0) await call(`update of ${id}`, () => basket.update(id, { to: 'edited' }));
    await call(`retry of ${id}`, () => basket.retry(id));
    void basket.settled(id).catch((error: unknown) => judge(problems, `settled of ${id}`, error));
  }
  await call('retry of all', () => basket.retry({}));
  await rest(world, 'a minute after the retry', minutes);
  for (const id of left.slice(0, 2)) await call(`cancel of ${id}`, () => basket.cancel(id));
  await call('cancel of the dead', () => basket.cancel({ state: 'dead' }));
  await call('cancel of all', () => basket.cancel({}));
  await rest(world, 'what a cancel needs', 15 * seconds);
  const remains = await call('list after the cancel', () => basket.list());
  if (remains !== undefined && remains.length > 0)
    problems.push(`still shown after the cancel of all: ${JSON.stringify(remains.map(({ id }) => id))}`);

  runner.stop();
  await rest(world, 'the end of the runner', 20 * seconds);
  if (!runner.stopped()) problems.push('the runner has not stopped within 20 s');
  await runner.done.catch((error: unknown) => judge(problems, 'the runner', error));
  unwatch();
  basket.close();
  host.basket.close();
  await rest(world, 'the end', seconds);
}

/** Every row that lies in the database is shown, and counted. Gives back the ids. */
async function visible(
  tasks: ReturnType<typeof define>,
  call: <Value>(what: string, go: () => Promise<Value>) => Promise<Value | undefined>,
  basket: ReturnType<World['open']>['basket'],
  problems: string[],
): Promise<readonly string[]> {
  const rows = (await contentsOf(tasks)).tasks;
  // The mark says that a task was cancelled while it ran. A row whose key is no number has no place in the order.
  const clear = rows.filter(({ seq, marks }) => Number.isFinite(seq) && ![marks].flat().includes('C'));
  const views = await call('list of what is left', () => basket.list({ limit: 1_000 }));
  const shown = new Set(views?.map(({ seq }) => seq));
  const missing = clear.filter(({ seq }) => !shown.has(seq)).map(({ seq, id }) => JSON.stringify({ id, seq }));
  if (views !== undefined && missing.length > 0) problems.push(`not shown: ${missing.join(', ')}`);
  const lanes = rows.flatMap(({ lane }) => (typeof lane === 'string' ? { lane } : []));
  const filters: readonly Filter<keyof typeof tasks.types>[] = [
    {},
    { state: 'queued' },
    { state: 'dead' },
    { type: 'send' },
    { type: ['note', 'photo'], state: 'queued' },
    { gate: 'send' },
    ...lanes,
  ];
  for (const filter of filters) {
    const what = JSON.stringify(filter);
    const listed = await call(`list of ${what}`, () => basket.list({ ...filter, limit: 1_000 }));
    const counted = await call(`count of ${what}`, () => basket.count(filter));
    if (counted?.count !== listed?.length)
      problems.push(`${what}: counted ${counted?.count}, and listed ${listed?.length}`);
  }

  return (views ?? []).map(({ id }) => id).filter((id) => typeof id === 'string');
}

/** Time passes. If something goes round and round meanwhile, the round ends here: nothing after it would say more. */
async function rest(world: World, what: string, milliseconds: number): Promise<void> {
  await world.advance(milliseconds).catch((cause: unknown) => {
    throw new Error(`${what}: ${String(cause)}`, { cause });
  });
}

/** What a call gives, or `undefined` if it rejects. A problem: an error that is not ours, or no answer within 20 s. */
async function within<Value>(
  world: World,
  problems: string[],
  what: string,
  go: () => Promise<Value>,
): Promise<Value | undefined> {
  let ended = false;
  const answer = go().then(
    (value) => {
      ended = true;

      return value;
    },
    (error: unknown) => {
      ended = true;
      judge(problems, what, error);

      return undefined;
    },
  );
  await rest(world, what, 0);
  if (!ended) await rest(world, what, 20 * seconds);
  if (ended) return answer;
  problems.push(`${what} hangs`);

  return undefined;
}

function judge(problems: string[], what: string, error: unknown): void {
  if (error instanceof TaskbasketError) return;
  const where = error instanceof Error ? (error.stack ?? '').split('\n').slice(0, 4).join(' ') : String(error);
  problems.push(`${what} throws ${where}`);
}
