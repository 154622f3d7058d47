import { partOf } from '../pure/parts.js';

/**
 * The number of the protocol between page and worker. It is raised only if an older side could not understand the
 * newer. Neither side works with another number.
 */
export const protocol = 1;

/** The question of a page to a worker. */
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
  /** The name of the lock that the worker holds while it lives. Whoever is granted it knows that the worker is gone. */
  readonly alive: string;
  /** The version of each of its task types. Absent: its build does not tell. */
  readonly types?: Readonly<Record<string, number>>;
  /** Why it cannot open the database now, in a sentence. */
  readonly trouble?: string;
}

/** What a worker exposes to pages. */
export interface HostFace {
  readonly hello: (hello: Hello) => Promise<HelloAnswer>;
}

/** Whether a message is the answer of a worker of this library, in the protocol of this build. */
export function isHelloAnswer(answer: unknown): answer is HelloAnswer {
  const texts = ['basket', 'alive'].every((name) => typeof partOf(answer, name) === 'string');

  return texts && partOf(answer, 'protocol') === protocol && typeof partOf(answer, 'build') === 'number';
}
