/** What a basket gives beside single adds: many at once, prepared ones, ends, reasons, corrections and events. */
import type {
  AppTransaction,
  Count,
  Death,
  EventName,
  EventOf,
  Outcome,
  Prepared,
  Reason,
  StoredError,
  TaskId,
} from '../../src/index.js';
import { defineTasks, openBasket, task } from '../../src/index.js';
import type { Same } from './claims.js';
import { a, claim } from './claims.js';

interface Note {
  readonly id: string;
  readonly text: string;
}

const tasks = defineTasks('field-notes', {
  saveNote: task<Note>(),
  countNote: task<Note, number>(),
  ping: task(),
  maybe: task<string | undefined>(),
  encrypt: task({ codec: { encode: async (text: string) => [text], decode: async (stored) => stored.join('') } }),
});
const basket = openBasket(tasks);
const note = a<Note>();
const tx = a<AppTransaction<(typeof tasks)['stores'][number]>>();

export async function many(): Promise<void> {
  const ids = await basket.addMany([['saveNote', note, { lane: 'x' }], ['ping'], ['maybe'], ['maybe', 'text']]);
  claim<Same<typeof ids, readonly [TaskId<'saveNote'>, TaskId<'ping'>, TaskId<'maybe'>, TaskId<'maybe'>]>>();

  const notes = await basket.addMany(a<readonly Note[]>().map((one) => ['saveNote', one] as const));
  claim<Same<typeof notes, readonly TaskId<'saveNote'>[]>>();
  const dated = await basket.addMany(a<Note[]>().map((one) => ['saveNote', one, { runAt: 5 }] as const));
  claim<Same<typeof dated, readonly TaskId<'saveNote'>[]>>();
  const none = await basket.addMany([]);
  claim<Same<typeof none, readonly []>>();

  // @ts-expect-error -- there is no type of that name
  await basket.addMany([['savedNote', note]]);
  // @ts-expect-error -- a payload is missing
  await basket.addMany([['ping'], ['saveNote']]);
  // @ts-expect-error -- the payload of another type
  await basket.addMany([['encrypt', note]]);
  // @ts-expect-error -- there is no payload where none is declared
  await basket.addMany([['ping', note]]);
  // @ts-expect-error -- there is no such option
  await basket.addMany([['saveNote', note, { delay: 5 }]]);
  // @ts-expect-error -- each of them is a list
  await basket.addMany(['ping']);
  // @ts-expect-error -- the payload of what is mapped is wrong
  await basket.addMany(a<readonly number[]>().map((one) => ['saveNote', one] as const));
}

export async function prepared(): Promise<void> {
  const ready = await basket.prepare('encrypt', 'secret', { lane: 'x' });
  claim<Same<typeof ready, Prepared<'encrypt'>>>();
  claim<Same<typeof ready.id, TaskId<'encrypt'>>>();
  const id = basket.addTx(tx, ready);
  claim<Same<typeof id, TaskId<'encrypt'>>>();
  const plain = basket.addTx(tx, 'saveNote', note, { lane: 'x' });
  claim<Same<typeof plain, TaskId<'saveNote'>>>();
  basket.addTx(tx, 'ping');

  // @ts-expect-error -- it is awaited before
  basket.addTx(tx, basket.prepare('encrypt', 'secret'));
  // @ts-expect-error -- what is prepared has its payload already
  basket.addTx(tx, ready, 'secret');
  // @ts-expect-error -- what is prepared comes from prepare
  basket.addTx(tx, { id: 'x' });
  // @ts-expect-error -- a payload is missing
  await basket.prepare('encrypt');
  // @ts-expect-error -- what is stored is not the payload
  await basket.prepare('encrypt', ['secret']);
  // @ts-expect-error -- an id is read only
  ready.id = 'other';
}

export async function ends(): Promise<void> {
  const counted = await basket.settled(await basket.add('countNote', note));
  claim<Same<typeof counted, Outcome<number>>>();
  if (counted.state === 'done') claim<Same<typeof counted.result, number>>();
  if (counted.state === 'dead') {
    claim<Same<typeof counted.because, Death['reason']>>();
    claim<Same<typeof counted.error, StoredError | undefined>>();
  }
  if (counted.state === 'replaced') claim<Same<typeof counted.by, string>>();
  claim<Same<typeof counted.state, 'done' | 'dead' | 'cancelled' | 'replaced' | 'purged' | 'gone'>>();

  const saved = await basket.settled(await basket.add('saveNote', note));
  // A handler without a result gives none.
  if (saved.state === 'done') claim<Same<typeof saved.result, void>>();
  const some = await basket.settled('from-the-app');
  if (some.state === 'done') claim<Same<typeof some.result, void | number>>();

  // @ts-expect-error -- only what is done has a result
  console.assert(counted.result);
  // @ts-expect-error -- there is no such end
  if (counted.state === 'failed') return;
  // @ts-expect-error -- an id, and not a view
  await basket.settled({ id: 'x' });
}

