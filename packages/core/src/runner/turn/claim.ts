import { isAway } from '../../pure/gate.js';
import { defined } from '../../pure/parts.js';
import type { Claim, TaskRow } from '../../pure/record.js';
import { laneOf } from '../../pure/record.js';
import { findType } from '../../pure/find-type.js';
import { dueOn, held } from '../../pure/transitions.js';
import type { RunningAttempt } from '../term/leader.js';
import { note } from '../term/memory.js';
import { expire } from './expire.js';
import type { Reader } from './reader.js';
import { isReplaced } from './replace.js';
import type { Claiming, Room } from './room.js';
import { gateOf, roomFor } from './room.js';

/**
 * Claims the next row of a reader if there is room, or writes what becomes of the row. Resolves with what `roomFor`
 * said, or with `pass` if a later task has replaced the row.
 */
export async function claimNext(claiming: Claiming, reader: Reader, row: TaskRow): Promise<Room> {
  const { leader, draft, attempts } = claiming;
  const found = roomFor(claiming, reader.source, row);
  const ends = found === 'claim' || found === 'expire';
  const room = ends && (await isReplaced(leader, draft, attempts, row)) ? 'pass' : found;
  if (room === 'full') return room;
  if (room === 'closed' || room === 'clearing') {
    reader.stop();

    return room;
  }

  claiming.checks += 1;
  reader.take(room === 'wait');
  if (room === 'claim') claiming.attempts.push(attemptOf(claiming, row));
  if (room === 'expire') await expire(leader, draft, row);
  if (room === 'hold' || room === 'date') {
    const next = room === 'hold' ? held(row) : dueOn(row, row.runAt ?? draft.moment.wall);
    draft.stores.tasks.put(next);
    draft.wrote = true;
    note(draft.memory, next.ready, leader.context.registry);
  }

  return room;
}

function attemptOf(claiming: Claiming, row: TaskRow): RunningAttempt {
  const { leader, draft, attempts } = claiming;
  const { registry, ports } = leader.context;
  const type = findType(registry, row.type);
  if (type === undefined) throw new Error(`A task of the unknown type "${row.type}" was read as if it could run.`);

  const claim: Claim = {
    claim: draft.nextClaim + attempts.length,
    seq: row.seq,
    id: row.id,
    ...defined({ lane: laneOf(row), ref: row.ref }),
  };

  return {
    claim,
    row,
    type,
    stored: row.ref === undefined ? { value: row.payload } : undefined,
    signedIn: draft.memory.signedIn,
    probe: isAway(gateOf(claiming, row.gate)),
    startedAt: draft.moment.now,
    controller: new AbortController(),
    deadline: ports.clock.monotonic() + (row.timeout ?? type.timeout),
    abandonAt: undefined,
    abortedFor: undefined,
    started: false,
    touched: false,
    verdict: undefined,
    refusals: undefined,
    over: false,
  };
}
