/**
 * Sends the requests of the lab. Its name says which database it serves.
 */
import { sendHttp } from 'taskbasket/http';
import { serveBasket } from 'taskbasket/worker';

import { type RequestSetup, requestTasks } from './request-tasks.js';

serveBasket(requestTasks(JSON.parse(self.name) as RequestSetup), {
  api: sendHttp({
    authorize: (request, session) => request.headers.set('Authorization', `Bearer ${session?.token}`),
  }),
});
