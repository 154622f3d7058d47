/**
 * Where the reports are sent from. It runs apart from the page, and goes on while a tab of the app is open.
 */
import { Unavailable, ensureOk, isNetworkError, serveBasket } from 'taskbasket/worker';

import { tasks } from './tasks.ts';

/** Tells the server's ledger which worker sent a request. */
const worker = crypto.randomUUID();

serveBasket(tasks, {
  async saveReport(report, { idempotencyKey, number, recovered, signal }) {
    const { id, title, text } = report;
    const response = await fetch(`/api/reports/${encodeURIComponent(id)}`, {
      method: 'PUT',
      body: JSON.stringify({ title, text }),
      headers: {
        'Content-Type': 'application/json',
        'Idempotency-Key': `"${idempotencyKey}"`,
        'X-Attempt': String(number),
        'X-Recovered': String(recovered),
        'X-Worker': worker,
      },
      signal,
    }).catch(meansAway);
    ensureOk(response);
  },
});

/** A request that did not reach the server says nothing about the report: the server is away. */
function meansAway(error: unknown): never {
  throw isNetworkError(error) ? new Unavailable({ cause: error }) : error;
}
