import { describe, expect, test } from 'vitest';

import { json } from '../../src/pure/codec.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { PermanentFailure } from '../../src/pure/verdict.js';
import { byHand, contentsOf, freshName, rowsOf } from '../support/database.js';
import { recordTransactions } from '../support/transactions.js';
import { createGate, createWorld } from '../support/world.js';
import { failureOf } from './app.js';

interface Form {
  text: string;
  lane?: string;
  gate?: string;
}

const medium = 'x'.repeat(20_000);

async function opened() {
  const tasks = defineTasks(freshName(), {
    send: task<Form>({ lane: ({ lane }) => lane, gate: ({ gate }) => gate, backoff: { base: 60_000, cap: 60_000 } }),
    skips: task<Form>({ lane: ({ lane }) => lane, onDead: 'skip' }),
    secret: task({ codec: { encode: async (text: string) => [text], decode: async (stored) => stored.join('') } }),
    text: task({ codec: json<{ text: string }>() }),
  });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();

  return { tasks, world, tab, basket: tab.basket };
}
type Opened = Awaited<ReturnType<typeof opened>>;

/** Runs everything; what the function refuses is dead. */
function running({ tab }: Pick<Opened, 'tab'>, refuses: (text: string) => boolean = () => false) {
  const sent: string[] = [];
  const send = (form: Form, { idempotencyKey, number }: { idempotencyKey: string; number: number }): void => {
    sent.push(form.text);
    keys.push([idempotencyKey, number]);
    if (refuses(form.text)) throw new PermanentFailure(`No: ${form.text}`, { status: 422 });
  };
  const keys: [key: string, number: number][] = [];
  const runner = tab.run({ send, skips: send, secret: (text) => void sent.push(text), text: () => undefined });

  return { sent, keys, runner };
}

