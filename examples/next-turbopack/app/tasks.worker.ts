// tasks.worker.ts
import { ensureOk, serveBasket } from 'taskbasket/worker';
import { tasks } from './tasks';

serveBasket(tasks, {
  async saveNote(note, { signal, idempotencyKey }) {
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': `"${idempotencyKey}"` };
    const request: RequestInit = { method: 'PUT', body: JSON.stringify(note), headers, signal, redirect: 'manual' };
    ensureOk(await fetch(`/notes/${note.id}`, request));
  },
});
