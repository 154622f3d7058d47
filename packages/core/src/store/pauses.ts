import type { Pauses } from '../pure/pause.js';
import { holdingOf, pauseKey } from '../pure/pause.js';
import { stateKeys } from '../pure/record.js';
import type { AnyRegistry } from '../pure/registry.js';
import { pausesIn } from '../pure/stored.js';
import type { Stores } from './requests.js';
import { answer, keysFrom } from './requests.js';
import { recordsFrom } from './rows.js';

/** Reads the pauses, by their keys, as this build understands them. */
export async function pausesNow(registry: AnyRegistry, stores: Pick<Stores, 'state'>): Promise<Pauses> {
  return holdingOf(registry, pausesIn(...(await recordsFrom(stores, stateKeys.pauses))));
}

/** Deletes the pauses of single tasks that have ended, because nobody would. */
export async function forgetPauses(
  { state }: Pick<Stores, 'state'>,
  ended: readonly { readonly id: string }[],
): Promise<void> {
  if (ended.length === 0) return;
  const keys = new Set(await answer(state.getAllKeys(keysFrom(stateKeys.pauses))));
  for (const key of ended.map(({ id }) => pauseKey({ id }))) if (keys.has(key)) state.delete(key);
}