describe('a task that was never started', () => {
  test('gets the new payload, keeps its id, its place and its key, and runs with the new one only', async () => {
    const { tasks, world, tab, basket } = await opened();
    const first = await basket.add('send', { text: 'one', lane: 'a' });
    const id = await basket.add('send', { text: 'two', lane: 'a' }, { priority: 'high', timeout: 5_000 });
    await basket.add('send', { text: 'three', lane: 'a' });
    const before = (await rowsOf(tasks))[1];

    expect(await basket.update(id, { text: 'two, corrected', lane: 'a' })).toBe(true);
    const { payload: _, ready: __, revision, ...rest } = (await rowsOf(tasks))[1] ?? {};
    expect(before).toMatchObject(rest);
    expect(revision).toBe(1);
    expect(await basket.get(id)).toMatchObject({ payload: { text: 'two, corrected' }, attempts: 0, state: 'queued' });

    const { sent, keys } = running({ tab });
    await world.settle();
    expect(sent).toEqual(['one', 'two, corrected', 'three']);
    expect(keys.slice(0, 2)).toEqual([
      [first, 1],
      [id, 1],
    ]);
  });

  test('and waits for its date still waits for it', async () => {
    const { tasks, world, tab, basket } = await opened();
    const runAt = world.wall() + 600_000;
    const id = await basket.add('send', { text: 'later' }, { runAt });
    const [before] = await rowsOf(tasks);
    await basket.update(id, { text: 'later' });
    expect((await rowsOf(tasks))[0]?.ready).toBe(before?.ready);

    const { sent } = running({ tab });
    await world.settle();
    await basket.update(id, { text: 'later, corrected' });
    await world.advance(599_000);
    expect(sent).toEqual([]);
    expect(await basket.get(id)).toMatchObject({ dueAt: runAt });
    await world.advance(2_000);
    expect(sent).toEqual(['later, corrected']);
  });

  test('and is held behind its head stays behind it', async () => {
    const { tasks, world, tab, basket } = await opened();
    const { sent } = running({ tab }, (text) => text === 'head');
    await basket.add('send', { text: 'head', lane: 'a' });
    const id = await basket.add('send', { text: 'next', lane: 'a' }, { runAt: world.wall() + 1_000 });
    await world.advance(10_000);
    expect((await rowsOf(tasks))[1]?.ready).toMatch(/^H/);

    await basket.update(id, { text: 'next, corrected', lane: 'a' });
    await world.advance(120_000);
    expect(sent).toEqual(['head']);
    await basket.cancel({ state: 'dead' });
    await world.settle();
    expect(sent).toEqual(['head', 'next, corrected']);
  });

  test('and was already read by a runner that is busy does not run with the old payload', async () => {
    const { tasks, world, tab, basket } = await opened();
    const gates = Array.from({ length: 3 }, () => createGate());
    const sent: string[] = [];
    tab.run(
      {
        async send({ text }) {
          sent.push(text);
          await gates[sent.length - 1]?.promise;
        },
        skips: () => undefined,
        secret: () => undefined,
        text: () => undefined,
      },
      { concurrency: 1 },
    );
    await basket.add('send', { text: 'one' });
    const ids = [await basket.add('send', { text: 'two' }), await basket.add('send', { text: medium })];
    await world.settle();

    const other = world.open(tasks).basket;
    for (const id of ids) await other.update(id, { text: `new ${ids.indexOf(id)}` });
    for (const gate of gates) {
      gate.open();
      await world.settle();
    }
    expect(sent).toEqual(['one', 'new 0', 'new 1']);
  });

  test.each(['takeover:complete', 'turn:before', 'turn:requests', 'turn:complete'] as const)(
    'and that a runner is about to claim (%s) runs with the new payload, or is refused as started',
    async (point) => {
      const { tasks, world, tab, basket } = await opened();
      const other = world.open(tasks).basket;
      const id = await basket.add('send', { text: 'old' });
      const gate = createGate();
      const sent: string[] = [];
      let updating: Promise<unknown> | undefined;
      tab.at(point, () => {
        updating ??= other.update(id, { text: 'new' }).catch((error: { readonly code: string }) => error.code);
      });
      const send = (form: Form): Promise<void> => {
        sent.push(form.text);

        return gate.promise;
      };
      tab.run({ send, skips: send, secret: () => undefined, text: () => undefined });
      await world.settle();

      const told = await updating;
      expect([
        ['new', true],
        ['old', 'started'],
      ]).toContainEqual([sent.join(), told]);
      gate.open();
    },
  );

  test('and could not be decoded here is tried again, at once', async () => {
    const tasks = defineTasks(freshName(), { text: task({ codec: json<string>() }) });
    const world = createWorld();
    const tab = world.open(tasks);
    const id = await tab.basket.add('text', 'x');
    await byHand(tasks, (stores) => {
      stores.tasks.get(1).addEventListener('success', (event) => {
        stores.tasks.put({ ...(event.target as IDBRequest<object>).result, payload: '{ no JSON' });
      });
    });
    const sent: string[] = [];
    tab.run({ text: (text) => void sent.push(text) });
    await world.settle();
    expect((await rowsOf(tasks))[0]?.ready).toMatch(/^U/);

    expect(await tab.basket.update(id, 'y')).toBe(true);
    await world.settle();
    expect(sent).toEqual(['y']);
  });
});

test('each update that found a task puts a fresh stamp of edits, by which a runner forgets what it has read', async () => {
  const { tasks, basket } = await opened();
  const stamp = async (): Promise<unknown> => (await contentsOf(tasks)).state.get('edits');
  const id = await basket.add('send', { text: 'one' });
  await basket.update('never was', { text: 'two' });
  expect(await stamp()).toBeUndefined();

  await basket.update(id, { text: 'two' });
  const first = await stamp();
  expect(first).toMatch(/^\w{12}$/);
  await basket.update(id, { text: 'three' });
  expect(await stamp()).not.toBe(first);
});

