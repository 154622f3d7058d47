import type { TaskRow } from '../../src/pure/record.js';
import { headsOf, laneMarkOf, readyOf, runnerOf } from './contents.js';
import { judgeWorkers } from './attending.js';
import type { Driver } from './commands.js';
import { die, newHost, newPage } from './commands.js';
import type { Life } from './life.js';
import { decideDead } from './editing.js';
import { judgeIdling } from './idling.js';
import { resumeAll } from './pausing.js';
import { judgeWaiting } from './settling.js';
import { judgeList } from './views.js';
import { judgeUnstarted } from './judge-model.js';
import { lacksOwner, mayStart, ownerIn, ownerNames, signIn } from './owners.js';
import { lives, parentsOf, parentsSay } from './parents.js';
import { reads, typeNames } from './registries.js';
import type { Kind } from './registries.js';
import type { World } from './world.js';

/** With the faults off, whatever can run runs, and is done; what is dead stays until it is retried. */
export async function finish(driver: Driver): Promise<void> {
  const { play } = driver;
  const { world } = play;
  world.say('finish');
  world.calm = true;
  if (world.gives > 0) world.gives = 1;
  world.room = Number.POSITIVE_INFINITY;
  world.faultAt = world.time.now();
  // What was lost just now is found within a minute.
  if (play.loss > 0) world.unheardAt = world.time.now();
  play.loss = 0;
  for (const life of play.lives) {
    life.armed = undefined;
    if (life.dead) continue;
    world.unannounced.set(life, 1);
    if (life.frozen) life.thaw();
    if (life.deaf) life.tell();
  }
  for (const attempt of world.attempts) attempt.end({ kind: 'success' });
  await play.quiet();
  if (play.workers !== undefined) await judgeWorkers(play, play.workers);
  const worker = play.workers?.current();
  if (worker !== undefined) die(driver, worker);
  if (world.failed()) return;

  // A page that knows each type adopts each task.
  const page = newPage(driver, world.wasFree ? 'page' : undefined);
  const snapshots = page.basket.watch({ limit: 1_000, everyOwner: true });
  const stop = snapshots.subscribe(() => undefined);
  if (world.chance.is(0.3)) await drain(driver, undefined);
  // One that knows each type: a page does not end pauses of types that it does not have.
  await resumeAll(play, play.page('last', 'page', 1));

  let build = 10;
  // What is tried again frees its lane, and the tasks behind it may expire meanwhile. A cancel makes its children dead, and
  // each round decides on one generation of them.
  let leftBefore = Number.POSITIVE_INFINITY;
  for (let round = 0; !world.failed(); round += 1) {
    const rows = [...world.contents.tasks.values()];
    // A lane of hundreds, of which each round brings back one, needs more rounds.
    if (round >= 50 && rows.length >= leftBefore) break;
    leftBefore = rows.length;
    if (round > 0 && !rows.some(({ dead, seq }) => dead !== undefined && !world.foreign.has(seq))) break;
    if (round > 0) await decideDead(driver, page);
    let before = '';
    while (before !== standingOf(world) && !world.failed()) {
      // Where nothing is left, nothing more is judged.
      if (before !== '' && world.contents.tasks.size === 0) break;
      before = standingOf(world);
      for (const kind of ['new', 'old'] as const) {
        build += 1;
        const others = play.lives.filter((life) => !life.dead && world.slots.has(life));
        // Either the newer asks for the lead, or there is nobody left to ask, or nobody answers.
        const fate = world.chance.pick(['asked', 'dead', 'dead', 'frozen']);
        if (fate === 'dead') for (const life of others) die(driver, life);
        if (fate === 'frozen') for (const life of others) life.freeze();
        const host = newHost(driver, kind, build);
        for (const owner of ownersLeft(world, build === 11)) {
          if (owner !== null) await signedIn(driver, page, owner);
          await drain(driver, host);
        }
      }
    }
    if (round === 0) judgeLeft(world, true);
  }

  judgeLeft(world, false);
  if (world.failed()) return;
  await play.advance(61_000);
  const shown = snapshots.get();
  if (!shown.loaded) world.fail('a watched query never had a value');
  else judgeList(world, page, shown.tasks, () => true);
  stop();
  await collect(driver);
  judgeWaiting(world);
  judgeIdling(world);
  if (world.mustSayLost && !world.saidLost) world.fail('the database was lost, and nobody says so');
  if (driver.prepared.length > 0) world.report.met('other', 'prepared and never placed');
}

