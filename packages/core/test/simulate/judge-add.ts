import { readyOf } from './contents.js';
import type { Commit } from './judge.js';
import { workOf } from './registries.js';

/** An add adds; it changes nothing that was there. What it added is exactly what was asked for. */
export function judgeAdd({ world, underway, after, difference, fail }: Commit): void {
  const { added, removed, changed, outcomes, payloadsDeleted } = difference;
  if (removed.length > 0 || changed.length > 0 || outcomes.length > 0 || payloadsDeleted.length > 0) {
    fail('an add changed what was there');
  }
  if (underway.work === 'add' && added.length === 0) fail(`an add added ${added.length} rows`);

  for (const row of added) {
    const stored = row.ref === undefined ? row.payload : after.payloads.get(row.ref);
    if (stored === undefined) {
      fail(`${row.id} has no payload`);
      continue;
    }

    const work = workOf(stored);
    const told = world.told.get(work.n);
    if (told === undefined || told.by !== underway.life) {
      fail(`${row.id} was not asked for here`);
      continue;
    }
    if (told.state !== 'asked') fail(`${row.id} was ${told.state} already`);
    if (world.byId.has(row.id)) fail(`${row.id} is an id for the second time`);
    told.state = 'stored';
    told.id = row.id;
    told.seq = row.seq;
    world.byId.set(row.id, told);

    const { letter, when } = readyOf(row);
    const priority = ['high', 'normal', 'low'][row.priority];
    const asked: Readonly<Record<string, readonly [unknown, unknown]>> = {
      type: [row.type, told.type],
      version: [row.version, told.version],
      owner: [row.owner, null],
      gate: [row.gate, told.gate],
      lane: [row.lane, told.lane],
      priority: [priority, told.priority],
      runAt: [row.runAt, told.runAt],
      timeout: [row.timeout, told.timeout],
      onDead: [row.onDead, told.onDead],
      apart: [row.ref !== undefined, told.big],
      letter: [letter, told.runAt === undefined ? 'F' : '!'],
      when: [when, told.runAt],
      attempts: [row.attempts + row.failures + row.interruptions + row.blames, 0],
      rev: [work.rev, 0],
    };
    for (const [what, [is, must]] of Object.entries(asked)) {
      if (is !== must) fail(`${row.id}: ${what} is ${String(is)} and must be ${String(must)}`);
    }
  }
}
