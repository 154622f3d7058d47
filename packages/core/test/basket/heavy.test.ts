import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { contentsOf, freshName, openRaw, rowsOf } from '../support/database.js';
import { recordTransactions } from '../support/transactions.js';
import { createWorld } from '../support/world.js';
import { failureOf } from './app.js';

async function opened() {
  const tasks = defineTasks(freshName(), { send: task<unknown>() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();

  return { tasks, world, tab, basket: tab.basket };
}

const photo = new Blob(['a photo']);
const long = 'x'.repeat(200_000);

/** Keeps the bodies busy from outside, as a large body does that is being written; resolves with what ends it. */
async function busyBodies(tasks: Awaited<ReturnType<typeof opened>>['tasks']): Promise<() => void> {
  const db = await openRaw(tasks.name);
  const store = db.transaction(['taskbasket.bodies'], 'readwrite').objectStore('taskbasket.bodies');
  let busy = true;
  const again = (): void => {
    const request = store.get('nothing');
    request.addEventListener('success', () => (busy ? again() : db.close()));
  };
  again();

  return () => (busy = false);
}

/** The ids of the tasks to which bodies belong. */
function idsOf(bodies: ReadonlyMap<string, unknown>): readonly (string | undefined)[] {
  return [...bodies.keys()].map((key) => key.split('|')[1]);
}

test.each([
  ['a Blob', photo],
  ['a long text', long],
])(
  '%s goes ahead in a transaction over the bodies alone, and its row follows in one over the tasks',
  async (_, payload) => {
    const { tasks, basket } = await opened();
    const recorded = recordTransactions();
    const id = await basket.add('send', payload);

    expect(recorded).toMatchObject([
      { stores: ['bodies'], durability: 'strict', tasks: 0, early: true },
      { stores: ['tasks'], durability: 'strict', tasks: 1, early: true },
    ]);
    const { tasks: rows, bodies } = await contentsOf(tasks);
    expect(rows).toMatchObject([{ id, ref: expect.stringMatching(`^\\|${id}\\|\\w+$`) as string }]);
    expect(idsOf(bodies)).toEqual([id]);
    expect(await basket.get(id)).toMatchObject({ payload, unreadable: false });
  },
);

test('scenario 63: while a large body is being written, small adds, reads and commands do not wait for it', async () => {
  const { tasks, basket } = await opened();
  const end = await busyBodies(tasks);
  let stored = false;
  const large = basket.add('send', photo).then((id) => {
    stored = true;

    return id;
  });
  const small = await Promise.all(Array.from({ length: 1_000 }, (_, number) => basket.add('send', number)));
  await basket.add('send', 'one more');
  await basket.addMany([
    ['send', 'and'],
    ['send', 'more'],
  ]);
  expect(await basket.get(small[0] ?? '')).toMatchObject({ payload: 0 });
  expect(await basket.count()).toEqual({ count: 1_000, more: true });
  expect(await basket.explain(small[1] ?? '')).toEqual([{ reason: 'no-runner' }]);
  expect(await basket.retry(small[2] ?? '')).toBe(1);
  expect(await basket.update(small[3] ?? '', 'corrected')).toBe(true);
  expect(await basket.cancel(small[4] ?? '')).toBe(1);
  expect(await basket.settled(small[4] ?? '')).toEqual({ state: 'cancelled' });
  expect(stored).toBe(false);

  end();
  const id = await large;
  expect((await rowsOf(tasks)).at(-1)?.id).toBe(id);
});

test('a row that comes later than a minute after its body has the body put again before it', async () => {
  const { world, tab, basket } = await opened();
  const recorded = recordTransactions();
  let late = true;
  tab.at('add:before', () => {
    if (late) world.jump(60_001);
    late = false;
  });
  const id = await basket.add('send', photo);

  // The third one deletes the first body.
  expect(recorded.map(({ stores }) => stores.join())).toEqual(['bodies', 'tasks', 'bodies', 'bodies', 'tasks']);
  expect(recorded.map(({ tasks }) => tasks)).toEqual([0, 0, 0, 0, 1]);
  expect(await basket.get(id)).toMatchObject({ payload: photo });
});

/** Writes the first body slowly, while the database is deleted by somebody: that waits for it, and the row comes later. */
function deletedUnderABody({ tasks, tab }: Pick<Awaited<ReturnType<typeof opened>>, 'tasks' | 'tab'>): void {
  const keep = (transaction: IDBTransaction, times: number): void => {
    const request = transaction.objectStore('taskbasket.bodies').get('nothing');
    request.addEventListener('success', () => times > 0 && keep(transaction, times - 1));
  };
  let first = true;
  tab.at('body:requests', (transaction) => {
    if (!first || transaction === undefined) return;
    first = false;
    keep(transaction, 50);
    Object.assign(transaction, { commit: () => undefined });
    indexedDB.deleteDatabase(tasks.name);
  });
}

test('a body whose database is deleted before its row comes is put into the new one as well', async () => {
  const found = await opened();
  deletedUnderABody(found);
  const id = await found.basket.add('send', photo);

  const { tasks: rows, bodies } = await contentsOf(found.tasks);
  expect(rows).toMatchObject([{ id, seq: 1, ref: expect.stringMatching(`^\\|${id}\\|\\w+$`) as string }]);
  expect(idsOf(bodies)).toEqual([id]);
});

test('so are those of many that are added together', async () => {
  const found = await opened();
  deletedUnderABody(found);
  const ids = await found.basket.addMany([
    ['send', photo],
    ['send', 'small'],
    ['send', long],
  ]);

  const { tasks: rows, bodies } = await contentsOf(found.tasks);
  expect(rows.map(({ id }) => id)).toEqual(ids);
  expect(new Set(idsOf(bodies))).toEqual(new Set([ids[0], ids[2]]));
});

test('and that of a row which was not stored with its connection', async () => {
  const { tasks, tab, basket } = await opened();
  let first = true;
  recordTransactions({
    fate({ stores }) {
      if (!first || !stores.includes('tasks')) return undefined;
      first = false;
      void new Promise((resolve) => {
        indexedDB.deleteDatabase(tasks.name).addEventListener('success', resolve);
      });
      // As a platform does that clears a site's data: the connection is closed under what goes on.
      Object.assign(tab.context.database, { begin: afterDeletion(tab.context.database.begin) });

      return 'aborted';
    },
  });
  const id = await basket.add('send', photo);

  const { bodies } = await contentsOf(tasks);
  expect(idsOf(bodies)).toEqual([id]);
});

/** Begins once what was asked before has been done. */
function afterDeletion<Begin extends (...what: never[]) => Promise<unknown>>(begin: Begin): Begin {
  const later = async (...what: Parameters<Begin>): Promise<unknown> => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));

    return begin(...what);
  };

  return later as Begin;
}

