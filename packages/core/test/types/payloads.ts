/** What a payload and a result are inferred from, and what `add` then takes. */
import type { Codec, NameOf, PayloadOf, ResultOf, StoreNames, TaskId, TaskType } from '../../src/index.js';
import { defineTasks, json, openBasket, task } from '../../src/index.js';
import type { Same } from './claims.js';
import { a, claim } from './claims.js';

interface Note {
  readonly id: string;
  readonly text: string;
  readonly tags?: readonly string[];
}

interface Photo {
  readonly takenAt: Date;
  readonly bytes: Blob;
}

type Change = { readonly kind: 'add'; readonly text: string } | { readonly kind: 'remove'; readonly at: number };
type Tree = { readonly name: string; readonly children: readonly Tree[] };

const photoCodec: Codec<Photo, { readonly at: string; readonly bytes: Blob }> = {
  encode: (photo) => ({ at: photo.takenAt.toISOString(), bytes: photo.bytes }),
  decode: (stored) => ({ takenAt: new Date(stored.at), bytes: stored.bytes }),
};

const tasks = defineTasks('field-notes', {
  saveNote: task<Note>({ lane: (note) => note.id, gate: (note) => note.tags?.[0] }),
  countNote: task<Note, number>(),
  uploadPhoto: task({ codec: photoCodec, version: 2, priority: 'low', lane: (photo) => photo.takenAt.toISOString() }),
  remindAt: task({
    lane: (date) => date.toISOString(),
    codec: { encode: (date: Date) => date.toISOString(), decode: (stored) => new Date(stored) },
  }),
  encrypt: task({ codec: { encode: async (text: string) => [text], decode: async (stored) => stored.join('') } }),
  asText: task({ codec: json<Note>() }),
  ping: task(),
  pong: task({ lane: 'ping' }),
  change: task<Change>(),
  plant: task<Tree>(),
  maybe: task<string | undefined>(),
  nothing: task<null>(),
  pair: task<readonly [string, number]>(),
  counts: task<Map<string, number>>(),
});
type Tasks = typeof tasks;

claim<Same<PayloadOf<Tasks, 'saveNote'>, Note>>();
claim<Same<PayloadOf<Tasks, 'countNote'>, Note>>();
claim<Same<PayloadOf<Tasks, 'uploadPhoto'>, Photo>>();
claim<Same<PayloadOf<Tasks, 'remindAt'>, Date>>();
claim<Same<PayloadOf<Tasks, 'encrypt'>, string>>();
claim<Same<PayloadOf<Tasks, 'asText'>, Note>>();
claim<Same<PayloadOf<Tasks, 'ping'>, void>>();
claim<Same<PayloadOf<Tasks, 'pong'>, void>>();
claim<Same<PayloadOf<Tasks, 'change'>, Change>>();
claim<Same<PayloadOf<Tasks, 'plant'>, Tree>>();
claim<Same<PayloadOf<Tasks, 'maybe'>, string | undefined>>();
claim<Same<PayloadOf<Tasks, 'nothing'>, null>>();
claim<Same<PayloadOf<Tasks, 'pair'>, readonly [string, number]>>();
claim<Same<PayloadOf<Tasks, 'counts'>, Map<string, number>>>();
claim<Same<ResultOf<Tasks, 'saveNote'>, void>>();
claim<Same<ResultOf<Tasks, 'countNote'>, number>>();
claim<Same<ResultOf<Tasks, 'uploadPhoto'>, void>>();
claim<Same<Tasks['types']['uploadPhoto'], TaskType<Photo>>>();

claim<Same<NameOf<typeof photos>, 'uploadPhoto'>>();

claim<Same<Tasks['stores'], StoreNames<'taskbasket'>>>();
claim<Same<Tasks['stores'][0], 'taskbasket.tasks'>>();
claim<Same<Tasks['bucket'], 'taskbasket'>>();

const photos = defineTasks('field-notes', { uploadPhoto: task({ codec: photoCodec }) }, { bucket: 'photos' });
claim<Same<(typeof photos)['bucket'], 'photos'>>();
claim<
  Same<(typeof photos)['stores'], readonly ['photos.tasks', 'photos.payloads', 'photos.outcomes', 'photos.state']>
>();

const both = defineTasks('field-notes', { ...tasks.types, ...photos.types, extra: task<number>() });
claim<Same<PayloadOf<typeof both, 'extra'>, number>>();
claim<Same<PayloadOf<typeof both, 'saveNote'>, Note>>();

const basket = openBasket(tasks);
const note = a<Note>();

