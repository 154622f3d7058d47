import type { Stores } from '../../store/requests.js';
import type { Durability, TransactContext } from '../../store/transact.js';
import { transact } from '../../store/transact.js';
import type { Prepared } from './place.js';
import { notStored } from './refusal.js';

/**
 * Commits a heavy body ahead of its row. Resolves with the connection: in another one the database may be another, which
 * has no such body.
 */
export async function putBody(
  context: TransactContext,
  task: Prepared,
  durability: Durability,
): Promise<IDBDatabase | undefined> {
  const { apart } = task;
  if (apart === undefined) return undefined;
  const body = ({ payloads }: Pick<Stores, 'payloads'>): IDBDatabase => {
    payloads.put(apart.value, apart.ref);

    return payloads.transaction.db;
  };
  try {
    return await transact(context, 'body', body, { durability, scope: ['payloads'] });
  } catch (error) {
    throw notStored(task.row, error);
  }
}

/** Takes a body back whose row was refused. */
export async function dropBody(context: TransactContext, { apart }: Prepared): Promise<void> {
  if (apart === undefined) return;
  await transact(context, 'body', ({ payloads }) => void payloads.delete(apart.ref), { scope: ['payloads'] });
}
