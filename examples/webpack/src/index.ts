// index.ts
import { openBasket } from 'taskbasket';
import { type Note, tasks } from './tasks';

export const basket = openBasket(tasks, {
  worker: () => new SharedWorker(new URL('./tasks.worker.ts', import.meta.url), { type: 'module', name: 'field-notes' }),
});

export const save = (note: Note) => basket.add('saveNote', note); // resolves when it is on disk; it will be sent

const line = document.querySelector('output')!;

document.querySelector('button')!.addEventListener('click', () => {
  save({ id: crypto.randomUUID(), text: 'The cellar is dry.' }).catch((error: unknown) => (line.value = String(error)));
});

basket.watch({}).subscribe(({ loaded, tasks: unsent }) => {
  if (loaded) line.value = unsent.length === 0 ? 'All is sent' : `${unsent.length} unsent`;
});
