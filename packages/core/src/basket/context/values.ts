import { randomText } from '../../ports/ids.js';
import { callSafely } from '../../pure/errors.js';
import { must } from '../../pure/options.js';
import type { ValuesWanted } from '../../pure/session.js';
import type { BasketContext } from './context.js';

/**
 * Gives a runner the values of who is signed in here, when it asks for them: see `runner/term/values.ts`. If `signIn`
 * was given a function, it is called for each question that this context is chosen to answer.
 */
export function giveValues({ hub, here, registry, ports }: BasketContext): void {
  if (registry.session === undefined) return;

  hub.hear((message) => {
    // A page that was put away did not hear what a runner has asked meanwhile.
    const returned = message.kind === 'look' && message.returned === true;
    if (returned && typeof here.owner === 'string' && here.values !== undefined) {
      hub.say({ kind: 'values', step: 'here', owner: here.owner });
    }
    if (message.kind !== 'values' || message.owner !== here.owner || here.values === undefined) return;
    const { step, owner, question } = message;
    const { valuesId: page } = here;
    if (step === 'wanted') hub.say({ kind: 'values', step: 'here', owner, question, page });
    if (step === 'asked' && message.page === page) {
      void answer({ refused: message.refused !== false }).then(({ values, valuesId }) => {
        // Somebody else may have signed in meanwhile.
        if (here.owner === owner) hub.say({ kind: 'values', step: 'given', owner, question, page, values, valuesId });
      });
    }
  });

  /** The values of now. A function that fails gives none, and its error is reported. */
  async function answer(why: ValuesWanted): Promise<{ readonly values: unknown; readonly valuesId: string }> {
    const { values, valuesId } = here;
    if (typeof values !== 'function') return { values, valuesId };
    try {
      const made: unknown = await (values as (given: ValuesWanted) => unknown)(why);
      must(typeof made === 'object' && made !== null, 'What the function of signIn returns', 'an object', made);

      return { values: structuredClone(made), valuesId: randomText(ports.randomBytes, 12) };
    } catch (error) {
      callSafely(() => {
        throw error;
      }, undefined);

      return { values: undefined, valuesId };
    }
  }
}
