import { expect, test } from 'vitest';

import { laidOut } from './blocks.js';
import { createBrowser } from './browser.js';

test('the test of an app of the README sends its note and ends', async () => {
  const { server } = await createBrowser({ sharedWorker: false });
  const { testThatANoteIsSent } = await laidOut('my-app').run<{ testThatANoteIsSent: () => Promise<string> }>(
    'my-app.test.ts',
  );

  expect(await testThatANoteIsSent()).toBe('done');
  expect(server.received).toMatchObject([{ path: '/notes/n1', body: '{"id":"n1","text":"The cellar is dry."}' }]);
});
