/** What the hooks of React give: what the calls of the basket give, typed by its registry. */
import type { Explained, Outcome, Reason, Snapshot, TaskId, TaskView } from '../../src/index.js';
import { defineTasks, openBasket, task } from '../../src/index.js';
import { createHooks } from '../../src/react.js';
import type { Same } from './claims.js';
import { a, claim } from './claims.js';

const tasks = defineTasks('field-notes', { saveNote: task<string, number>(), ping: task() });
type Saved = TaskView<'saveNote', string>;
type AnyView = Saved | TaskView<'ping', void>;

const { useTasks, useReasons, useSettled } = createHooks(openBasket(tasks));

const all = useTasks();
claim<Same<typeof all, Snapshot<AnyView>>>();
const notes = useTasks({ type: 'saveNote', limit: 5 }, { reasons: true });
claim<Same<typeof notes, Snapshot<Explained<Saved>>>>();
// @ts-expect-error -- there is no such type
useTasks({ type: 'savedNote' });

const reasons = useReasons(a<TaskId<'ping'> | undefined>());
claim<Same<typeof reasons, readonly Reason[] | undefined>>();
useReasons('from the app');

const end = useSettled(a<TaskId<'saveNote'> | undefined>());
claim<Same<typeof end, Outcome<number> | undefined>>();
// @ts-expect-error -- an id is a string
useSettled(7);

// @ts-expect-error -- a registry is no basket
createHooks(tasks);
