/** A browser that has just been started, on a database with many tasks: the open, the take-over, the first claim. */
import { createSheet } from '../sheet.mjs';

/** The page fills so many rows a call. */
const slice = 50_000;

export async function measure(browsers, { runs = 3, rows }) {
  const sheet = createSheet('a newly started browser; ms');
  const profiles = [
    { name: 'raw, 64 rows', profile: 'raw-few', count: 64, way: 'Raw' },
    { name: `raw, ${rows.toLocaleString('en')} rows`, profile: 'raw-many', count: rows, way: 'Raw' },
    { name: 'the library, 64 tasks', profile: 'few', count: 64, way: 'Library' },
    { name: `the library, ${rows.toLocaleString('en')} tasks`, profile: 'many', count: rows, way: 'Library' },
  ];

  for (const { profile, count, way } of profiles) await fill(browsers, profile, count, way);
  for (let run = 0; run < runs; run += 1) {
    for (const { name, profile, way } of profiles) {
      const found = await browsers.visit(profile, (call) => call(`start${way}`));
      for (const [column, figure] of Object.entries(found)) sheet.note(name, column, figure);
    }
  }
  for (const { profile } of profiles) browsers.forget(profile);

  sheet.print();
}

async function fill(browsers, profile, count, way) {
  await browsers.visit(profile, async (call) => {
    for (let filled = 0; filled < count; filled += slice) {
      await call(`fill${way}`, { count: Math.min(slice, count - filled) });
    }
  });
}