void basket.add('saveNote', note);
void basket.add(
  'saveNote',
  { id: 'note-1', text: '' },
  { lane: 'x', gate: 'y', priority: 'high', durability: 'relaxed' },
);
void basket.add('saveNote', note, { lane: undefined, gate: undefined, runAt: undefined, timeout: undefined });
void basket.add('saveNote', note, { runAt: new Date(), onDead: 'skip' });
void basket.add('ping');
void basket.add('ping', undefined, { runAt: Date.now() + 1_000 });
void basket.add('maybe');
void basket.add('maybe', 'text');
void basket.add('nothing', null);
void basket.add('pair', ['a', 1]);
void basket.add('change', { kind: 'remove', at: 1 });
void basket.add('remindAt', new Date());
void basket.add('plant', { name: 'root', children: [{ name: 'leaf', children: [] }] });

// @ts-expect-error -- there is no type of that name
void basket.add('savedNote', note);
// @ts-expect-error -- a payload is missing
void basket.add('saveNote');
// @ts-expect-error -- undefined is no payload
void basket.add('saveNote', undefined);
// @ts-expect-error -- there is no payload where none is declared
void basket.add('ping', note);
// @ts-expect-error -- a field is missing
void basket.add('saveNote', { id: 'note-1' });
// @ts-expect-error -- there is one field too many
void basket.add('saveNote', { id: 'note-1', text: '', texts: '' });
// @ts-expect-error -- a field has another type
void basket.add('saveNote', { id: 1, text: '' });
// @ts-expect-error -- an optional field that is there is not undefined
void basket.add('saveNote', { id: 'note-1', text: '', tags: undefined });
// @ts-expect-error -- the kinds of a union do not mix
void basket.add('change', { kind: 'remove', text: '' });
// @ts-expect-error -- what is stored is not the payload
void basket.add('remindAt', '2026-01-01');
// @ts-expect-error -- a tuple has its length
void basket.add('pair', ['a']);
// @ts-expect-error -- a lane is a string: write `${note.id}` for a number
void basket.add('saveNote', note, { lane: 7 });
// @ts-expect-error -- a priority is one of three words
void basket.add('saveNote', note, { priority: 1 });
// @ts-expect-error -- a time is a date or a number
void basket.add('saveNote', note, { runAt: '2026-01-01' });
// @ts-expect-error -- a key is a string
void basket.add('saveNote', note, { key: 7 });
// @ts-expect-error -- the end of its time is a date or a number
void basket.add('saveNote', note, { expiresAt: '2026-01-01' });
// @ts-expect-error -- there is no such option
void basket.add('saveNote', note, { delay: 5 });

task<Note>({ key: (payload) => payload.id, lifetime: 60_000, onExpired: 'block', aliases: ['sendNote'] });
// An upgrade says what it takes; what it does not say is unknown.
task<Note>({ version: 3, upgrade: { 1: (old: { readonly text: string }) => ({ id: '', ...old }), 2: (old) => old } });
// @ts-expect-error -- a key's function gets the payload
task<Note>({ key: (payload) => payload.name });
// @ts-expect-error -- a lifetime is a number of milliseconds
task<Note>({ lifetime: '1 h' });
// @ts-expect-error -- an upgrade is a function
task<Note>({ version: 2, upgrade: { 1: 'old' } });
// @ts-expect-error -- an upgrade that does not say what it takes has to find out
task<Note>({ version: 2, upgrade: { 1: (old) => old.text } });
// @ts-expect-error -- a list of names
task<Note>({ aliases: 'sendNote' });

// @ts-expect-error -- a lane's function gets the payload
task<Note>({ lane: (payload) => payload.name });
// @ts-expect-error -- and gives a string
task<{ readonly id: number }>({ lane: (payload) => payload.id });
// @ts-expect-error -- a codec fits the payload
task<Note>({ codec: photoCodec });
// @ts-expect-error -- a codec gives back what it took
task({ codec: { encode: (date: Date) => date.getTime(), decode: (stored: number) => `${stored}` } });
// @ts-expect-error -- there is no such option
task<Note>({ retries: 3 });
// @ts-expect-error -- dead tasks block or are skipped
task<Note>({ onDead: 'drop' });
// @ts-expect-error -- what opens the database gives back something that can be closed
defineTasks('field-notes', {}, { open: async () => ({ name: 'field-notes' }) });
// @ts-expect-error -- a registry holds task types
defineTasks('field-notes', { saveNote: (payload: Note) => payload });

/** An id carries its type's name, and any string is an id too: it costs the user nothing. */
export async function ids(): Promise<string> {
  const id = await basket.add('saveNote', note);
  claim<Same<typeof id, TaskId<'saveNote'>>>();
  const text: string = id;
  const read: TaskId<'saveNote'> = text;
  const anyId: TaskId = id;
  await basket.cancel(id);
  await basket.retry('from-the-app');
  // @ts-expect-error -- the id of another type
  const wrong: TaskId<'ping'> = id;

  return [text, read, anyId, wrong].join();
}
