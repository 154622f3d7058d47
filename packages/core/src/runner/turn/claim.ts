import { isAway } from '../../pure/gate.js';
import type { Parent } from '../../pure/parents.js';
import { defined } from '../../pure/parts.js';
import type { Claim, TaskRow } from '../../pure/record.js';
import { laneMarkOf } from '../../pure/record.js';
import type { TaskTypeParts } from '../../pure/registry.js';
import { findType } from '../../pure/find-type.js';
import { dueOn, expired, held, orphaned } from '../../pure/transitions.js';
import { parentsOf } from '../../store/parents.js';
import type { Leader, RunningAttempt } from '../term/leader.js';
import { timeoutOf } from '../term/leader.js';
import { note } from '../term/memory.js';
import { bury } from './expire.js';
import type { Reader } from './reader.js';
import { asRewritten, isReplaced } from './replace.js';
import type { Claiming, Room } from './room.js';
import { gateOf, roomFor } from './room.js';

/**
 * Claims the next row of a reader if there is room, or writes what becomes of the row. Resolves with what `roomFor`
 * said, or with `pass` if a later task has replaced the row.
 */
export async function claimNext(claiming: Claiming, reader: Reader, read: TaskRow): Promise<Room> {
  const { leader, draft } = claiming;
  const { stores, moment, memory } = draft;
  const parents = await readParents(claiming, read);
  const found = roomFor(claiming, reader.source, read, parents);
  const ends = found === 'claim' || found === 'expire' || found === 'die';
  const room = ends && (await isReplaced(leader, draft, read)) ? 'pass' : found;
  const row = asRewritten(draft, read);
  if (room === 'full') return room;
  if (room === 'closed' || room === 'clearing') {
    reader.stop();

    return room;
  }

  // A row that stays as it is does not count: on a slow device it would be the only one that each turn checks.
  if (room !== 'wait') claiming.checks += 1;
  reader.take(room === 'wait');
  if (room === 'claim') claimRow(claiming, row, parents);
  if (room === 'expire') await bury(leader, draft, expired(row, moment));
  if (room === 'die') await bury(leader, draft, orphaned(row, moment, knownType(leader, row)));
  if (room === 'hold' || room === 'date') {
    const next = room === 'hold' ? held(row, parents) : dueOn(row, row.runAt ?? moment.wall);
    stores.tasks.put(next);
    draft.wrote = true;
    memory.children ||= room === 'hold' && row.after !== undefined;
    note(memory, next.ready, leader.context.registry);
  }

  return room;
}

/** Reads the parents of a row, unless it is behind its head. */
async function readParents({ draft, heads }: Claiming, row: TaskRow): Promise<readonly Parent[]> {
  if (row.after === undefined || (heads.of(row) ?? row.seq) !== row.seq) return [];
  const claims = [...draft.running.values()].map(({ claim }) => claim);

  return parentsOf(draft.stores, row, claims);
}

function knownType({ context }: Leader, { type: name }: TaskRow): TaskTypeParts {
  const type = findType(context.registry, name);
  if (type === undefined) throw new Error(`A task of the unknown type "${name}" was read as if it could run.`);

  return type;
}

function claimRow(claiming: Claiming, row: TaskRow, parents: readonly Parent[]): void {
  const { leader, draft, attempts } = claiming;
  const { ports } = leader.context;
  const type = knownType(leader, row);

  const claim: Claim = {
    claim: draft.nextClaim + attempts.length,
    seq: row.seq,
    id: row.id,
    ...defined({ lane: laneMarkOf(row), ref: row.ref }),
  };

  const attempt: RunningAttempt = {
    claim,
    row,
    type,
    stored: row.ref === undefined ? { value: row.payload } : undefined,
    parents: parents.map(({ result }) => result),
    signedIn: draft.memory.signedIn,
    probe: isAway(gateOf(claiming, row.gate)),
    startedAt: draft.moment.now,
    controller: new AbortController(),
    deadline: ports.clock.monotonic() + timeoutOf({ row, type }),
    started: false,
    touched: false,
    completed: false,
    over: false,
  };
  attempts.push(attempt);
  draft.running.set(claim.claim, attempt);
}
