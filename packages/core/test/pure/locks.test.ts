import { expect, test } from 'vitest';

import { createLocalLocks } from '../../src/ports/local-locks.js';

test('a lock of this process is held by one at a time, in the order of asking, also after one that threw', async () => {
  const locks = createLocalLocks();
  const seen: string[] = [];
  const hold = (name: string) => async (): Promise<void> => {
    seen.push(`${name} begins`);
    await Promise.resolve();
    seen.push(`${name} ends`);
    if (name === 'one') throw new Error('one threw');
  };
  const one = locks.request('lock', {}, hold('one'));
  const two = locks.request('lock', {}, hold('two'));
  const other = locks.request('another lock', {}, () => new Promise(() => undefined));

  await expect(one).rejects.toThrow('one threw');
  await two;

  expect(seen).toEqual(['one begins', 'one ends', 'two begins', 'two ends']);
  expect(await locks.held('lock')).toEqual([]);
  expect(await locks.held('another')).toEqual(['another lock']);
  void other; // It is held for good.
});

test('who waits for a lock of this process can give up, and who holds it keeps it', async () => {
  const locks = createLocalLocks();
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  const [holder, waiter] = [new AbortController(), new AbortController()];
  const held = locks.request('lock', { signal: holder.signal }, () => promise);
  const waits = locks.request('lock', { signal: waiter.signal }, () => Promise.reject(new Error('was granted')));
  const last = locks.request('lock', {}, () => Promise.resolve());
  waiter.abort(new Error('gave up'));
  holder.abort();

  await expect(waits).rejects.toThrow('gave up');
  await expect(locks.request('lock', { signal: waiter.signal }, () => promise)).rejects.toThrow('gave up');
  expect(await locks.held('lock')).toEqual(['lock']);
  resolve();
  await held;
  await last;
  expect(await locks.held('lock')).toEqual([]);
});
