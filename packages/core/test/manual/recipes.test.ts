import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import type { Snapshot, Watched } from '../../src/index.js';
import type { Main, Note } from './blocks.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';
import type { AppServer } from './server.js';

const { run } = laidOut('recipes');
let server: AppServer;
let basket: Main['basket'];
let save: Main['save'];

/** The texts that the server took since it had received so many requests. */
function takenSince(before: number): readonly string[] {
  return server.received
    .slice(before)
    .filter(({ status }) => status === 200)
    .map(({ body }) => (JSON.parse(body) as Note).text);
}

function allSent(): Promise<void> {
  return until(async () => expect(await basket.list()).toEqual([]));
}

beforeAll(async () => {
  ({ server } = await createBrowser({ sharedWorker: true }));
  ({ basket, save } = await run<Main>('basket.ts'));
});

beforeEach(() => server.answer(() => 200));

afterEach(async () => {
  await basket.cancel({});
  await allSent();
});

describe('why something waits', () => {
  const whyOf = async (id: string): Promise<string> =>
    (await run<{ why: (id: string) => Promise<string> }>('why.ts')).why(id);

  test('is told in words: on its way, refused, behind one that was refused, and then sent', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    vi.stubGlobal('fetch', async (...args: Parameters<typeof fetch>) => released.then(() => server.fetch(...args)));
    server.answer(() => 422);
    const [first, second] = await Promise.all([save({ id: 'why', text: '' }), save({ id: 'why', text: 'Later.' })]);
    await until(async () => expect(await whyOf(first)).toBe('It is being sent.'));
    expect(await whyOf(second)).toBe('It waits for an earlier change.');

    release();
    await until(async () =>
      expect(await whyOf(first)).toBe('The server refused it: The server answered 422. Correct it, or discard it.'),
    );
    expect(await whyOf(second)).toBe('It waits for an earlier change that was refused.');

    vi.stubGlobal('fetch', server.fetch);
    server.answer(() => 200);
    await basket.cancel(first);
    await allSent();
    expect(await whyOf(second)).toBe('It was sent, or discarded.');
  });

  test('is told of a failure, with the time of the next try', async () => {
    server.answer(() => 500);
    const id = await save({ id: 'failed', text: '' });

    await until(async () => expect(await whyOf(id)).toMatch(/^Next try at .*\d:\d\d.*\.$/));
  });

  test('is told of a task that was not sent in time, of which no server has said anything', async () => {
    const id = await basket.add('saveNote', { id: 'late', text: '' }, { expiresAt: Date.now() - 1 });

    await until(async () => expect(await whyOf(id)).toBe('It was not sent in time. Try it again, or discard it.'));
  });

  test.each([
    [
      { because: 'permanent', error: { message: 'No text.', status: 422 } },
      'The server refused it: No text. Correct it',
    ],
    [{ because: 'permanent', error: { message: 'No number.' } }, 'It cannot be sent: No number. Correct it'],
    [{ because: 'limit', error: { message: 'Oh.', status: 500 } }, 'It failed too often: Oh. Try it again'],
  ])('is told of a task that is dead by %o', async (death, text) => {
    const { inWords } = await run<{ inWords: (reasons: readonly object[]) => string }>('why.ts');

    expect(inWords([{ reason: 'dead', ...death }])).toBe(`${text}, or discard it.`);
  });

  test('is told of a server that is away, with the time of the next try', async () => {
    server.answer(() => 503);
    const id = await save({ id: 'away', text: '' });

    await until(async () => expect(await whyOf(id)).toMatch(/^The server is away\. Next try at .*\d:\d\d.*\.$/));
  });

  test('the list of what is unsent says it for each, and has "try now" and "discard"', async () => {
    const { stop, tryNow, tryAllNow, discard } = await run<{
      stop: () => void;
      tryNow: (id: string) => Promise<number>;
      tryAllNow: () => Promise<number>;
      discard: (id: string) => Promise<number>;
    }>('unsent.ts');
    document.body.append('My app');
    const list = document.querySelector('pre');
    server.answer(() => 422);
    const [one, other] = [await save({ id: 'one', text: 'One' }), await save({ id: 'other', text: 'Other' })];
    await until(() => expect(list?.textContent?.match(/^(One|Other): The server refused it/gm)).toHaveLength(2));

    expect(await discard(one)).toBe(1);
    await until(() => expect(list?.textContent).toMatch(/^Other: [^\n]+$/));

    server.answer(() => 200);
    expect(await tryNow(other)).toBe(1);
    await allSent();
    await until(() => expect(list?.textContent).toBe(''));
    expect(document.body.textContent).toBe('My app');
    expect(await tryAllNow()).toBe(0);
    stop();
  });
});

