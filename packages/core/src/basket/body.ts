import type { Durability, TransactContext } from '../store/transact.js';
import { transact } from '../store/transact.js';
import type { Prepared } from './place.js';
import { notStored } from './refusal.js';

/** Commits a heavy body ahead of its row. */
export async function putBody(context: TransactContext, task: Prepared, durability: Durability): Promise<void> {
  const { apart } = task;
  if (apart === undefined) return;
  try {
    await transact(context, 'body', ({ payloads }) => void payloads.put(apart.value, apart.ref), {
      durability,
      scope: ['payloads'],
    });
  } catch (error) {
    throw notStored(task.row, error);
  }
}

/** Takes a body back whose row was refused. */
export async function dropBody(context: TransactContext, { apart }: Prepared): Promise<void> {
  if (apart === undefined) return;
  await transact(context, 'body', ({ payloads }) => void payloads.delete(apart.ref), { scope: ['payloads'] });
}
