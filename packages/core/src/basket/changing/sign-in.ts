import { randomText } from '../../ports/ids.js';
import { within } from '../../ports/wait.js';
import { messageOf, TaskbasketError } from '../../pure/errors.js';
import { checkFlag, checkParts, checkText, must } from '../../pure/options.js';
import type { Owner, SessionRow } from '../../pure/owner.js';
import { checkSession } from '../../pure/owner.js';
import { stateKeys } from '../../pure/record.js';
import { asksIn, ownerIn } from '../../pure/stored.js';
import type { Stores } from '../../store/requests.js';
import { answer } from '../../store/requests.js';
import { runnerRow } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import { isLed, isLockOf } from '../context/context.js';
import type { Hint } from '../context/messages.js';
import { adopt as adoptAll } from './adopt.js';
import type { Edited } from './edit.js';
import { edit } from './edit.js';

/** The options of `signIn`. */
export interface SignInOptions {
  /**
   * Whether the tasks that were added before the registry declared a session become this owner's. Default false: they
   * wait.
   *
   * @example
   * await basket.signIn(user.id, { token }, { adopt: true });
   */
  readonly adopt?: boolean | undefined;
}

/** How long a call waits for the handlers of other owners, in milliseconds. */
const patience = 15_000;

/**
 * Stores who is signed in. The owner holds in this context from the call on, and in all others from the commit on.
 * Resolves when no handler of another owner runs any more.
 */
export async function signIn(
  context: BasketContext,
  owner: string,
  values?: unknown,
  options: SignInOptions = {},
): Promise<void> {
  checkSession(context.registry, 'signIn');
  checkText(owner, 'The owner that signIn takes');
  const copy = copiedValues(values);
  const { adopt = false } = checkParts(options, 'The options of signIn', ['adopt']);
  checkFlag(adopt, 'adopt');
  await change(context, owner, copy, adopt);
}

/** Stores that nobody is signed in. Resolves when no handler of an owner runs any more. */
export async function signOut(context: BasketContext): Promise<void> {
  checkSession(context.registry, 'signOut');
  await change(context, null, undefined, false);
}

/** The values as they are at the call. Refuses those that cannot be given to a worker. */
function copiedValues(values: unknown): unknown {
  const fits = values !== null && ['undefined', 'object', 'function'].includes(typeof values);
  must(fits, 'The values that signIn takes', 'an object, or a function that returns one', values);
  if (typeof values === 'function') return values;
  try {
    return structuredClone(values);
  } catch (error) {
    const why = `The values that signIn takes cannot be given to a worker: ${messageOf(error)}`;
    throw new TaskbasketError('option', `${why} Use plain data.`, error);
  }
}

async function change(context: BasketContext, owner: Owner, values: unknown, adopt: boolean): Promise<void> {
  const { here, ports, closed } = context;
  here.change(owner, values, randomText(ports.randomBytes, 12));
  await here.inTurn('store', () => store(context, owner, values !== undefined, adopt));
  if (owner !== null) context.hub.say({ kind: 'values', step: 'new', owner, page: here.valuesId });

  const waiting = new AbortController();
  closed.signal.addEventListener('abort', () => waiting.abort(closedWhileSending), { signal: waiting.signal });
  if (closed.signal.aborted) waiting.abort(closedWhileSending); // The basket was closed while the owner was stored.
  const late = (): Error => stillSending(owner);
  await within(ports.clock, patience, untilNoneSends(context, waiting.signal), late).finally(() => waiting.abort());
}

/** Writes who is signed in, with a stamp by which each runner reads it before it claims again. */
async function store(context: BasketContext, owner: Owner, asks: boolean, adopt: boolean): Promise<void> {
  const gone = adopt ? await goneRunner(context) : undefined;
  const write = async (stores: Stores, full: boolean): Promise<Edited> => {
    const stored: unknown = await answer(stores.state.get(stateKeys.session));
    const other = ownerIn(stored) !== owner;
    const isNew = (stored === undefined && !full) || other || asksIn(stored) !== asks;
    const row: SessionRow = asks ? { owner, asks } : { owner };
    // Without a record nobody is signed in.
    if (isNew && full && owner === null) stores.state.delete(stateKeys.session);
    else if (isNew) stores.state.put(row, stateKeys.session);
    const found = adopt && owner !== null ? await adoptAll(context, stores, owner, gone) : [];
    const hints: readonly Hint[] = other ? [{ event: 'session', owner, state: 'changed' }] : [];

    return { found, hints, changed: isNew || found.length > 0 };
  };
  await edit(context, write, 'session');
}

/**
 * The nonce of the last runner if it is gone, because the browser was closed, say. Its record is read first, and the lock
 * is looked at second: a runner that takes over in between has another nonce, so it is not taken for gone.
 */
async function goneRunner(context: BasketContext): Promise<string | undefined> {
  const runner = await read(context, runnerRow, ['state']);

  return (await isLed(context)) ? undefined : runner?.epoch.nonce;
}

/**
 * Resolves when no context holds the lock of another owner than the one who is signed in here: see `sending.ts`. A
 * later call of this context changes for whom an earlier one waits, so that each of them ends.
 */
async function untilNoneSends({ here, names, ports: { locks } }: BasketContext, signal: AbortSignal): Promise<void> {
  // No two locks have the same name. Whoever is granted one knows that its holder is gone: then only another waiting
  // context can hold it for a moment, and each of two would see the other one for ever.
  const gone = new Set<string>();
  for (;;) {
    const held = await locks.held(names.sendsLock);
    const other = held.find((name) => !gone.has(name) && !isLockOf(names, name, here.owner));
    if (other === undefined) return;

    const granted = locks.request(other, { signal }, () => Promise.resolve()).then(() => gone.add(other));
    await Promise.race([granted, here.changed()]);
  }
}

const closedWhileSending = new TaskbasketError(
  'closed',
  'This basket was closed. The owner is stored, but a handler of another owner may still run.',
);

function stillSending(owner: Owner): TaskbasketError {
  const stored = owner === null ? 'Nobody is signed in now' : `"${owner}" is signed in now`;
  const why = 'a handler of another owner has not ended 15 s after its signal was aborted';
  const remedy = 'Do not change a cookie yet: call it again. Give the signal to fetch in each handler.';

  return new TaskbasketError('still-sending', `${stored}, but ${why}. ${remedy}`);
}
