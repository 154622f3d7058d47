import type { Owner, OwnerHere } from '../../pure/owner.js';
import type { SerialQueue } from '../../pure/serial-queue.js';
import { createSerialQueue } from '../../pure/serial-queue.js';

/** Who is signed in, as this context knows it from its own calls. It holds from the call on. */
export interface Here {
  /** `null`: nobody, since `signOut`. `undefined`: neither `signIn` nor `signOut` was called. */
  readonly owner: OwnerHere;
  /** What `signIn` was given for this owner. */
  readonly values: unknown;
  /** Another one for each call. */
  readonly valuesId: string;
  /** Says who is signed in from now on. Calls each listener at once if it is somebody else. */
  readonly change: (owner: Owner, values: unknown, valuesId: string) => void;
  /** Calls back at each change of owner, for as long as the basket is. */
  readonly onChange: (listener: () => void) => void;
  /** Resolves at the next change of owner. */
  readonly changed: () => Promise<void>;
  /** Keeps the order of the calls. */
  readonly inTurn: SerialQueue;
}

/** Makes the state of a context in which nobody has signed in or out. */
export function createHere(): Here {
  const listeners: (() => void)[] = [];
  const waiting: (() => void)[] = [];
  const here = {
    owner: undefined as OwnerHere,
    values: undefined as unknown,
    valuesId: '',

    change(owner: Owner, values: unknown, valuesId: string): void {
      const changed = owner !== here.owner;
      here.owner = owner;
      here.values = values;
      here.valuesId = valuesId;
      if (!changed) return;
      for (const listener of listeners) listener();
      for (const resolve of waiting.splice(0)) resolve();
    },

    onChange: (listener: () => void): void => void listeners.push(listener),
    changed: (): Promise<void> => new Promise((resolve) => void waiting.push(resolve)),
    inTurn: createSerialQueue(),
  };

  return here;
}
