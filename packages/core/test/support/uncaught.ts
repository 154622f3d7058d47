import { onTestFinished } from 'vitest';

import { messageOf } from '../../src/pure/errors.js';

/** The messages of the errors that nobody catches, from now to the end of the test. */
export function noteUncaught(): readonly string[] {
  const messages: string[] = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => messages.push(messageOf(error)));
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException');
    for (const other of others) process.on('uncaughtException', other);
  });

  return messages;
}
