import { TaskbasketError } from '../../src/pure/errors.js';
import type { TaskRow } from '../../src/pure/record.js';
import type { Driver } from './commands.js';
import { pageOf } from './commands.js';
import type { Contents } from './contents.js';
import { headsOf, laneMarkOf, readyOf, runnerOf } from './contents.js';
import { targetsOf } from './judge-command.js';
import type { Life } from './life.js';
import { lacksOwner, listedBy, ownerIn } from './owners.js';
import type { ParentFacts } from './parents.js';
import { lives, parentsOf, parentsSay } from './parents.js';
import { isPaused } from './pausing.js';
import { knows, typesOf } from './registries.js';
import type { CommandFacts, Which, World } from './world.js';

/** A page that waits until nothing is left that runs by itself. */
export interface Idling {
  readonly life: Life;
  readonly which: Omit<Which, 'state'>;
  /** Who was signed in there at the call. */
  readonly here: string | null | undefined;
  readonly isSeen: CommandFacts['isSeen'];
  /** The latest contents since the call. */
  readonly recent: Contents[];
}

/** So many of the last contents are kept: a page that reads may be told after another commit. */
const contentsKept = 12;

/** Notes what is stored since a commit. */
export function noteContents({ idling }: World, contents: Contents): void {
  for (const { recent } of idling) {
    recent.push(contents);
    if (recent.length > contentsKept) recent.shift();
  }
}

/** A page waits until nothing is left, of all tasks or of some. */
export function idle(driver: Driver): string | undefined {
  const { world } = driver.play;
  const { chance, idling, contents } = world;
  const life = pageOf(driver);
  if ([...idling].some((one) => one.life === life)) return undefined;
  const lanes = [...contents.tasks.values()].flatMap(({ lane }) => lane ?? []);
  const here = world.here.get(life);
  const isOwn = !world.owned || (typeof here === 'string' && chance.is(0.7));
  const which = {
    ...(isOwn ? {} : { everyOwner: true }),
    ...(chance.is(0.4) && lanes.length > 0 ? { lane: chance.pick(lanes) } : {}),
    ...(chance.is(0.4) ? { type: chance.pick(typesOf('page')) } : {}),
  };
  const recent = [contents];
  const one: Idling = { life, which, here, isSeen: isOwn ? listedBy(world, life) : () => true, recent };
  idling.add(one);
  const moved = anyMoves(world, contents, one);
  life.basket.whenIdle(which).then(
    () => {
      idling.delete(one);
      if (life.dead) return;
      world.report.met('pauses', moved ? 'idle, after a wait' : 'idle at once');
      if (targetsOf(one, world.contents).length > 0) world.report.met('pauses', 'idle beside what waits for somebody');
      if (world.losses === 0 && recent.every((past) => anyMoves(world, past, one)))
        world.fail(`${life.name} is told that nothing of ${JSON.stringify(which)} is left that runs by itself`);
    },
    (error: unknown) => {
      idling.delete(one);
      if (life.dead) return;
      const isLost = world.losses > 0 || world.deleting;
      const left = isLost || [world.here.get(life), ...recent.map(ownerIn)].some((owner) => owner !== here);
      if (isOwn && left && error instanceof TaskbasketError && error.code === 'signed-out')
        world.report.met('pauses', 'not idle, because the owner left');
      else world.fail(`whenIdle in ${life.name} rejected: ${String(error)}`);
    },
  );

  return `${JSON.stringify(which)} in ${life.name}`;
}

/** Whether a task is left that runs by itself, whoever leads. */
function anyMoves(world: World, contents: Contents, one: Idling): boolean {
  const { life } = one;
  const heads = headsOf(contents);

  const moves = (row: TaskRow): boolean => {
    if (isStill(world, contents, life, row)) return false;
    const lane = laneMarkOf(row);
    const head = lane === undefined ? undefined : heads.get(lane);
    // What runs waits for nobody, also if an earlier task of its lane came back meanwhile.
    if (isRunning(world, contents, row)) return true;
    const before = [holderOf(world, contents, row), head !== undefined && head.seq < row.seq ? head : undefined];
    if (!before.every((other) => other === undefined || moves(other))) return false;
    if (parentsSay(world, contents, row) !== 'hold') return true;

    // A task whose parent waits for somebody waits for somebody too, also behind the head of its lane.
    return rowsOf(contents, parentsOf(world, contents, row).filter(lives)).every(moves);
  };

  return targetsOf(one, contents).some(moves);
}

function rowsOf(contents: Contents, parents: readonly ParentFacts[]): readonly TaskRow[] {
  return [...contents.tasks.values()].filter(({ id }) => parents.some((parent) => parent.id === id));
}

function isClaimed(contents: Contents, row: TaskRow): boolean {
  return runnerOf(contents)?.running.some(({ seq }) => seq === row.seq) === true;
}

/** Whether a task runs. What a runner without the lock had claimed does not: it comes back, maybe behind another one. */
function isRunning({ leading }: World, contents: Contents, row: TaskRow): boolean {
  return leading?.life.dead === false && leading.life.holds && isClaimed(contents, row);
}

/** The running task of the same lane, to which this one came back later. */
function holderOf(world: World, contents: Contents, row: TaskRow): TaskRow | undefined {
  const claim = runnerOf(contents)?.running.find(
    (one) => one.lane !== undefined && one.lane === laneMarkOf(row) && one.seq !== row.seq,
  );
  const holder = claim === undefined ? undefined : contents.tasks.get(claim.seq);

  return holder !== undefined && isRunning(world, contents, holder) ? holder : undefined;
}

/** Whether a task waits for somebody, or for another build. */
function isStill(world: World, contents: Contents, { kind }: Life, row: TaskRow): boolean {
  const { leading, foreign, terms } = world;
  if (isRunning(world, contents, row)) return false;
  if (lacksOwner(world, row) || (row.owner !== null && row.owner !== ownerIn(contents))) return true;
  const { letter } = readyOf(row);
  if (row.cancelled !== true && (letter === 'D' || letter === 'U' || letter === 'Z')) return true;
  // Another build may have led at the time.
  const { epoch } = runnerOf(contents) ?? {};
  const led = [...terms].find(([, term]) => term.epoch === `${epoch?.count}:${epoch?.nonce}`);
  const leader = led?.[0] ?? leading?.life;
  const kinds = [kind, ...(leader === undefined ? [] : [leader.kind])];

  return foreign.has(row.seq) || kinds.some((one) => !knows(one, row) || isPaused(contents, row, one));
}

/** With the faults off, nobody waits for what does not come. */
export function judgeIdling(world: World): void {
  for (const one of world.idling) {
    const { life, which } = one;
    if (life.dead || life.frozen) continue;
    if (!anyMoves(world, world.contents, one))
      world.fail(`${life.name} still waits for ${JSON.stringify(which)} to be idle`);
  }
}
