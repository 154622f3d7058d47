import { afterEach, expect, test, vi } from 'vitest';

import { createContext } from '../../src/basket/context/context.js';

import { createIds, randomText } from '../../src/ports/ids.js';
import { platformPorts } from '../../src/ports/platform.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { bytesOf, seeded } from '../support/chance.js';
import { freshName } from '../support/database.js';

afterEach(() => {
  vi.restoreAllMocks();
});

test('ids are unique over many contexts that make many', () => {
  const ids = new Set<string>();
  for (let context = 0; context < 20; context += 1) {
    const next = createIds(bytesOf(seeded(context)));
    for (let count = 0; count < 5_000; count += 1) ids.add(next());
  }

  expect(ids.size).toBe(100_000);
});

test('the ids of one context are neighbours, and sort in the order in which they were made', () => {
  const next = createIds(bytesOf(seeded(1)));
  const ids = Array.from({ length: 5_000 }, next);

  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids.map((id) => id.slice(0, 14))).size).toBe(1);
});

test('an id is eighteen letters and digits, so that it fits into a header, an address and a key as it is', () => {
  const next = createIds(bytesOf(seeded(2)));

  for (let count = 0; count < 200; count += 1) expect(next()).toMatch(/^[0-9a-v]{18}$/);
});

test('each digit of a random text is made of eight of the 256 bytes', () => {
  const every = randomText((count) => Uint8Array.from({ length: count }, (_, place) => place), 256);
  const times = new Map<string, number>();
  for (const digit of every) times.set(digit, (times.get(digit) ?? 0) + 1);

  expect([...times.values()]).toEqual(Array(32).fill(8));
});

test('an app that seeds Math.random gets other ids after each reload', () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  const reload = (): string => {
    const tasks = defineTasks(freshName(), { send: task() });

    return createContext(tasks, platformPorts(), 0).newId();
  };
  const ids = Array.from({ length: 100 }, reload);

  expect(new Set(ids).size).toBe(100);
  expect(Math.random).not.toHaveBeenCalled();
});

test.each([() => 0.5, () => Number.NaN, () => undefined as unknown as number])(
  'an app that puts another Math.random in its place changes no wait: %o',
  (random) => {
    vi.spyOn(Math, 'random').mockImplementation(random);
    const drawn = Array.from({ length: 100 }, platformPorts().random);

    expect(new Set(drawn).size).toBeGreaterThan(90);
    expect(drawn.every((one) => one >= 0 && one < 1)).toBe(true);
  },
);
