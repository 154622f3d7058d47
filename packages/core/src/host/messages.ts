import { partOf } from '../pure/parts.js';

/**
 * What a page and a worker say to each other. Raised only if an older side could not go on; an unknown protocol is left
 * alone.
 */
export const protocol = 1;

/** A page's first question to a worker. */
export interface Hello {
  readonly protocol: number;
  /** Database and bucket: see `Names.channel`. */
  readonly basket: string;
  readonly build: number;
}

/** A worker's answer. */
export interface HelloAnswer {
  readonly protocol: number;
  readonly basket: string;
  readonly build: number;
  /** The lock that the worker holds for as long as it lives: being granted it means that it is gone. */
  readonly alive: string;
  /** The version of each of its task types. Not there: its build does not tell. */
  readonly types?: Readonly<Record<string, number>>;
  /** Why it cannot open the database now, in a sentence. */
  readonly trouble?: string;
}

/** What a worker exposes: frozen, and no more than questions. */
export interface HostFace {
  readonly hello: (hello: Hello) => Promise<HelloAnswer>;
}

/** Whether an answer is one, whatever sent it. */
export function isHelloAnswer(answer: unknown): answer is HelloAnswer {
  const numbers = ['protocol', 'build'].every((name) => typeof partOf(answer, name) === 'number');

  return numbers && ['basket', 'alive'].every((name) => typeof partOf(answer, name) === 'string');
}
