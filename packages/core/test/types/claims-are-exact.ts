/** The claims themselves: what tells nothing apart would let every mistake through. */
import type { Same } from './claims.js';
import { a, claim } from './claims.js';

claim<Same<{ readonly a: string }, { readonly a: string }>>();

// @ts-expect-error -- any is not a string
claim<Same<ReturnType<typeof JSON.parse>, string>>();
// @ts-expect-error -- a narrower type is another one
claim<Same<'a', string>>();
// @ts-expect-error -- a wider type is another one
claim<Same<string | undefined, string>>();
// @ts-expect-error -- an optional field is not a field that may be undefined
claim<Same<{ a?: string }, { a: string | undefined }>>();
// @ts-expect-error -- nor is one that can be written the same as one that cannot
claim<Same<{ a: string }, { readonly a: string }>>();

claim<Same<ReturnType<typeof a<string>>, string>>();
