import type { TaskRow } from '../../src/pure/record.js';
import { idOfBody, isBody, partOf, readyOf } from './contents.js';
import type { Size, Told } from './journal.js';
import type { Commit } from './judge.js';
import { addedOf } from './judge-model.js';
import { ruleOf, workOf } from './registries.js';

/** An add adds; it changes nothing that was there. What it added is exactly what was asked for. */
export function judgeAdd({ world, underway, after, difference, fail }: Commit): void {
  const { added, removed, changed, outcomes, payloadsDeleted } = difference;
  if (removed.length > 0 || changed.length > 0 || outcomes.length > 0 || payloadsDeleted.length > 0) {
    fail('an add changed what was there');
  }
  if (underway.work === 'add' && added.length === 0) fail(`an add added ${added.length} rows`);

  const lists = new Set<readonly Told[]>();
  for (const row of [...added].sort((one, other) => one.seq - other.seq)) {
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
    // Nothing is found of what was told as failed, if it lies in a database that is gone, or was done without a result.
    const forgotten =
      told.end === 'lost' || told.end === 'purged' || (told.end === 'done' && told.result === undefined);
    const again = told.pending && told.state === 'ended' && forgotten;
    if (told.state !== 'asked' && !again) fail(`${row.id} was ${told.state} already`);
    if (world.byId.has(row.id) && !again) fail(`${row.id} is an id for the second time`);
    told.end = undefined;
    told.state = 'stored';
    told.id = row.id;
    told.seq = row.seq;
    told.with = [];
    told.merges = told.key !== undefined && ruleOf(told.kind, told.type)?.merges === true;
    world.byId.set(row.id, told);
    world.model.added(addedOf(told, row.id, told.expiresAt ?? endOf(row, told)));
    lists.add(told.list);

    noteParents(world, told, added);
    const wrong = wrongRow(row, told, work.rev);
    if (wrong !== undefined) fail(`${row.id}: ${wrong}`);
    if (told.via !== 'add' || told.lane === undefined) continue;
    const line = `${told.by.name} ${told.owner} ${told.lane}`;
    const last = world.lastAdded.get(line) ?? 0;
    if (last > told.n) fail(`#${told.n} came after #${last} into ${told.lane}, and was added before it`);
    world.lastAdded.set(line, told.n);
  }
  for (const list of lists) judgeList(list, fail);
  if (added.length > 1 && underway.work === 'add' && lists.size === added.length)
    world.report.met('other', 'adds that shared a transaction');
}

/** All of a list, in its order, or none. */
function judgeList(list: readonly Told[], fail: (what: string) => void): void {
  const missing = list.find(({ state }) => state === 'asked' || state === 'refused');
  if (missing !== undefined) fail(`#${missing.n} is missing of the list of #${list[0]?.n}`);
  const seqs = list.map(({ seq }) => seq ?? 0);
  if (seqs.some((seq, place) => seq <= (seqs[place - 1] ?? 0))) fail(`the list of #${list[0]?.n} is out of order`);
}

/** Whether a payload lies where its size says: in the row, under the row's id, or as a heavy body of its own key. */
export function isRefOf(ref: string | undefined, { id, owner }: TaskRow, size: Size): boolean {
  const start = `${partOf(owner ?? '')}|${id}|`;

  return size === 'heavy' ? ref?.startsWith(start) === true : ref === (size === 'small' ? undefined : id);
}