/** How many tasks there are, and how many are dead: one that expires may free what only the build before can run. */
function standingOf({ contents }: World): string {
  const rows = [...contents.tasks.values()];

  return `${rows.length} ${rows.filter(({ dead }) => dead !== undefined).length}`;
}

/** The owners who sign in, one after the other. `all`: each of them; otherwise those who have tasks left. */
function ownersLeft(world: World, all: boolean): readonly (string | null)[] {
  if (!world.owned) return [null];
  const rows = [...world.contents.tasks.values()];
  const adopts = rows.some((row) => lacksOwner(world, row));
  const left = ownerNames.filter((name) => all || adopts || rows.some(({ owner }) => owner === name));

  // What belongs to nobody runs whoever is signed in.
  return left.length === 0 ? [null] : left;
}

/** Signs in, and waits until that is stored. */
async function signedIn({ play }: Driver, page: Life, owner: string): Promise<void> {
  page.blind = 0;
  void signIn(play.world, page, owner, play.world.wasFree);
  await play.quiet();
  if (ownerIn(play.world.contents) !== owner) play.world.fail(`${owner} is not signed in`);
}

/** Heavy bodies whose page died before their row came are collected by the second of two audits, a day apart. */
async function collect(driver: Driver): Promise<void> {
  const { play } = driver;
  const { world } = play;
  const alone = (): boolean => [...world.contents.payloads.keys()].some((key) => !refsOf(world).has(key));
  const wasAlone = alone();
  for (let audits = 0; audits < 3 && alone(); audits += 1) {
    for (const life of play.lives) if (!life.dead && world.slots.has(life)) die(driver, life);
    newHost(driver, 'old', 100 + audits);
    await play.quiet();
    world.time.jump(day);
  }
  const refs = refsOf(world);
  const left = [...world.contents.payloads.keys()].find((key) => !refs.has(key));
  if (left !== undefined) world.fail(`${left} has no row, and was not collected`);
  if (wasAlone) world.report.met('other', 'bodies without a row at the end');
}

function refsOf(world: World): ReadonlySet<string | undefined> {
  return new Set([...world.contents.tasks.values()].map(({ ref }) => ref));
}

/** Longer than a body may be without a row. */
const day = 25 * 60 * 60_000;

/** Longest wait that anything may impose: a cap of 5 minutes, a server's word of 150 s, runs alone, hand-over, polls. */
const longest = 20 * 60_000;

/** Goes on until nothing is left that the leading runner could do. */
async function drain({ play }: Driver, host: Life | undefined): Promise<void> {
  const { world } = play;
  const { time } = world;
  await play.quiet();
  const began = time.now();
  let dates = 0;

  while (time.now() - began < longest && !world.failed()) {
    if (host !== undefined && world.leading?.life === host && canRun(world, host.kind).length === 0) break;
    if (host === undefined && time.now() - began > 100_000) return;
    await play.advance(Math.min(60_000, Math.max(1, time.next() - time.now())));
    const heads = headsOf(world.contents);
    const left = (host === undefined ? [] : canRun(world, host.kind)).filter((row) => {
      return headOf(heads, row) === row && parentsSay(world, world.contents, row) !== 'hold';
    });
    const next = Math.min(...left.map(readyOf).map(({ letter, when }) => (letter === '!' ? (when ?? 0) : 0)));
    // Only dates are left: no need to wait for them in time itself.
    if (left.length > 0 && next > time.wall() + 60_000 && dates < 200) {
      dates += 1;
      time.jump(next - time.wall());
    }
  }
  if (host === undefined || world.failed()) return;

  if (world.leading?.life !== host) world.fail(`liveness: ${host.name} does not lead`);
  const left = canRun(world, host.kind);
  if (left.length > 0) {
    world.fail(`liveness: ${left.map((row) => `${row.id} ${row.ready}`).join(', ')} did not run within ${longest} ms`);
  }
  if ((runnerOf(world.contents)?.running.length ?? 0) > 0) world.fail('liveness: something is still claimed');
  judgeUnstarted(world, host.kind);
}