test('a row that is refused takes its body with it', async () => {
  const { tasks, world, basket } = await opened();
  const recorded = recordTransactions({ fate: ({ stores }) => (stores.includes('tasks') ? 'refused' : undefined) });

  expect(await failureOf(basket.add('send', photo))).toMatchObject({ code: 'quota' });
  await world.settle();
  expect(recorded.map(({ stores }) => stores.join())).toEqual(['bodies', 'tasks', 'bodies']);
  const { tasks: rows, bodies } = await contentsOf(tasks);
  expect(rows).toEqual([]);
  expect(bodies.size).toBe(0);
});

test('a body for which there is no room: the add says so, and there is neither body nor row', async () => {
  const { tasks, basket } = await opened();
  recordTransactions({ fate: ({ stores }) => (stores.includes('bodies') ? 'refused' : undefined) });

  expect(await failureOf(basket.add('send', photo))).toMatchObject({ code: 'quota' });
  expect(await contentsOf(tasks)).toMatchObject({ tasks: [], bodies: new Map() });
});

test('a body that is too large for the browser: the add says what the browser said', async () => {
  const { tasks, tab, basket } = await opened();
  const why = 'The serialized keys and/or value are too large (size=300000050 bytes, max=133169152 bytes).';
  tab.at('body:requests', (transaction) => {
    // As Chromium does: before any request has had its answer, and before it is told to commit.
    Object.defineProperty(transaction, 'error', { value: new DOMException(why, 'UnknownError') });
    transaction?.abort();
  });

  const failure = await failureOf(basket.add('send', photo));
  expect(failure).toMatchObject({ code: 'not-stored', cause: { name: 'UnknownError' } });
  expect(failure.message).toContain(why);
  expect(await contentsOf(tasks)).toMatchObject({ tasks: [], bodies: new Map() });
});

test('a page that dies between body and row leaves a body, and no task', async () => {
  const { tasks, world, tab, basket } = await opened();
  tab.at('body:complete', tab.kill);
  void basket.add('send', photo);
  await world.settle();

  const { tasks: rows, bodies } = await contentsOf(tasks);
  expect(rows).toEqual([]);
  expect(bodies.size).toBe(1);
});

test('a row whose outcome is not known keeps its body: the task may be there', async () => {
  const { tasks, tab, basket, world } = await opened();
  recordTransactions({
    fate({ stores }) {
      if (!stores.includes('tasks')) return undefined;
      // It cannot be looked for, and could well be written to.
      const { begin } = tab.context.database;
      Object.assign(tab.context.database, {
        begin: (...what: Parameters<typeof begin>) =>
          what[0] === 'readonly' ? Promise.reject(new DOMException('Lost.', 'UnknownError')) : begin(...what),
      });

      return 'lied';
    },
  });

  const failure = await failureOf(basket.add('send', photo));
  expect(failure.code).toBe('unknown-outcome');
  await world.settle();
  const { tasks: rows, bodies } = await contentsOf(tasks);
  expect(rows).toMatchObject([{ id: failure.id }]);
  expect(idsOf(bodies)).toEqual([failure.id]);
});
