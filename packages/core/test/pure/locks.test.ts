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

test('who steals a lock of this process has it before those who wait; the holder is told, goes on, and ends nothing', async () => {
  const locks = createLocalLocks();
  const seen: string[] = [];
  let endHolder = (): void => undefined;
  let endThief = (): void => undefined;
  const holder = locks.request('lock', {}, () => new Promise((resolve) => (endHolder = resolve)));
  const waits = locks.request('lock', {}, () => Promise.resolve(void seen.push('waits')));
  await Promise.resolve();
  const thief = locks.request('lock', { steal: true }, () => new Promise((resolve) => (endThief = resolve)));

  await expect(holder).rejects.toThrow('The lock was stolen.');
  endHolder();
  await Promise.resolve();
  expect([seen, await locks.held('lock')]).toEqual([[], ['lock']]);
  endThief();
  await thief;
  await waits;
  expect([seen, await locks.held('lock')]).toEqual([['waits'], []]);

  await locks.request('lock', { steal: true }, () => Promise.resolve());
  expect(await locks.held('lock')).toEqual([]);
});

test('a lock of this process that is stolen before its holder has heard that it has the lock is not held by both', async () => {
  const locks = createLocalLocks();
  const seen: string[] = [];
  const hold = (name: string) => () => Promise.resolve(void seen.push(name));
  const robbed = locks.request('lock', {}, hold('robbed'));
  const thief = locks.request('lock', { steal: true }, hold('thief'));

  await expect(robbed).rejects.toThrow('The lock was stolen.');
  await thief;
  expect(seen).toEqual(['thief']);
});
