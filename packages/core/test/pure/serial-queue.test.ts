import { describe, expect, test } from 'vitest';

import { createSerialQueue } from '../../src/pure/serial-queue.js';
import { createGate } from '../support/world.js';

/** Work that notes its beginning, and ends when it is told. */
function playing() {
  const queue = createSerialQueue();
  const begun: string[] = [];
  const begin = (name: string, key: string | undefined) => {
    const gate = createGate();
    const done = queue(key, () => {
      begun.push(name);

      return gate.promise;
    });

    return { ...gate, done };
  };

  return { begun, begin };
}

const aTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('work waits for what came before it, also when', () => {
  test.each([
    ['it is for one task', 'a', 'a', 'a'],
    ['it is for all tasks', undefined, undefined, undefined],
    ['it is for one task, behind all', undefined, undefined, 'a'],
    ['it is for all tasks, behind one', 'a', 'a', undefined],
  ])('some of it has ended: %s', async (_, key, other, last) => {
    const { begun, begin } = playing();
    const first = begin('first', key);
    const second = begin('second', other);
    first.open();
    await first.done;
    await aTurn();
    const third = begin('third', last);
    await aTurn();
    expect(begun).toEqual(['first', 'second']);

    second.open();
    await aTurn();
    expect(begun).toEqual(['first', 'second', 'third']);
    third.open();
    await third.done;
  });

  test('some of it has failed', async () => {
    const { begun, begin } = playing();
    const first = begin('first', 'a');
    begin('second', 'a');
    first.fail(new Error('no'));
    await expect(first.done).rejects.toThrow('no');
    begin('third', 'a');
    await aTurn();

    expect(begun).toEqual(['first', 'second']);
  });
});

test('work for one task does not wait for work for another', async () => {
  const { begun, begin } = playing();
  begin('of a', 'a');
  begin('of ab', 'ab');
  await aTurn();

  expect(begun).toEqual(['of a', 'of ab']);
});
