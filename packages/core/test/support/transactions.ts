import { vi } from 'vitest';

import { stateKeys } from '../../src/pure/record.js';
import { hasPut, isOpen, refuseCommit, tellWrongly, watchTransactions } from '../simulate/transactions.js';

/** A readwrite transaction that was begun while it was recorded. */
export interface Recorded {
  readonly transaction: IDBTransaction;
  /** The stores that it names, without their bucket. */
  readonly stores: readonly string[];
  readonly durability: string;
  /** How many rows were placed into it as tasks. */
  tasks: number;
  /** Whether it was told to commit before any of its requests had an answer. */
  early: boolean;
}

/** What becomes of a transaction of the library: nothing, or a failure when it commits, or one that is only told. */
export type Fate = 'refused' | 'lied' | 'aborted' | undefined;

interface Rules {
  readonly placed?: (row: { readonly payload?: unknown; readonly id: string }, into: Recorded) => void;
  readonly fate?: (recorded: Recorded) => Fate;
}

/** Records the readwrite transactions that begin from now on; `rules` may let some of them fail. */
export function recordTransactions(rules: Rules = {}): readonly Recorded[] {
  const all: Recorded[] = [];
  const found = new Map<IDBTransaction, Recorded>();

  watchTransactions({
    begun({ transaction, stores }) {
      const names = (stores as readonly string[]).map((name) => name.split('.').at(-1) ?? '');
      const { durability } = transaction as { readonly durability?: string };
      const recorded = { transaction, stores: names, durability: durability ?? '', tasks: 0, early: false };
      all.push(recorded);
      found.set(transaction, recorded);
      watchCommit(recorded, rules);
    },
    completed: () => undefined,
    aborted: () => undefined,
  });

  const add = Object.getOwnPropertyDescriptor(IDBObjectStore.prototype, 'add')?.value as IDBObjectStore['add'];
  vi.spyOn(IDBObjectStore.prototype, 'add').mockImplementation(function placed(this: IDBObjectStore, value: unknown) {
    const recorded = found.get(this.transaction);
    if (recorded !== undefined && this.name.endsWith('.tasks')) {
      recorded.tasks += 1;
      rules.placed?.(value as { readonly id: string }, recorded);
    }

    return add.call(this, value);
  });

  return all;
}

function watchCommit(recorded: Recorded, { fate }: Rules): void {
  const { transaction } = recorded;
  let answered = false;
  transaction.addEventListener('success', () => (answered = true));
  const commit = transaction.commit.bind(transaction);
  Object.defineProperty(transaction, 'commit', {
    configurable: true,
    value() {
      recorded.early = !answered;
      const end = fate?.(recorded);
      if (end === 'lied') tellWrongly(transaction);
      if (end === 'refused') refuseCommit(transaction);
      if (end === 'refused') transaction.commit();
      else if (end === 'aborted' && isOpen(transaction)) transaction.abort();
      else commit();
    },
  });
}

/** A full disk: `room` transactions that put something still find room. Set it to infinity to free the disk. */
export interface Disk {
  room: number;
}

/**
 * Fills the disk: from now on only deletions are committed. Where the reserve was, `reserveHolds` transactions find room.
 */
export function fillDisk(reserveHolds = 0): Disk {
  const disk: Disk = { room: 0 };
  let held = reserveHolds;
  const frees = new Set<IDBTransaction>();
  const remove = Object.getOwnPropertyDescriptor(IDBObjectStore.prototype, 'delete')?.value as IDBObjectStore['delete'];
  vi.spyOn(IDBObjectStore.prototype, 'delete').mockImplementation(function freed(this: IDBObjectStore, key) {
    if (key === stateKeys.reserve) frees.add(this.transaction);

    return remove.call(this, key);
  });
  recordTransactions({
    fate({ transaction }) {
      if (hasPut(transaction)) {
        if (disk.room === 0) return 'refused';
        disk.room -= 1;
      } else if (frees.has(transaction)) {
        disk.room += held;
        held = 0;
      }

      return undefined;
    },
  });

  return disk;
}