function wrongRow(row: TaskRow, told: Told, rev: number): string | undefined {
  const { letter, when } = readyOf(row);
  const priority = ['high', 'normal', 'low'][row.priority];
  const asked: Readonly<Record<string, readonly [unknown, unknown]>> = {
    type: [row.type, told.type],
    version: [row.version, told.version],
    owner: [row.owner, told.owner],
    gate: [row.gate, told.gate],
    lane: [row.lane, told.lane],
    key: [row.key, told.key],
    merges: [row.merges, told.merges ? true : undefined],
    after: [(row.after ?? []).join(), told.after.join()],
    onParent: [row.onParent, told.onParent],
    priority: [priority, told.priority],
    runAt: [row.runAt, told.runAt],
    expiresAt: [row.expiresAt, told.expiresAt ?? endOf(row, told)],
    onExpired: [row.onExpired, ruleOfExpiry(told) === 'block' ? 'block' : undefined],
    timeout: [row.timeout, told.timeout],
    onDead: [row.onDead, told.onDead],
    ref: [isRefOf(row.ref, row, told.size), true],
    letter: [letter, told.runAt === undefined ? 'F' : '!'],
    when: [when, told.runAt],
    attempts: [row.attempts + row.failures + row.interruptions + row.blames, 0],
    edition: [row.edition ?? 0, 0],
    rev: [rev, 0],
  };
  const [wrong] = Object.entries(asked).filter(([, [is, must]]) => is !== must);
  if (wrong === undefined) return undefined;
  const [what, [is, must]] = wrong;

  return `${what} is ${String(is)} and must be ${String(must)}`;
}

/** Says what there was of the parents of a new task. */
function noteParents({ byId, report }: Commit['world'], { after }: Told, beside: readonly TaskRow[]): void {
  for (const id of after) {
    const { state, end } = byId.get(id) ?? {};
    const near = beside.some((row) => row.id === id);
    report.met('parents', `named ${near ? 'in one transaction' : (end ?? state ?? 'and unknown')}`);
  }
}

/** When the lifetime of its type is over, which begins at its add, or at its date. */
function endOf({ addedAt }: TaskRow, { type, kind, runAt = addedAt }: Told): number | undefined {
  const lifetime = ruleOf(kind, type)?.lifetime;

  return lifetime === undefined ? undefined : Math.max(addedAt, runAt) + lifetime;
}

export function ruleOfExpiry({ type, kind, onExpired }: Told): 'block' | 'skip' | undefined {
  return onExpired ?? ruleOf(kind, type)?.onExpired;
}

/** Heavy bodies go ahead of their rows; they are taken back only if there are none. */
export function judgeBody({ world, underway, after, difference, fail }: Commit): void {
  const { added, removed, changed, outcomes, payloadsPut, payloadsDeleted } = difference;
  if (added.length + removed.length + changed.length + outcomes.length > 0) fail('wrote more than bodies');
  const refs = new Set([...after.tasks.values()].map(({ ref }) => ref));
  for (const key of payloadsDeleted) {
    if (refs.has(key)) fail(`took ${key} back, and its row is there`);
    world.report.met('other', 'heavy bodies taken back');
  }

  for (const key of payloadsPut) {
    if (!isBody(key)) fail(`${key} is no heavy body`);
    if (refs.has(key)) fail(`${key} was written again, and its row is there`);
    const told = world.told.get(workOf(after.payloads.get(key)).n);
    const changes = world.byId.has(idOfBody(key));
    if (!changes && (told?.by !== underway.life || told?.size !== 'heavy')) fail(`${key} was not asked for here`);
    else if (!changes && told?.state !== 'asked') fail(`${key} was written again, and its task is ${told?.state}`);
    world.report.met('other', `heavy bodies ahead of their row${changes ? ', of a change' : ''}`);
  }
}

/** What no transaction of a known work does: it deletes a body after the row that it belonged to, or one that is collected. */
export function judgeDrop({ world, after, difference, fail }: Commit): void {
  const { added, removed, changed, outcomes, state, payloadsPut, payloadsDeleted } = difference;
  if (added.length + removed.length + changed.length + outcomes.length + state.length + payloadsPut.length > 0) {
    fail('changed something outside of any known work');
  }
  const refs = new Set([...after.tasks.values()].map(({ ref }) => ref));
  for (const key of payloadsDeleted) {
    if (!isBody(key)) fail(`deleted ${key} outside of any known work`);
    if (refs.has(key)) fail(`deleted ${key}, whose row is there`);
    if (world.rowed.has(key)) continue;
    const { first, last } = world.orphans.get(key) ?? { first: 0, last: 0 };
    if (last - first <= day) fail(`collected ${key} after ${last - first} ms`);
    else world.report.met('other', 'heavy bodies collected');
  }
}

/** What has no row for so long, in milliseconds, is collected. */
const day = 24 * 60 * 60_000;