describe('a dead task', () => {
  test('runs again in its place, under the next edition of its key, and what stands behind it follows in order', async () => {
    const { world, tab, basket } = await opened();
    const { sent, keys } = running({ tab }, (text) => text.startsWith('bad'));
    const id = await basket.add('send', { text: 'bad', lane: 'a' });
    await basket.add('send', { text: 'two', lane: 'a' });
    await basket.add('send', { text: 'three', lane: 'a' });
    await world.settle();
    expect(await basket.get(id)).toMatchObject({ state: 'dead', attempts: 1, lastError: { status: 422 } });

    expect(await basket.update(id, { text: 'bad again', lane: 'a' })).toBe(true);
    await world.settle();
    expect(await basket.get(id)).toMatchObject({ state: 'dead', attempts: 1 });
    await basket.update(id, { text: 'good', lane: 'a' });
    await world.settle();

    expect(sent).toEqual(['bad', 'bad again', 'good', 'two', 'three']);
    expect(keys.slice(0, 3)).toEqual([
      [id, 1],
      [`${id}.1`, 1],
      [`${id}.2`, 1],
    ]);
  });

  test('is shown as a new request: fresh counters, no error, no death', async () => {
    const { tasks, world, tab, basket } = await opened();
    const { runner } = running({ tab }, () => true);
    const id = await basket.add('send', { text: 'bad' });
    await world.settle();
    runner.stop();
    await runner.done;
    await byHand(tasks, (stores) => {
      stores.tasks.get(1).addEventListener('success', (event) => {
        const row = (event.target as IDBRequest<object>).result;
        stores.tasks.put({ ...row, failures: 3, blames: 2, interruptions: 1, recovered: true });
      });
    });

    await basket.update(id, { text: 'good' });
    expect(await basket.get(id)).toMatchObject({
      state: 'queued',
      attempts: 0,
      failures: 0,
      interruptions: 0,
      lastError: undefined,
      dead: undefined,
      dueAt: undefined,
    });
    const [row] = await rowsOf(tasks);
    expect(row).toMatchObject({ edition: 1, blames: 0 });
    for (const field of ['dead', 'lastError', 'recovered']) expect(row).not.toHaveProperty(field);
  });

  test('that its lane went on without returns to its place: what is added behind waits for it', async () => {
    const { tasks, world, tab, basket } = await opened();
    const { sent } = running({ tab }, (text) => text === 'bad');
    const id = await basket.add('skips', { text: 'bad', lane: 'a' });
    await basket.add('skips', { text: 'two', lane: 'a' });
    await world.settle();
    expect(sent).toEqual(['bad', 'two']);
    await basket.add('skips', { text: 'three', lane: 'a' }, { runAt: world.wall() + 1_000 });

    await basket.update(id, { text: 'good', lane: 'a' });
    const [row] = await rowsOf(tasks);
    expect(row?.marks).toEqual([`I${id}`, 'L|a']);
    await world.advance(2_000);
    expect(sent).toEqual(['bad', 'two', 'good', 'three']);
  });
});

describe('what may have been sent is not edited', () => {
  test('while it runs: refused with started and its id, and nothing changes', async () => {
    const { tasks, world, tab, basket } = await opened();
    const gate = createGate();
    const sent: string[] = [];
    tab.run({
      async send({ text }) {
        sent.push(text);
        await gate.promise;
      },
      skips: () => undefined,
      secret: () => undefined,
      text: () => undefined,
    });
    const id = await basket.add('send', { text: 'one' });
    await world.settle();
    const before = await contentsOf(tasks);

    const failure = await failureOf(basket.update(id, { text: 'two' }));
    expect(failure).toMatchObject({ code: 'started', id });
    expect(failure.message).toMatch(/"send" was started.*add another/);
    expect(await contentsOf(tasks)).toEqual(before);
    gate.open();
  });

  test('in its backoff: refused with started', async () => {
    const { world, tab, basket } = await opened();
    tab.run({
      send() {
        throw new Error('not yet');
      },
      skips: () => undefined,
      secret: () => undefined,
      text: () => undefined,
    });
    const id = await basket.add('send', { text: 'one' });
    await world.advance(1_000);

    expect(await failureOf(basket.update(id, { text: 'two' }))).toMatchObject({ code: 'started' });
  });
});

