import { expect, test } from 'vitest';

import { createLine } from '../../src/pure/line.js';

/** A store that refuses all that is as large as its room, and how often it was asked. */
function fullStore() {
  let tries = 0;

  return {
    tries: () => tries,
    put: async (bytes: number): Promise<void> => {
      await Promise.resolve();
      tries += 1;
      if (bytes >= 10) throw new DOMException('There is no room.', 'QuotaExceededError');
    },
  };
}

test('after three in a row that find no room, what is as large is refused at once, and what is smaller is tried', async () => {
  const { tries, put } = fullStore();
  const line = createLine();
  const ends = await Promise.allSettled([20, 10, 30, 10, 9, 10].map((bytes) => line(bytes, () => put(bytes))));

  expect(ends.map(({ status }) => status).join()).toBe('rejected,rejected,rejected,rejected,fulfilled,rejected');
  // The fourth was not tried. After the fifth, which found room, the sixth was.
  expect(tries()).toBe(5);
});

test('what comes after all of them have been refused is tried, because there may be room again', async () => {
  const { tries, put } = fullStore();
  const line = createLine();
  await Promise.allSettled([10, 10, 10, 10].map((bytes) => line(bytes, () => put(bytes))));
  expect(tries()).toBe(3);
  await line(10, () => put(10)).catch(() => undefined);

  expect(tries()).toBe(4);
});
