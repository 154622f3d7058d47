import { behindBodies, dropBodies, isLate, tooLate, unreadableFile } from '../../basket/adding/bodies.js';
import { encoded, rowPart, weighed, writePayload } from '../../basket/adding/encode.js';
import { isRefusal, notStored } from '../../basket/adding/refusal.js';
import { isPromiseLike } from '../../pure/codec.js';
import { copyOf } from '../../pure/copy.js';
import { messageOf, TaskbasketError } from '../../pure/errors.js';
import { decodedFrom } from '../../pure/evolution.js';
import { defined } from '../../pure/parts.js';
import { idempotencyKey, withPayload } from '../../pure/record.js';
import type { StoredError, TaskRow } from '../../pure/record.js';
import { storeFor, weigh } from '../../pure/size.js';
import { isPresent } from '../../pure/state.js';
import { dueFrom } from '../../pure/transitions.js';
import type { Verdict } from '../../pure/verdict.js';
import { createSerialQueue } from '../../pure/serial-queue.js';
import { storedError, verdictOf } from '../../pure/verdict.js';
import type { StoredPayload } from '../../store/payloads.js';
import { readPayloads } from '../../store/payloads.js';
import { claimedRow } from '../../store/rows.js';
import { inFence } from '../term/fence.js';
import type { AnyHandler, Attempt, Leader, RunningAttempt } from '../term/leader.js';
import { timeoutOf } from '../term/leader.js';
import { abortAttempt, abortGrace } from './abort.js';
import { createComplete } from './complete.js';
import { createProgress } from './progress.js';
import { sessionOf } from './session.js';

/** Runs the attempt of a claimed task. Never rejects: an error becomes the verdict. */
export async function runAttempt(leader: Leader, attempt: RunningAttempt, handler: AnyHandler): Promise<void> {
  const wall = (): number => leader.context.ports.clock.wall();

  if (attempt.stored === undefined) await readApart(leader, attempt);
  const { stored } = attempt;
  if (stored === undefined || attempt.controller.signal.aborted) {
    // A payload that was not read in time says nothing about the decoder.
    conclude(leader, attempt, stored === undefined ? { kind: 'unread' } : { kind: 'returned', started: false });

    return;
  }

  let payload: unknown;
  try {
    payload = await decoded(stored, attempt);
  } catch (error) {
    conclude(leader, attempt, { kind: 'unreadable', error: storedError(error, wall()) });

    return;
  }

  // The decoder ended, so the payload can be read: it was slow, or the worker was frozen. The next try waits, uncounted.
  if (attempt.controller.signal.aborted) return conclude(leader, attempt, { kind: 'unread' });

  attempt.started = true;
  try {
    const returned = handler.call(leader.handlers, payload, attemptFace(leader, attempt));
    const result = copied(isPromiseLike(returned) ? await returned : returned);
    await attempt.completing;
    if (attempt.row.owner !== null) leader.values.worked(attempt);
    conclude(leader, attempt, result === undefined ? { kind: 'success' } : { kind: 'success', result });
  } catch (thrown) {
    const verdict = verdictOf(thrown, wall());
    await attempt.completing;
    conclude(leader, attempt, verdict.kind === 'unavailable' ? await away(leader, attempt, stored, verdict) : verdict);
  }
}

/**
 * Reads a payload that is not in its row. It is read by itself, so that no attempt waits for the payload of another. If it
 * could not be read, also the second time, it stays `undefined`.
 */
async function readApart({ context }: Leader, attempt: RunningAttempt): Promise<void> {
  const { ref = '' } = attempt.claim;
  const read = async (): Promise<void> => {
    attempt.stored = (await readPayloads(context, [ref])).get(ref);
  };
  await read()
    .catch(read)
    .catch(() => undefined);
}

/**
 * A copy of what a handler returned, because the app may change it before a turn stores it. What cannot be stored is not
 * copied, and the turn says why.
 */
function copied(result: unknown): unknown {
  try {
    return storeFor(weigh(result)) === 'bodies' ? result : copyOf(result);
  } catch {
    return result;
  }
}

