// tasks.worker.ts
import { createSend } from 'taskbasket/http';
import { serveBasket } from 'taskbasket/worker';
import { tasks } from './tasks';

const send = createSend();
serveBasket(tasks, {
  async saveNote(note, attempt) {
    await send(`/notes/${note.id}`, { method: 'PUT', json: note }, attempt);
  },
});
