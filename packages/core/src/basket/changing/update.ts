import type { IsLater } from '../../ports/ids.js';
import { madeAfter } from '../../ports/ids.js';
import { asItIs, isPromiseLike } from '../../pure/codec.js';
import { copyOf } from '../../pure/copy.js';
import { corrected, isEditable } from '../../pure/correction.js';
import { TaskbasketError } from '../../pure/errors.js';
import { checkId } from '../../pure/options.js';
import type { TaskRow } from '../../pure/record.js';
import { isClaimed } from '../../pure/record.js';
import type { TaskTypeParts } from '../../pure/registry.js';
import { currentName } from '../../pure/aliases.js';
import { typeOf } from '../../pure/find-type.js';
import { weigh } from '../../pure/size.js';
import { read } from '../../store/transact.js';
import { rowOfId, rowsOfIds } from '../../store/rows.js';
import { edit } from './edit.js';
import type { BasketContext } from '../context/context.js';
import { seenIn } from '../context/context.js';
import { behindBodies, dropBodies, isLate, tooLate } from '../adding/bodies.js';
import { encoded, rowPart, weighed, writePayload } from '../adding/encode.js';
import { laneGateAndKey } from '../adding/prepare.js';
import { withoutReplaced } from './replace.js';

/**
 * Gives a task another payload, if it was never started or is dead. A dead task gets a new idempotency key, its
 * counters are set to 0, and it runs again. Resolves with whether the task was found, once the change is on disk.
 */
export async function update(context: BasketContext, id: string, payload: unknown): Promise<boolean> {
  checkId(id);
  const given = atTheCall(payload);
  const isSeen = seenIn(context);
  const isLater = madeAfter(context.newId());

  return context.edits(id, () => updateNow(context, id, isSeen, isLater, given));
}

async function updateNow(
  context: BasketContext,
  id: string,
  isSeen: (row: TaskRow) => boolean,
  isLater: IsLater,
  { copy, forCodec }: ReturnType<typeof atTheCall>,
): Promise<boolean> {
  const before = await read(context, (stores) => rowOfId(stores, id), ['tasks']);
  if (before === undefined || !isSeen(before)) return false;
  if (before.strange === true) throw ofLater(before);

  const name = currentName(context.registry, before.type);
  const type = typeOf(context.registry, name);
  const given = type.codec === asItIs ? copy : forCodec;
  const gate = newGate(type, name, before, given);
  const value = encoded(context.ports.clock, type, name, given);
  const payload = weighed(context, before, isPromiseLike(value) ? await value : value);

  const tasks = [{ row: before, payload }];
  const found = await behindBodies(context, tasks, (ahead) =>
    edit(context, async (stores) => {
      if (isLate(context, stores.tasks, ahead)) throw tooLate;
      const now = await rowsOfIds(stores, [id]);
      const { found: rows, hints, claims } = await withoutReplaced(context, stores, now, isLater);
      const [row] = rows;
      // Since it was read, a sign-in may have given it to an owner.
      if (row === undefined || !isSeen(row)) return { found: [], hints };
      if (row.strange === true) throw ofLater(row);
      if (isClaimed(row, claims) || !isEditable(row)) throw started(row);

      writePayload(stores, row, payload);
      const correction = { payload: rowPart(payload), version: type.version, gate };
      stores.tasks.put(corrected(row, correction, context.ports.clock.wall()));

      return { found: [row], hints };
    }),
  );
  if (found.length === 0) dropBodies(context, tasks);

  return found.length > 0;
}

/**
 * A copy of the payload, and what the codec gets. That is no copy if it has an instance of the app's class, whose
 * methods a copy would lose.
 */
function atTheCall(payload: unknown): { readonly copy: unknown; readonly forCodec: unknown } {
  try {
    const copy = copyOf(payload);

    return { copy, forCodec: weigh(payload).ownClass ? payload : copy };
  } catch {
    return { copy: payload, forCodec: payload };
  }
}

/** The gate that the new payload gives. Refuses a payload with another lane or key, because a task cannot change it. */
function newGate(type: TaskTypeParts, name: string, row: TaskRow, payload: unknown): string {
  const given = (what: 'lane' | 'gate' | 'key'): string | undefined =>
    row.given?.includes(what) === true ? row[what] : undefined;
  const own = { lane: given('lane'), gate: given('gate'), key: given('key') };
  const found = laneGateAndKey(type, name, payload, own);
  for (const what of ['lane', 'key'] as const) {
    if (typeof type[what] !== 'function' || found[what] === row[what]) continue;
    const why = `"${String(found[what])}", but the ${what} of the task is "${String(row[what])}"`;
    const remedy = `Cancel it and add another, or keep what its ${what} is made of.`;

    throw new TaskbasketError('option', `The new payload of "${name}" gives the ${what} ${why}. ${remedy}`);
  }

  return found.gate;
}

/** The error for a strange row. */
function ofLater({ type }: TaskRow): TaskbasketError {
  const why = `This version of the library cannot read the row of the task "${type}"`;
  const remedy = 'A later version wrote it, or a migration of the app changed it. Cancel the task, or edit it there.';

  return new TaskbasketError('unknown-type', `${why}. ${remedy}`);
}

function started(row: TaskRow): TaskbasketError {
  const remedy = 'What may have been sent is not edited: add another task, which runs after it in its lane.';

  return new TaskbasketError('started', `The task "${row.type}" was started. ${remedy}`, undefined, row.id);
}