describe('a note that the server refused', () => {
  interface Correct {
    readonly refused: Watched<Snapshot>;
    readonly change: (id: string, note: Note) => Promise<void>;
  }

  test('is corrected in its place under a new key, and the edits that waited follow in order', async () => {
    const { refused, change } = await run<Correct>('correct.ts');
    const stop = refused.subscribe(() => undefined);
    server.answer(({ body }) => (body.includes('"text":""') ? 422 : 200));
    const before = server.received.length;
    const [id] = await Promise.all(['', 'Second', 'Third'].map((text) => save({ id: 'form', text })));
    await until(() =>
      expect(refused.get().tasks).toMatchObject([
        { id, lastError: { status: 422, message: 'The server answered 422.' } },
      ]),
    );

    await change(id ?? '', { id: 'form', text: 'First' });
    await allSent();
    stop();
    expect(takenSince(before)).toEqual(['First', 'Second', 'Third']);
    expect(server.received.slice(before, before + 2).map(({ key }) => key)).toEqual([`"${id}"`, `"${id}.1"`]);
  });

  test('one that is on its way is not edited: its change follows it', async () => {
    const { change } = await run<Correct>('correct.ts');
    let failing = true;
    server.answer(() => (failing ? 500 : 200));
    const before = server.received.length;
    const id = await save({ id: 'sent', text: 'As sent' });
    await until(() => expect(server.received.length).toBeGreaterThan(before));

    await change(id, { id: 'sent', text: 'Changed' });
    failing = false;
    await basket.retry({});
    await allSent();
    expect(takenSince(before)).toEqual(['As sent', 'Changed']);
  });

  test('a second click while the corrected note is on its way sends nothing twice', async () => {
    const { change } = await run<Correct>('correct.ts');
    let status = 422;
    server.answer(() => status);
    const before = server.received.length;
    const id = await save({ id: 'twice', text: '' });
    await until(async () => expect(await basket.count({ state: 'dead' })).toMatchObject({ count: 1 }));

    status = 500;
    await change(id, { id: 'twice', text: 'Better' });
    await until(() => expect(server.received.at(-1)?.body).toContain('Better'));
    await change(id, { id: 'twice', text: 'Better' });
    status = 200;
    await basket.retry({});
    await allSent();
    expect(takenSince(before)).toEqual(['Better']);
  });

  test('one that was discarded in another tab does not come back', async () => {
    const { change } = await run<Correct>('correct.ts');
    server.answer(() => 422);
    const id = await save({ id: 'gone', text: '' });
    await until(async () => expect(await basket.count({ state: 'dead' })).toMatchObject({ count: 1 }));
    server.answer(() => 200);
    const before = server.received.length;

    await basket.cancel(id);
    await change(id, { id: 'gone', text: 'Resurrected' });
    await allSent();
    expect(takenSince(before)).toEqual([]);
  });
});

test('an import is stored as a whole, or not at all', async () => {
  const { importNotes } = await run<{ importNotes: (notes: readonly unknown[]) => Promise<readonly string[]> }>(
    'import-notes.ts',
  );
  const before = server.received.length;
  const notes = Array.from({ length: 20 }, (_, n) => ({ id: `import-${n}`, text: `${n}` }));

  await expect(importNotes([...notes, { id: 'wrong', text: () => undefined }])).rejects.toMatchObject({
    code: 'payload',
  });
  expect(await basket.list()).toEqual([]);

  expect(await importNotes(notes)).toHaveLength(20);
  await allSent();
  expect([...takenSince(before)].sort()).toEqual(notes.map(({ text }) => text).sort());
});

test('the status page says what stands still, and that nobody is missing', async () => {
  const { status } = await run<{ status: () => Promise<readonly string[]> }>('status.ts');
  expect(await status()).toEqual(['0 to send, 0 refused.']);

  server.answer(() => 422);
  await save({ id: 'still', text: '' });
  await save({ id: 'still', text: 'behind' });
  await until(async () =>
    expect(await status()).toEqual(['1 to send, 1 refused.', 'still stands still: its first task is dead.']),
  );
});
