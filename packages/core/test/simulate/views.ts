import type { TaskView } from '../../src/pure/view.js';
import { readyOf, runnerOf } from './contents.js';
import type { Life } from './life.js';
import type { Work } from './registries.js';
import { ruleOf } from './registries.js';
import type { World } from './world.js';

/** What a page is shown is what is stored: nothing more, nothing less, in order. */
export async function judgeViews(world: World, page: Life): Promise<void> {
  const { contents, chance } = world;
  const views = await page.basket.list({ limit: 1_000 });
  if (contents === world.contents) judgeList(world, page, views);

  const rows = [...world.contents.tasks.values()];
  if (rows.length === 0) return;
  const row = chance.pick(rows);
  const found = await page.basket.get(row.id);
  const now = world.contents.tasks.get(row.seq);
  if (now !== row) return;
  if ((found === undefined) !== (row.cancelled === true)) world.fail(`get of ${row.id} in ${page.name} is wrong`);
}

/** Whether a list shows exactly what is stored. */
export function judgeList(world: World, page: Life, views: readonly TaskView[]): void {
  const { contents } = world;
  const rows = [...contents.tasks.values()].filter((row) => row.cancelled !== true).sort((a, b) => a.seq - b.seq);
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
    const rule = ruleOf(page.kind, row.type);
    const readable = rule?.version === row.version && rule.readable;
    const runs = running.has(row.id);
    const right =
      view.state === (readyOf(row).letter === 'D' ? 'dead' : 'queued') &&
      view.running === runs &&
      view.attempts === row.attempts + (runs ? 1 : 0) &&
      view.failures === row.failures &&
      view.lane === row.lane &&
      view.unreadable === !readable &&
      (readable
        ? (view.payload as Work).n === told?.n && (view.payload as Work).rev === told.rev
        : view.payload === undefined);
    if (!right) fail(`${row.id} is shown as ${JSON.stringify(view)}`);
  }
}
