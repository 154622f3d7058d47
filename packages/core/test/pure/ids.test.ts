import { expect, test } from 'vitest';

import { createIds, randomText } from '../../src/ports/ids.js';
import { seeded } from '../support/chance.js';

test('ids are unique over many contexts that make many', () => {
  const ids = new Set<string>();
  for (let context = 0; context < 20; context += 1) {
    const next = createIds(seeded(context));
    for (let count = 0; count < 5_000; count += 1) ids.add(next());
  }

  expect(ids.size).toBe(100_000);
});

test('the ids of one context are neighbours, and sort in the order in which they were made', () => {
  const next = createIds(seeded(1));
  const ids = Array.from({ length: 5_000 }, next);

  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids.map((id) => id.slice(0, 12))).size).toBe(1);
});

test('an id is sixteen letters and digits, so that it fits into a header, an address and a key as it is', () => {
  const next = createIds(seeded(2));

  for (let count = 0; count < 200; count += 1) expect(next()).toMatch(/^[0-9A-Za-z]{16}$/);
});

test('a random text has its length also with the least and the greatest chance', () => {
  expect(randomText(() => 0, 3)).toBe('000');
  expect(randomText(() => 1 - Number.EPSILON / 2, 3)).toBe('zzz');
});