/**
 * The verdict on an attempt whose destination is away, or seems to be. A server that refuses the one who is signed in is
 * not away: the owner's tasks of this gate wait for other values. If a file of the payload cannot be read, `fetch` fails
 * as if there were no network. Then the task is dead, so that somebody sees and corrects it.
 */
async function away(
  { values }: Leader,
  attempt: RunningAttempt,
  stored: StoredPayload,
  verdict: Verdict & { readonly kind: 'unavailable' },
): Promise<Verdict> {
  // Without a declared session, no task that runs has an owner.
  if (verdict.signedOut === true && attempt.row.owner !== null)
    return { kind: values.refused(attempt) ? 'permanent' : 'signed-out', error: verdict.error };

  const files = 'value' in stored ? weigh(stored.value).blobs : [];
  if ((await unreadableFile(files)) === undefined) return verdict;

  const message =
    'A file in the payload cannot be read, so it cannot be sent. Correct the task with update, or cancel it.';

  return { kind: 'permanent', error: { ...verdict.error, name: 'NotReadableError', message }, unsent: true };
}

/** Aborts attempts that take too long. Ends those that did not end after their abort, so that their slots are free. */
export function overseeAttempts(leader: Leader): void {
  const monotonic = leader.context.ports.clock.monotonic();
  for (const attempt of leader.running.values()) {
    if (attempt.verdict !== undefined) continue;
    if (attempt.abandonAt !== undefined && monotonic >= attempt.abandonAt) abandon(leader, attempt);
    else if (attempt.abortedFor === undefined && monotonic >= attempt.deadline)
      abortAttempt(leader, attempt, 'timeout');
  }
}

/**
 * Moves the deadlines by the time in which this context stood still, because its page was frozen, and by 10 s more: the
 * browser hands over an answer that came meanwhile only after it has rung the timers.
 */
export function giveTimeBack(leader: Leader, still: number): void {
  const monotonic = leader.context.ports.clock.monotonic();
  for (const attempt of leader.running.values()) {
    // Progress may have begun the timeout anew after the freeze. So an attempt never has more than a whole timeout, and 10 s.
    attempt.deadline = Math.min(attempt.deadline + still, monotonic + timeoutOf(attempt)) + abortGrace;
    attempt.renewed ??= 'thaw';
  }
}

/** Milliseconds until the next attempt must be aborted, or loses its slot. */
export function nextDeadline(leader: Leader): number {
  const monotonic = leader.context.ports.clock.monotonic();
  const times = [...leader.running.values()]
    .filter((attempt) => attempt.verdict === undefined)
    .map((attempt) => (attempt.abandonAt ?? attempt.deadline) - monotonic);

  return Math.min(Number.POSITIVE_INFINITY, ...times);
}

function abandon(leader: Leader, attempt: RunningAttempt): void {
  const what = attempt.started ? 'handler' : 'decoder';
  const more = `The ${what} did not end within ${abortGrace / 1_000} s after its signal was aborted.`;
  attempt.verdict = attempt.completed ? { kind: 'success' } : abortVerdict(leader, attempt, more);
}

/** Gives an attempt its first verdict. After an abort that is the abort's, unless the handler's own still counts. */
function conclude(leader: Leader, attempt: RunningAttempt, verdict: Verdict): void {
  const { abortedFor } = attempt;
  if (attempt.over || attempt.verdict !== undefined) return;

  const { kind } = verdict;
  const stands =
    abortedFor === 'timeout' ? kind === 'unread' || kind === 'returned' : kind === 'success' || kind === 'permanent';
  // A transaction of the app that has ended the task counts before anything that its handler does.
  if (attempt.completed) attempt.verdict = { kind: 'success' };
  else attempt.verdict = abortedFor === undefined || stands ? verdict : abortVerdict(leader, attempt);
}

/**
 * The verdict on an attempt that was aborted. If it took too long before its handler was called, the task has not
 * failed: this build cannot decode the payload, or the database did not return it.
 */
