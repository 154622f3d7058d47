import { addAll, dump, expect, namesOf, openLab, test, untilDrained } from './fixture.js';
import { sized } from './long.js';

/** What the app does after `put` and `addTx`, each on one line, and whether the platform then commits. */
const cases = [
  { end: 'leave', title: 'a transaction that commits by itself', commits: { raw: true, idb: true, dexie: true } },
  { end: 'abort', title: 'abort() on the next line', commits: { raw: false, idb: false, dexie: false } },
  // Nothing tells idb of an error in the app's code: its transaction commits.
  { end: 'throw', title: 'an error thrown after addTx', commits: { raw: false, idb: true, dexie: false } },
  { end: 'fail', title: 'a request that fails after addTx', commits: { raw: false, idb: false, dexie: false } },
  { end: 'commit', title: 'tx.commit() on the next line', commits: { raw: true, idb: true, dexie: true } },
] as const;

/** The tabs that are closed, by themselves or from outside too. */
const ids = ['a inside', 'b outside', 'c inside', 'd outside'].slice(0, sized(2, 4));

for (const how of ['raw', 'idb', 'dexie'] as const) {
  test(`scenario 59: ${how}: the tasks are there exactly if the app's transaction commits, whatever its next line does`, async ({
    page,
    server,
    database,
  }) => {
    // A worker would send them one by one, and the next line would find fewer.
    await openLab(page, { database, maker: how, worker: 'none', concurrency: 1 });
    const stand: { notes: string[]; tasks: string[]; names: string[] } = { notes: [], tasks: [], names: [] };
    for (const { end, title, commits } of cases) {
      await test.step(`${title}: ${commits[how] ? 'both' : 'neither'}`, async () => {
        const names = [`${end} 1`, `${end} 2`];
        const written = await page.evaluate(
          async ([kind, what, adds]) =>
            window.lab.write(kind, {
              note: { id: what, text: 'written with its tasks' },
              adds: adds.map((name) => ({ name })),
              end: what,
            }),
          [how, end, names] as const,
        );
        if (commits[how]) {
          stand.notes.push(end);
          stand.tasks.push(...written.ids);
          stand.names.push(...names);
        }

        expect(written.outcome).toBe(commits[how] ? 'complete' : 'abort');
        expect(written.ids).toHaveLength(2);
        const { notes, tasks } = await dump(page);
        expect(new Set(notes.map(({ id }) => id))).toEqual(new Set(stand.notes));
        expect(tasks.map(({ id }) => id)).toEqual(stand.tasks);
      });
    }

    // A runner finds just these: one more task, added last and run alone, says when it has looked.
    await page.evaluate(() => window.lab.run());
    await addAll(page, [{ name: 'last' }]);
    stand.names.push('last');
    await untilDrained(server, page, stand.names.length);
    expect(namesOf(server.effects())).toEqual(stand.names);
    expect(server.ledger()).toHaveLength(stand.names.length);
  });

  const closing = `${how}: the tab closed on the next line: both or neither`;
  test(closing, { tag: '@sized' }, async ({ page, server, database }) => {
    const options = { database, maker: how, worker: 'none' } as const;
    await openLab(page, options);
    for (const id of ids) {
      // A tab that a script opened is one that a script may close.
      const popup = page.waitForEvent('popup');
      await page.evaluate(() => void window.open());
      const tab = await popup;
      await openLab(tab, options);

      const closed = tab.waitForEvent('close');
      tab
        .evaluate(
          ([kind, name]) => {
            void window.lab.write(kind, { note: { id: name, text: '' }, adds: [{ name }, { name }], end: 'close' });
          },
          [how, id] as const,
        )
        .catch(() => undefined); // The tab can be gone before it answers.
      // From outside too, at any point of it.
      if (id.endsWith('outside')) await tab.close();
      await closed;
    }

    const { notes, tasks } = await dump(page);
    const expected = notes.flatMap(({ id }) => [id, id]);
    expect(tasks.map(({ payload }) => payload?.name)).toEqual(expected);

    await openLab(page, { database, maker: how });
    await untilDrained(server, page, expected.length);
    expect([...namesOf(server.effects())].sort()).toEqual(expected);
  });
}
