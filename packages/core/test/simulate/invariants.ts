import type { GateRow } from '../../src/pure/gate.js';
import type { TaskRow } from '../../src/pure/record.js';
import type { Contents } from './contents.js';
import { headsOf, isBody, laneMarkOf, positionsOf, readyOf, runnerOf } from './contents.js';
import { hasLeft } from './judge-expired.js';
import { keyOf } from './judge-replaced.js';
import { parentsSay, waitMarksOf } from './parents.js';
import { isHeld } from './pausing.js';
import { ruleOf } from './registries.js';
import type { World } from './world.js';

/** What must hold of the database after every commit, of whomever: section 8 of the design, and the form of each row. */
export function judgeContents(world: World, contents: Contents, written: readonly TaskRow[]): void {
  const fail = (what: string): void => world.fail(`stored: ${what}`);
  for (const row of written) judgeForm(world, row, fail);
  judgeClaims(world, contents, fail);
  judgeHeads(world, contents, fail);
  judgePayloads(contents, fail);
  judgeState(contents, fail);
}

/** At most one claim of a task and of a lane; a claim whose row is gone is one that was removed by hand. */
function judgeClaims(world: World, contents: Contents, fail: (what: string) => void): void {
  const claims = runnerOf(contents)?.running ?? [];
  if (new Set(claims.map(({ seq }) => seq)).size < claims.length) fail('a task is claimed twice');
  if (new Set(claims.map(({ claim }) => claim)).size < claims.length) fail('two claims have one number');
  const lanes = claims.flatMap(({ lane }) => lane ?? []);
  if (new Set(lanes).size < lanes.length) fail(`a lane is claimed twice: ${lanes.join(', ')}`);

  for (const claim of claims) {
    const row = contents.tasks.get(claim.seq);
    const told = world.byId.get(claim.id);
    const isEnded = told?.end === 'purged' || (told?.end === 'done' && told.completed === true);
    if (row === undefined && !isEnded) fail(`${claim.id} is claimed, and is gone`);
    if (row !== undefined && row.id !== claim.id) fail(`the claim of ${claim.id} stands for ${row.id}`);
  }
}

/** Each lane's head, and each row without a lane, is found by something. */
function judgeHeads(world: World, contents: Contents, fail: (what: string) => void): void {
  const claims = runnerOf(contents)?.running ?? [];
  const claimed = new Set(claims.map(({ seq }) => seq));
  const lanes = new Set(claims.flatMap(({ lane }) => lane ?? []));
  const positions = positionsOf(contents);

  const isFound = (row: TaskRow): boolean => {
    if (claimed.has(row.seq) || world.foreign.has(row.seq)) return true;
    const { letter, prefix } = readyOf(row);
    if (letter === '@' || letter === '!' || letter === 'U') return true;
    if (letter === 'D') return row.dead !== undefined;
    if (letter === 'H') return isHeld(contents, row) || parentsSay(world, contents, row) === 'hold';

    return letter === 'F' && row.seq > (positions[prefix] ?? 0);
  };

  for (const [mark, head] of headsOf(contents)) {
    if (!lanes.has(mark) && !isFound(head)) fail(`nothing finds ${head.id}, the head of ${mark}: ${head.ready}`);
  }
  for (const row of contents.tasks.values()) {
    if (row.lane === undefined && !isFound(row)) fail(`nothing finds ${row.id}, without a lane: ${row.ready}`);
  }
}

/** A payload that lies apart belongs to a row, or to a claim whose row was removed. */
function judgePayloads(contents: Contents, fail: (what: string) => void): void {
  const refs = new Set([...contents.tasks.values()].flatMap(({ ref }) => ref ?? []));
  for (const ref of refs) if (!contents.payloads.has(ref)) fail(`the payload ${ref} is not there`);
  for (const claim of runnerOf(contents)?.running ?? []) if (claim.ref !== undefined) refs.add(claim.ref);
  // A heavy body may wait for its row, or for its deletion after its row has gone.
  for (const key of contents.payloads.keys()) {
    if (!refs.has(key) && !isBody(key)) fail(`the payload ${key} belongs to nothing`);
  }
}

function judgeState(contents: Contents, fail: (what: string) => void): void {
  for (const [key, value] of contents.state) {
    if (
      !/^(runner|positions|bodies|edits|session|reserve|gate:.+|paused:\[.*\]|deposed:\d{12}:\w{12}(:\d+)?)$/.test(key)
    )
      fail(`an unknown key ${key}`);
    if (!key.startsWith('gate:')) continue;
    const gate = value as GateRow;
    if (`gate:${gate.name}` !== key || gate.step < 1 === gate.by.length > 0)
      fail(`a gate ${key} that is ${JSON.stringify(gate)}`);
  }
}

const letters = ['F', '@', '!', 'H', 'U', 'D'];
const fields = new Set(
  `seq id type version owner gate priority lane given key merges after onParent runAt expiresAt timeout onDead onExpired addedAt ready marks payload ref attempts failures
  interruptions blames edition revision recovered lastError dead cancelled ofLater`.split(/\s+/),
);

/** The form of a row: its key and its marks say what its fields say. */
function judgeForm(world: World, row: TaskRow, fail: (what: string) => void): void {
  const must = (holds: boolean, what: string): void => {
    if (!holds) fail(`${row.id}: ${what} (${row.ready})`);
  };
  if (world.foreign.has(row.seq)) return;

  const { letter, route, rank, when } = readyOf(row);
  const timed = letter === '@' || letter === '!';
  const alone = timed && row.interruptions >= 3;
  world.report.met('letters', row.cancelled === true ? 'D (cancelled)' : letter);
  must(letters.includes(letter), 'its letter');
  must(
    Object.keys(row).every((name) => fields.has(name)),
    `its fields ${Object.keys(row).join(' ')}`,
  );
  must(route.type === row.type && route.version === row.version, 'its key is of another type');
  must(route.owner === row.owner && route.gate === row.gate, 'its key is of another route');
  must(rank === (alone ? 3 : row.priority), `its key has the rank ${rank}`);
  must(timed === (when !== undefined), 'its time');
  must(letter !== 'F' || row.attempts === 0, 'it is fresh, and was started');
  must((letter === 'D') === (row.dead !== undefined || row.cancelled === true), 'it is dead, or is it');
  must(row.dead === undefined || /^(permanent|limit|expired|parent)$/.test(row.dead.reason), 'its death has no reason');
  must((row.ref === undefined) !== (row.payload === undefined), 'its payload');
  for (const count of [row.attempts, row.failures, row.interruptions, row.blames])
    must(Number.isInteger(count) && count >= 0, 'a counter');
  must(row.failures <= row.attempts, 'more failures than attempts');

  const lane = laneMarkOf(row);
  const left = hasLeft(row, ruleOf('page', row.type));
  const marks = [`I${row.id}`, ...(lane === undefined ? [] : [left ? `S${lane.slice(1)}` : lane])];
  marks.push(...keyOf(row));
  const { expiresAt } = row;
  if (expiresAt !== undefined && row.dead === undefined) marks.push(`X${expiresAt.toString(36).padStart(9, '0')}`);
  if (row.cancelled === true) marks.push('C');
  const waits = waitMarksOf(world, row);
  marks.push(...waits.must, ...waits.may.filter((mark) => row.marks.includes(mark)));
  must([...row.marks].sort().join(' ') === [...new Set(marks)].sort().join(' '), `its marks ${row.marks.join(' ')}`);
  must(row.onParent === world.byId.get(row.id)?.onParent, `its parents: ${row.onParent}`);
}