describe('no task', () => {
  test('that never was, is done or was cancelled: false, and nothing is written', async () => {
    const { tasks, world, tab, basket } = await opened();
    const done = await basket.add('send', { text: 'one' });
    running({ tab });
    await world.settle();
    const before = await contentsOf(tasks);

    expect(await basket.update(done, { text: 'two' })).toBe(false);
    expect(await basket.update('never was', { text: 'two' })).toBe(false);
    expect(await contentsOf(tasks)).toEqual(before);
  });

  test('since it was cancelled while it ran: false', async () => {
    const { world, tab, basket } = await opened();
    const gate = createGate();
    tab.run({ send: () => gate.promise, skips: () => undefined, secret: () => undefined, text: () => undefined });
    const id = await basket.add('send', { text: 'one' });
    await world.settle();
    await basket.cancel(id);

    expect(await basket.update(id, { text: 'two' })).toBe(false);
    gate.open();
  });
});

describe('the new payload', () => {
  test('that gives another lane is refused, and says which; one that gives none as well', async () => {
    const { tasks, basket } = await opened();
    const id = await basket.add('send', { text: 'one', lane: 'a' });
    const before = await rowsOf(tasks);

    const failure = await failureOf(basket.update(id, { text: 'two', lane: 'b' }));
    expect(failure.code).toBe('option');
    expect(failure.message).toMatch(/"send".*lane "b".*is "a".*Cancel it and add another/);
    expect(await failureOf(basket.update(id, { text: 'two' }))).toMatchObject({ code: 'option' });
    expect(await rowsOf(tasks)).toEqual(before);
  });

  test('does not decide what was given with the add', async () => {
    const { basket } = await opened();
    const id = await basket.add('send', { text: 'one' }, { lane: 'mine', gate: 'api' });

    expect(await basket.update(id, { text: 'two', lane: 'b', gate: 'other' })).toBe(true);
    expect(await basket.get(id)).toMatchObject({ lane: 'mine', gate: { name: 'api' } });
  });

  test('takes lane and gate from the payload as it was at the call', async () => {
    const { basket } = await opened();
    const id = await basket.add('send', { text: 'one', lane: 'a', gate: 'here' });
    const form = { text: 'two', lane: 'a', gate: 'there' };
    const updated = basket.update(id, form);
    Object.assign(form, { text: 'three', lane: 'b', gate: 'elsewhere' });

    expect(await updated).toBe(true);
    expect(await basket.get(id)).toMatchObject({ payload: { text: 'two' }, lane: 'a', gate: { name: 'there' } });
  });

  test('takes the gate with it', async () => {
    const { basket } = await opened();
    const id = await basket.add('send', { text: 'one', gate: 'here' });

    await basket.update(id, { text: 'two', gate: 'there' });
    expect(await basket.get(id)).toMatchObject({ gate: { name: 'there' } });
  });

  test('lies in the row or apart as its size says, and leaves no orphan', async () => {
    const { tasks, basket, world } = await opened();
    const id = await basket.add('send', { text: 'small' });
    const heavy = 'h'.repeat(140_000);
    for (const text of [medium, `${medium}!`, heavy, medium, heavy, 'small again']) {
      await basket.update(id, { text });
      await world.settle(); // The old body is deleted after the row has changed.
      const { tasks: rows, payloads, bodies } = await contentsOf(tasks);
      const apart = [...payloads.keys(), ...bodies.keys()];
      expect(apart).toEqual(text === 'small again' ? [] : [rows[0]?.ref]);
      expect([payloads.size, bodies.size]).toEqual(text === heavy ? [0, 1] : [apart.length, 0]);
      expect(await basket.get(id)).toMatchObject({ payload: { text } });
    }
    await basket.update(id, { text: medium });
    await basket.cancel(id);
    expect((await contentsOf(tasks)).payloads.size).toBe(0);
  });

  test('is what it was at the call: a change on the next line is not stored', async () => {
    const { basket } = await opened();
    const form: Form = { text: 'one', lane: 'a' };
    const id = await basket.add('send', form);
    form.text = 'two';
    const updating = basket.update(id, form);
    form.text = 'three';

    await updating;
    expect(await basket.get(id)).toMatchObject({ payload: { text: 'two' } });
  });

  test('is what it was at the call also if it is reactive: a proxy of plain data', async () => {
    const { basket } = await opened();
    const id = await basket.add('send', { text: 'one' });
    const form: Form = new Proxy({ text: 'two' }, {});
    const updating = basket.update(id, form);
    form.text = 'three';

    await updating;
    expect(await basket.get(id)).toMatchObject({ payload: { text: 'two' } });
  });

  test('may be encoded by an asynchronous codec', async () => {
    const { tasks, basket } = await opened();
    const id = await basket.add('secret', 'one');

    expect(await basket.update(id, 'two')).toBe(true);
    expect((await rowsOf(tasks))[0]?.payload).toEqual(['two']);
  });

  test('that cannot be stored is refused with payload, and one for which there is no room with quota', async () => {
    const { tasks, basket } = await opened();
    const id = await basket.add('send', { text: 'one' });
    const form = { text: 'two', more: () => 1 } as Form;
    expect(await failureOf(basket.update(id, form))).toMatchObject({ code: 'payload' });

    recordTransactions({ fate: () => 'refused' });
    expect(await failureOf(basket.update(id, { text: medium }))).toMatchObject({ code: 'quota' });
    expect((await contentsOf(tasks)).payloads.size).toBe(0);
    expect(await basket.get(id)).toMatchObject({ payload: { text: 'one' } });
  });

  test('of a type that this build has not is refused with unknown-type', async () => {
    const { tasks, basket } = await opened();
    const id = await basket.add('send', { text: 'one' });
    const other = createWorld().open(defineTasks(tasks.name, { later: task<Form>() })).basket;

    expect(await failureOf(other.update(id as string, { text: 'two' }))).toMatchObject({ code: 'unknown-type' });
  });
});

