/** What handlers import to send requests. The import alone has no effect. */
export type { Answer, KeptAnswer } from './http/answer.js';
export type { SendInit } from './http/init.js';
export type { SendAttempt, SendOptions } from './http/options.js';
export type { Send } from './http/send.js';
export { createSend } from './http/send.js';
