import { asItIs, isPromiseLike } from '../../pure/codec.js';
import { messageOf, TaskbasketError } from '../../pure/errors.js';
import type { TaskTypeParts } from '../../pure/registry.js';

/**
 * The payload as it is stored: as it is at the call, whatever the app does with the value afterwards. A codec that is
 * asynchronous is asked at the call as well.
 */
export function encoded(type: TaskTypeParts, name: string, payload: unknown): unknown {
  const copied = (stored: unknown): unknown => {
    try {
      return mustBeCopied(stored) ? structuredClone(stored) : stored;
    } catch (error) {
      throw notStorable(name, error);
    }
  };
  const { stored, later } = encodedOnce(type, name, payload);
  if (!later) return copied(stored);

  return Promise.resolve(stored).then(copied, (error: unknown) => {
    throw codecThrew(name, error);
  });
}

/** What can change, or can't be stored at all; a text, a number and the like are as they are. */
function mustBeCopied(stored: unknown): boolean {
  const kind = typeof stored;

  return kind === 'object' || kind === 'function' || kind === 'symbol';
}

/** The same, for a transaction in which nothing may be awaited. */
export function encodedNow(type: TaskTypeParts, name: string, payload: unknown): unknown {
  const { stored, later } = encodedOnce(type, name, payload);
  if (later) {
    void Promise.resolve(stored).catch(() => undefined); // Refused below; how it would have ended is of no use.
    throw new TaskbasketError(
      'payload',
      `The codec of "${name}" is asynchronous, and nothing can be awaited within a transaction. Await prepare first, and give addTx what it resolves with.`,
    );
  }

  return stored;
}

/** What the codec gives, and whether that is still to come. What is stored as it is never is: a promise can't be stored. */
function encodedOnce(
  { codec }: TaskTypeParts,
  name: string,
  payload: unknown,
): { readonly stored: unknown; readonly later: boolean } {
  try {
    const stored = codec.encode(payload);

    return { stored, later: codec !== asItIs && isPromiseLike(stored) };
  } catch (error) {
    throw codecThrew(name, error);
  }
}

function codecThrew(name: string, error: unknown): TaskbasketError {
  return new TaskbasketError(
    'payload',
    `The codec of "${name}" could not encode the payload: ${messageOf(error)}`,
    error,
  );
}

/** The error for a value that the platform can't clone. */
export function notStorable(name: string, error: unknown): TaskbasketError {
  return new TaskbasketError(
    'payload',
    `The payload of "${name}" can not be stored: ${messageOf(error)} Give the type a codec that turns it into plain data.`,
    error,
  );
}