test('a task under a letter of a later version is left alone by an update, which says so', async () => {
  const { tasks, basket } = await opened();
  const id = await basket.add('send', { text: 'one' });
  const [row] = await rowsOf(tasks);
  const later = { ...row, ready: `Z${row?.ready.slice(1)}` };
  await byHand(tasks, (stores) => void stores.tasks.put(later));

  const failure = await failureOf(basket.update(id, { text: 'two' }));
  expect(failure).toMatchObject({ code: 'unknown-type', message: expect.stringMatching(/later version/) as string });
  expect(await rowsOf(tasks)).toEqual([later]);
});

test('a task of before the session is given to somebody else while it is being corrected: it stays as it was', async () => {
  const before = defineTasks(freshName(), { save: task<string>() });
  const world = createWorld();
  const id = await world.open(before).basket.add('save', 'as it was');
  const encoding = createGate();
  const codec = {
    async encode(text: string) {
      await encoding.promise;

      return text;
    },
    decode: (stored: string) => stored,
  };
  const tasks = defineTasks(before.name, { save: task<string>({ codec }) }, { session: session() });
  const [ann, bob] = [world.open(tasks).basket, world.open(tasks).basket];
  await ann.signIn('ann');
  const found = ann.update(id, 'of ann');
  await world.settle();
  await bob.signIn('bob', undefined, { adopt: true });
  encoding.open();

  expect(await found).toBe(false);
  expect(await rowsOf(tasks)).toMatchObject([{ owner: 'bob', payload: 'as it was' }]);
});