export async function correcting(): Promise<void> {
  const id = await basket.add('saveNote', note);
  const found = await basket.update(id, { id: 'note-1', text: 'corrected' });
  claim<Same<typeof found, boolean>>();

  // @ts-expect-error -- a field is missing
  await basket.update(id, { id: 'note-1' });
  // @ts-expect-error -- a payload is missing
  await basket.update(id);
  // @ts-expect-error -- the payload of another type
  await basket.update(id, 'text');
}

export async function several(): Promise<void> {
  const removed = await basket.cancel({ type: ['saveNote', 'ping'], state: 'dead', lane: 'x' });
  claim<Same<typeof removed, number>>();
  claim<Same<Awaited<ReturnType<typeof basket.retry>>, number>>();
  await basket.retry({});
  const count = await basket.count({ type: 'saveNote', gate: 'g' });
  claim<Same<typeof count, Count>>();

  // @ts-expect-error -- which?
  await basket.cancel();
  // @ts-expect-error -- a query of a type that is not there
  await basket.cancel({ type: 'savedNote' });
  // @ts-expect-error -- all that fit, and not the first ones
  await basket.cancel({ limit: 10 });
  // @ts-expect-error -- by id or by query, and not by ids
  await basket.cancel(['a', 'b']);
  // @ts-expect-error -- running is no stored state
  await basket.count({ state: 'running' });
}

export async function pauses(): Promise<void> {
  await basket.pause({});
  await basket.pause(await basket.add('ping'));
  await basket.pause({ type: ['ping'], lane: 'a', gate: 'api' });
  claim<Same<typeof ended, number>>();
  const ended = await basket.resume({ type: 'ping' });
  await basket.resume();
  // @ts-expect-error -- nothing is no pause
  await basket.pause();
  // @ts-expect-error -- there is no such type
  await basket.pause({ type: 'pong' });
  // @ts-expect-error -- dead tasks wait anyway
  await basket.pause({ state: 'queued' });
  // @ts-expect-error -- undefined would end all pauses
  await basket.resume(undefined);
}

export async function reasons(): Promise<string> {
  const found = await basket.explain(await basket.add('ping'));
  claim<Same<typeof found, readonly Reason[]>>();
  const [reason] = found;
  if (reason === undefined) return '';
  if (reason.reason === 'lane') return `${reason.lane} behind ${reason.behind}, dead: ${reason.dead}`;
  if (reason.reason === 'gate') claim<Same<typeof reason.until, number | undefined>>();
  // @ts-expect-error -- there is no such reason
  if (reason.reason === 'resumed') return '';
  if (reason.reason === 'paused') await basket.resume(reason.filter);

  return reason.reason;
}

export function events(): void {
  const stop = basket.on('failed', (event) => {
    claim<Same<typeof event, EventOf<'failed'>>>();
    claim<Same<typeof event.error, StoredError>>();
    claim<Same<typeof event.dead, boolean>>();
  });
  claim<Same<typeof stop, () => void>>();
  basket.on('settled', (event) => {
    if (event.state === 'replaced') claim<Same<typeof event.by, string>>();
    claim<Same<typeof event.state, 'done' | 'dead' | 'cancelled' | 'replaced' | 'purged'>>();
  });
  basket.on('started', ({ id, number }) => console.assert(id === '' && number === 1));
  basket.on('gate', ({ gate, closed }) => console.assert(gate === '' && closed));
  basket.on('lost', (event) => console.assert(event.database === '' && event.tasks === 0));
  basket.on('progress', ({ value, number }) => {
    claim<Same<typeof value, unknown>>();
    claim<Same<typeof number, number>>();
  });
  claim<Same<EventName, 'added' | 'started' | 'progress' | 'failed' | 'settled' | 'gate' | 'session' | 'lost'>>();

  // @ts-expect-error -- there is no such event
  basket.on('done', () => undefined);
  // @ts-expect-error -- what is added has no error
  basket.on('added', ({ error }) => error);
  // @ts-expect-error -- a listener is missing
  basket.on('added');
}