/** The rows that a build must be able to bring to their end: those with nothing before them that it cannot. */
function canRun(world: World, kind: Kind): readonly TaskRow[] {
  let able = [...world.contents.tasks.values()].sort((a, b) => a.seq - b.seq);
  for (let before = -1; before !== able.length;) {
    before = able.length;
    able = amongAble(world, kind, able);
  }

  return able;
}

/** Those of some rows that stand behind none, in their lane or as a child, that is not among them. */
function amongAble(world: World, kind: Kind, able: readonly TaskRow[]): TaskRow[] {
  const { contents } = world;
  const stuck = new Set<string>();
  const rows = [...contents.tasks.values()].sort((a, b) => a.seq - b.seq);
  const ids = new Set(able.map(({ id }) => id));

  return rows.filter((row) => {
    const lane = laneMarkOf(row);
    const dead = row.dead !== undefined && row.cancelled !== true;
    const leftLane = lane === undefined || !row.marks.includes(lane);
    const dies = parentsSay(world, contents, row) === 'die';
    const waits = parentsOf(world, contents, row).some((one) => lives(one) && one.is !== 'running' && !ids.has(one.id));
    const n = world.byId.get(row.id)?.n ?? 0;
    // One that dies for its parent is dead at its date; what waits for it is found then.
    const isFree = ids.has(row.id) && !dead && (dies || !waits);
    const can = isFree && !world.foreign.has(row.seq) && mayStart(world, contents, kind, row) && reads(kind, row, n);
    if (lane !== undefined && stuck.has(lane)) return false;
    if (!can && lane !== undefined && !leftLane) stuck.add(lane);

    return can;
  });
}

function headOf(heads: ReadonlyMap<string, TaskRow>, row: TaskRow): TaskRow {
  const lane = laneMarkOf(row) ?? '';

  return (row.marks.includes(lane) ? heads.get(lane) : undefined) ?? row;
}

/** The parents for which a row waits. */
function waitsFor(world: World, row: TaskRow): readonly TaskRow[] {
  const rows = [...world.contents.tasks.values()];

  return parentsOf(world, world.contents, row)
    .filter(lives)
    .flatMap(({ id }) => rows.find((one) => one.id === id) ?? []);
}

/** What is left at the end: what no build knows, what is dead, and what stands behind one of these. */
function judgeLeft(world: World, deadStay: boolean): void {
  if (world.failed()) return;
  const heads = headsOf(world.contents);
  for (const row of world.contents.tasks.values()) {
    const head = headOf(heads, row);
    const stands = (one: TaskRow | undefined): boolean =>
      one !== undefined &&
      (world.foreign.has(one.seq) ||
        one.type === typeNames.ghost ||
        (deadStay && one.dead !== undefined) ||
        waitsFor(world, one).some((parent) => stands(headOf(heads, parent)) || stands(parent)));
    if (!stands(row) && !stands(head)) world.fail(`liveness: ${row.id} (${row.type}) is left over: ${row.ready}`);
    if (row.type === typeNames.ghost && row.attempts > 0) world.fail(`${row.id} is of an unknown type, and was tried`);
  }
  for (const told of world.told.values()) {
    if (told.state === 'stored' && !world.contents.tasks.has(told.seq ?? 0))
      world.fail(`#${told.n} is gone without an end`);
  }
}
