// unsent-work.ts
import { openBasket } from 'taskbasket';
import { type Note, tasks } from './tasks';

export const basket = openBasket(tasks, {
  worker: () => new SharedWorker(new URL('./tasks.worker.ts', import.meta.url), { type: 'module', name: 'field-notes' }),
});

export const save = (note: Note) => basket.add('saveNote', note); // resolves when it is on disk; it will be sent