function abortVerdict(leader: Leader, attempt: RunningAttempt, more?: string): Verdict {
  if (attempt.abortedFor !== 'timeout') return { kind: 'returned', started: attempt.started };
  if (attempt.stored === undefined) return { kind: 'unread' };

  return { kind: attempt.started ? 'timeout' : 'unreadable', error: timeoutError(leader, attempt, more) };
}

function timeoutError(leader: Leader, attempt: RunningAttempt, more?: string): StoredError {
  const what = `The attempt took longer than ${timeoutOf(attempt)} ms${attempt.renewed === 'progress' ? ' since its last progress' : ''}.`;
  const message = more === undefined ? what : `${what} ${more}`;

  return { name: 'TimeoutError', message, at: leader.context.ports.clock.wall() };
}

/** Decodes a stored payload. Rejects if this build cannot decode it, or if it is lost. */
export async function decoded(
  stored: StoredPayload,
  { type, row }: Pick<RunningAttempt, 'type' | 'row'>,
): Promise<unknown> {
  if ('lost' in stored)
    throw new Error('The payload of this task is not in the database, or this browser cannot read it.');

  return decodedFrom(type, row.version, stored.value);
}

function attemptFace(leader: Leader, attempt: RunningAttempt): Attempt<unknown, unknown, unknown, unknown> {
  const { row, controller } = attempt;
  const saves = createSerialQueue();
  const session = sessionOf(leader.context.registry, attempt);

  return Object.freeze({
    id: row.id,
    number: row.attempts + 1,
    recovered: row.recovered === true,
    signal: controller.signal,
    idempotencyKey: idempotencyKey(row),
    parents: attempt.parents,
    get session() {
      return session();
    },
    async save(payload: unknown) {
      if (attempt.over) throw over(row);
      const stored = Promise.resolve(encoded(leader.context.ports.clock, attempt.type, row.type, payload));
      stored.catch(() => undefined); // It is awaited below.

      await saves('save', async () => save(leader, attempt, await stored));
    },
    progress: createProgress(leader, attempt),
    completeTx: createComplete(leader, attempt),
  });
}

/** Writes another payload for the task of an attempt, if the attempt is still running when the transaction begins. */
async function save(leader: Leader, attempt: RunningAttempt, value: unknown): Promise<void> {
  const { row: claimed, type, claim } = attempt;
  const { context } = leader;
  const payload = weighed(context, claimed, value);
  const tasks = [{ row: claimed, payload }];

  const done = await behindBodies(context, tasks, (ahead) =>
    inFence(leader, 'save', async ({ stores, runner }) => {
      if (isLate(context, stores.tasks, ahead)) throw tooLate;
      const row = await claimedRow(stores, claim);
      const stands = runner.running.some((one) => one.claim === claim.claim);
      if (!stands || !isPresent(row) || row.strange === true) throw over(claimed);

      attempt.touched = true;
      writePayload(stores, row, payload);
      const saved = withPayload(row, rowPart(payload), type.version);
      // The key of the row names the version too. (It is claimed, so its time does not matter.)
      stores.tasks.put(saved.version === row.version ? saved : dueFrom(saved, leader.clock.now()));
    }),
  ).catch((error: unknown) => {
    throw isRefusal(error) ? notStored(claimed, error) : notKnown(claimed, error);
  });
  if (done === undefined) {
    dropBodies(context, tasks);
    throw over(claimed);
  }
  // If the handler then ends the task with completeTx, only the claim says where the payload is.
  attempt.claim = { ...claim, ...defined({ ref: payload.ref }) };

  context.hub.say({ kind: 'changed' });
}

function over(row: TaskRow): TaskbasketError {
  return new TaskbasketError('closed', `This attempt of "${row.type}" is over, so nothing was saved.`);
}

function notKnown({ type, id }: TaskRow, error: unknown): TaskbasketError {
  const why = `Whether the payload of "${type}" was saved is not known: ${messageOf(error)}`;

  return new TaskbasketError('unknown-outcome', `${why} The next attempt is called with what is stored.`, error, id);
}
