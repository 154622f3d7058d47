/** What an app imports to send requests. The import alone has no effect. */
export type { Answer, KeptAnswer } from './http/answer.js';
export type { HttpBody } from './http/body.js';
export { coalesce } from './http/coalesce.js';
export type { Fill } from './http/fill.js';
export type { SendInit } from './http/init.js';
export type { SendAttempt, SendOptions } from './http/options.js';
export type { HttpRequest } from './http/request.js';
export type { HttpAttempt, HttpHandler } from './http/send-http.js';
export { sendHttp } from './http/send-http.js';
export type { Send } from './http/send.js';
export { createSend } from './http/send.js';
export type { HttpPayload, HttpTaskOptions } from './http/task.js';
export { httpTask } from './http/task.js';
