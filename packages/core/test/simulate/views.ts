import { isDeepStrictEqual } from 'node:util';
import type { TaskView } from '../../src/pure/view.js';
import type { TaskRow } from '../../src/pure/record.js';
import { readyOf, runnerOf } from './contents.js';
import { wrongReasons } from './explaining.js';
import { targetsOf } from './judge-command.js';
import type { Life } from './life.js';
import type { Work } from './registries.js';
import { listedBy, seenBy } from './owners.js';
import { currentOf, knows, laneNames, reads, typesOf } from './registries.js';
import type { Which, World } from './world.js';

/** What a page is shown is what is stored: nothing more, nothing less, in order. */
export async function judgeViews(world: World, page: Life): Promise<void> {
  const { contents, chance } = world;
  const views = await page.basket.list({ limit: 1_000 });
  if (contents === world.contents) judgeList(world, page, views, listedBy(world, page));

  await judgeQuery(world, page);
  const rows = [...world.contents.tasks.values()];
  if (rows.length === 0) return;
  await judgeExplain(world, page, chance.pick(rows));
  const row = chance.pick(rows);
  const found = await page.basket.get(row.id);
  const now = world.contents.tasks.get(row.seq);
  if (now !== row) return;
  const isThere = row.cancelled !== true && seenBy(world, page)(row);
  if ((found === undefined) === isThere) world.fail(`get of ${row.id} in ${page.name} is wrong`);
}

/** A query and its count, page by page, against what is stored. */
async function judgeQuery(world: World, page: Life): Promise<void> {
  const { contents, chance } = world;
  const which: Which = {
    ...(chance.is(0.5) ? { lane: chance.pick(laneNames) } : {}),
    ...(chance.is(0.5) ? { state: chance.pick(['queued', 'dead'] as const) } : {}),
    ...(chance.is(0.5) ? { type: chance.pick(typesOf('page')) } : {}),
    ...(chance.is(0.3) && world.byId.size > 0 ? { parent: chance.pick([...world.byId.keys()]) } : {}),
  };
  const every = chance.is(0.3);
  const isSeen = every ? () => true : listedBy(world, page);
  const rows = targetsOf({ which, life: page, isSeen }, contents);
  const asked = { ...which, ...(every ? { everyOwner: true } : {}) };
  const limit = chance.pick([1, 3, 1_000]);
  const seen: TaskView[] = [];
  for (let after = 0; ;) {
    const views = await page.basket.list({ ...asked, cursor: after, limit });
    seen.push(...views);
    after = views.at(-1)?.seq ?? 0;
    if (views.length < limit) break;
  }
  const counted = await page.basket.count(asked);
  if (contents !== world.contents) return;

  const said = `in ${page.name} of ${JSON.stringify(asked)}`;
  if (seen.map(({ id }) => id).join() !== rows.map(({ id }) => id).join())
    world.fail(`list ${said} shows ${seen.length} of ${rows.length}`);
  if (counted.count !== Math.min(1_000, rows.length) || counted.more !== rows.length > 1_000)
    world.fail(`count ${said} is ${JSON.stringify(counted)} of ${rows.length}`);
}

async function judgeExplain(world: World, page: Life, row: TaskRow): Promise<void> {
  const reasons = await page.basket.explain(row.id);
  if (world.contents.tasks.get(row.seq) !== row) return;
  for (const { reason } of reasons) world.report.met('other', `explained: ${reason}`);
  if (reasons.length === 0) world.report.met('other', 'explained: nothing');
  const wrong = wrongReasons(world, page, row, reasons);
  if (wrong !== undefined) world.fail(`explain of ${row.id} in ${page.name} says ${wrong}`);
}

/** Whether a list shows exactly what is stored. */
export function judgeList(
  world: World,
  page: Life,
  views: readonly TaskView[],
  isSeen: (row: TaskRow) => boolean,
): void {
  const { contents } = world;
  const rows = [...contents.tasks.values()]
    .filter((row) => row.cancelled !== true && isSeen(row))
    .sort((a, b) => a.seq - b.seq);
  const running = new Set((runnerOf(contents)?.running ?? []).map(({ id }) => id));
  const fail = (what: string): void => world.fail(`list in ${page.name}: ${what}`);
  if (views.map(({ id }) => id).join() !== rows.map(({ id }) => id).join()) {
    fail(`shows ${views.length} tasks of ${rows.length}`);

    return;
  }

  for (const [place, view] of views.entries()) {
    const row = rows[place];
    if (row === undefined || world.foreign.has(row.seq)) continue;
    const told = world.byId.get(row.id);
    const readable = knows(page.kind, row) && reads(page.kind, row, told?.n ?? 0);
    const runs = running.has(row.id);
    const right =
      view.state === (readyOf(row).letter === 'D' ? 'dead' : 'queued') &&
      view.running === runs &&
      view.type === currentOf(page.kind, row.type) &&
      view.attempts === row.attempts + (runs ? 1 : 0) &&
      view.failures === row.failures &&
      view.lane === row.lane &&
      view.owner === row.owner &&
      view.unreadable === !readable &&
      (readable
        ? (view.payload as Work).n === told?.n &&
          (view.payload as Work).rev === told.rev &&
          isDeepStrictEqual((view.payload as Work).with ?? [], told.with)
        : view.payload === undefined);
    if (!right) fail(`${row.id} is shown as ${JSON.stringify(view)}`);
  }
}
