import { within } from '../../ports/wait.js';
import { TaskbasketError } from '../../pure/errors.js';
import { answer } from '../../store/requests.js';
import type { Durability, TransactContext } from '../../store/transact.js';
import { transact } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import type { Encoded } from './encode.js';
import { codecPatience, isHeavy } from './encode.js';
import { isRefusal, notStored } from './refusal.js';

/** A row follows its heavy body within so many milliseconds. The body of a later row may be gone, so it is written again. */
export const longestRowDelay: number = 60_000;

/** A task whose payload is encoded. */
export interface WithPayload {
  readonly row: { readonly type: string };
  readonly payload: Encoded;
}

/** What storing bodies needs of its context. */
type BodyContext = TransactContext & Pick<BasketContext, 'bodyLine' | 'newId'>;

/** When, and over which connection, heavy bodies were committed. Their rows follow. */
export interface Ahead {
  /** By the wall clock, in milliseconds. */
  readonly at: number;
  /** The same instant by the monotonic clock, in milliseconds. */
  readonly monotonic: number;
  readonly db: IDBDatabase;
}

/** Thrown in the transaction of rows whose bodies may be gone. The bodies are written again. */
export const tooLate: TaskbasketError = new TaskbasketError(
  'not-stored',
  'The body of this task may have been collected.',
);

/**
 * Commits the heavy bodies of tasks ahead of their rows. Resolves with `undefined` if there is none. Refuses a file
 * that cannot be read before anything is stored.
 *
 * @throws TaskbasketError `payload`, `quota`, `not-stored`.
 */
export async function putBodies(
  context: BodyContext,
  tasks: readonly WithPayload[],
  durability?: Durability,
): Promise<Ahead | undefined> {
  const heavy = tasks.filter(({ payload }) => isHeavy(payload));
  const [first] = heavy;
  if (first === undefined) return undefined;

  await Promise.all(heavy.map((one) => checkFiles(context, one)));
  const put = async (): Promise<Ahead> => {
    const db = await transact(
      context,
      'body',
      async ({ bodies }) => {
        // Each put is answered before the commit. If WebKit fails to store a Blob after `commit()`, the transaction
        // completes all the same.
        await Promise.all(heavy.map(async ({ payload }) => answer(bodies.put(payload.value, payload.ref))));

        return bodies.transaction.db;
      },
      { durability, scope: ['bodies'] },
    );

    const { clock } = context.ports;

    return { at: clock.wall(), monotonic: clock.monotonic(), db };
  };
  try {
    return await context.bodyLine(bytesOf(heavy), put);
  } catch (error) {
    throw notStored(first.row, error);
  }
}

/** The bytes of the payloads of tasks, as estimated. */
export function bytesOf(tasks: readonly WithPayload[]): number {
  return tasks.reduce((sum, { payload }) => sum + payload.bytes, 0);
}

/** Whether bodies may be gone. They may have been collected, and another connection may be to another database. */
export function isLate({ ports }: TransactContext, tasks: IDBObjectStore, ahead: Ahead | undefined): boolean {
  if (ahead === undefined) return false;

  return ageOf(ports, ahead) > longestRowDelay || tasks.transaction.db !== ahead.db;
}

/**
 * How many milliseconds ago bodies were committed. The longer of two times counts: the wall clock may have been put back,
 * and the monotonic clock may stand still while the device sleeps.
 */
export function ageOf({ clock }: Pick<TransactContext['ports'], 'clock'>, { at, monotonic }: Ahead): number {
  return Math.max(clock.wall() - at, clock.monotonic() - monotonic);
}

/**
 * Writes the heavy bodies of tasks, and then calls `write`, which writes their rows. If `write` throws `tooLate`,
 * because `isLate`, both are done again, under other keys. Bodies whose rows were refused are deleted.
 */
export async function behindBodies<Result>(
  context: BodyContext,
  tasks: readonly WithPayload[],
  write: (ahead: Ahead | undefined) => Promise<Result>,
  durability?: Durability,
): Promise<Result> {
  for (;;) {
    const ahead = await putBodies(context, tasks, durability);
    try {
      return await write(ahead);
    } catch (error) {
      if (isRefusal(error)) dropBodies(context, tasks);
      if (error !== tooLate) throw error;
      // A runner may be deleting the bodies under the keys before.
      for (const { payload } of tasks)
        if (isHeavy(payload)) payload.ref = payload.ref?.replace(/\w+$/, context.newId());
    }
  }
}

/** Deletes the bodies of tasks whose rows were not written. If that fails, the bodies are collected later. */
export function dropBodies(context: TransactContext, tasks: readonly WithPayload[]): void {
  const refs = tasks.flatMap(({ payload }) => (isHeavy(payload) ? (payload.ref ?? []) : []));
  if (refs.length === 0) return;
  const drop = transact(context, 'body', ({ bodies }) => refs.forEach((ref) => bodies.delete(ref)), {
    durability: 'relaxed',
    scope: ['bodies'],
  });
  drop.catch(() => undefined);
}

/**
 * Refuses a payload with a Blob that cannot be read, because a browser may store it all the same. The bytes of a file that
 * is in a cloud may never come.
 */
async function checkFiles({ ports }: BodyContext, { row, payload }: WithPayload): Promise<void> {
  const slow = (): Error =>
    new TaskbasketError(
      'payload',
      `The files in the payload of "${row.type}" were not read within two minutes. Add them again when there is a network.`,
    );
  const unreadable = await within(ports.clock, codecPatience, unreadableFile(payload.files), slow);
  if (unreadable === undefined) return;

  const { file, cause } = unreadable;
  const [what, why] =
    'lastModified' in file
      ? ['file', 'it was changed or deleted after it was picked. Ask for the file again.']
      : ['Blob', 'the browser had no room for it, or its file was changed or deleted. Make it anew, or smaller.'];
  throw new TaskbasketError('payload', `A ${what} in the payload of "${row.type}" cannot be read: ${why}`, cause);
}

/**
 * The first of some Blobs whose first or last byte cannot be read. `undefined`: all can be read. (A file that was cut
 * short on disk still has its first byte.) Each is tried twice, because no browser's error says whether the fault is
 * permanent.
 */
export async function unreadableFile(
  files: readonly Blob[],
): Promise<{ readonly file: Blob; readonly cause: unknown } | undefined> {
  const read = (file: Blob): Promise<unknown> =>
    Promise.all([file.slice(0, 1), file.slice(-1)].map((byte) => byte.arrayBuffer()));
  const failures = files.map((file) =>
    read(file)
      .catch(() => read(file))
      .then(
        () => [],
        (cause: unknown) => [{ file, cause }],
      ),
  );

  return (await Promise.all(failures)).flat()[0];
}
