/** Adds that find no room. */
import { basketOf } from './library.mjs';
import { payloadOf } from './payload.mjs';
import { freshName, recordTransactions } from './raw.mjs';

const later = { runAt: Date.now() + 3_600_000 };
let basket;

/** Opens a basket, while there is room. */
export async function openForQuota() {
  ({ basket } = basketOf(freshName('quota')));
  await basket.add('work', 'first', later);
}

/** Adds until the browser says that there is no room: it asks for its quota only now and then. */
export async function untilThereIsNoRoom() {
  for (let tries = 0; tries < 200; tries += 1) {
    const found = await addWithoutRoom({ count: 1, bytes: 10_000, blobs: false });
    if (found.stored === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  throw new Error('The browser finds room for every add.');
}

/** So many adds at once that find no room: until all of them are told, and until one that is added last is told. */
export async function addWithoutRoom({ count, bytes, blobs }) {
  const payload = (number) => (blobs ? new Blob([new Uint8Array(bytes)]) : payloadOf(bytes, number));
  const payloads = Array.from({ length: count }, (_, number) => payload(number));
  const record = recordTransactions();
  const began = performance.now();
  const codes = await Promise.all(
    payloads.map((one) =>
      basket.add('work', one, later).then(
        () => 'stored',
        ({ code }) => code,
      ),
    ),
  );
  const ms = performance.now() - began;
  record.stop();

  return { ms, transactions: record.kept.length, stored: codes.filter((code) => code === 'stored').length };
}
