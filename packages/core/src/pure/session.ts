import { partOf } from './parts.js';

declare const carried: unique symbol;

/** Says that a registry has a session, and which values the app gives for it. Made by `session`. */
export interface SessionType<Values> {
  readonly declares: 'session';
  /** Exists in types only. */
  readonly [carried]?: { readonly values: Values };
}

/** Who is signed in, with the values that the app gave for that owner. */
export type Session<Values> = (Values extends object ? Readonly<Values> : unknown) & { readonly owner: string };

/** Why the function of `signIn` is called. */
export interface ValuesWanted {
  /**
   * Whether a server has answered 401 to the last values, so that others are needed. If false, a worker has no values
   * yet: give those that you have, also offline, and also if they may have expired.
   *
   * @example
   * await basket.signIn(user.id, async ({ refused }) => ({ token: refused ? await renewed() : token }));
   */
  readonly refused: boolean;
}

interface MayHaveSession {
  readonly session: SessionType<unknown> | undefined;
}

/** The values that an app gives to `signIn`; `never` if its registry declares no session. */
export type ValuesOf<R extends MayHaveSession> = R['session'] extends SessionType<infer Values> ? Values : never;

/** What `attempt.session` is in the handlers of a registry; `unknown` if the registry declares no session. */
export type SessionOf<R extends MayHaveSession> =
  R['session'] extends SessionType<infer Values> ? Session<Values> : unknown;

/**
 * Declares that tasks belong to the one who is signed in, their *owner*. Give the type of the values that handlers need
 * for an owner, such as a token; leave it out if they need none. Pass the result to `defineTasks` as `session`.
 *
 * @example
 * const tasks = defineTasks('field-notes', { saveNote: task<Note>() }, { session: session<{ token: string }>() });
 */
export function session<Values extends object | void = void>(): SessionType<Values> {
  return Object.freeze({ declares: 'session' });
}

/** Whether a value was made by `session`. */
export function isSessionType(value: unknown): boolean {
  return partOf(value, 'declares') === 'session';
}
