import { TaskbasketError } from '../../pure/errors.js';
import { checkObject } from '../../pure/options.js';
import type { AnyRegistry } from '../../pure/registry.js';
import { checkRegistry } from '../../pure/registry.js';

/**
 * Refuses a type without a handler, because its tasks would never run, and a handler without a type.
 *
 * @throws TaskbasketError `option`.
 */
export function checkHandlers(registry: AnyRegistry, handlers: Readonly<Record<string, unknown>>): void {
  checkRegistry(registry);
  checkObject(handlers, 'The argument with the handlers');
  const missing = Object.keys(registry.types).find((name) => !isHandler(handlers, name));
  if (missing !== undefined) {
    throw new TaskbasketError(
      'option',
      `There is no handler for the task type "${missing}". Give one function for each type.`,
    );
  }

  const surplus = Object.keys(handlers).find((name) => !Object.hasOwn(registry.types, name));
  if (surplus !== undefined) {
    throw new TaskbasketError(
      'option',
      `There is a handler for "${surplus}", and no task type of that name in the registry. Remove the handler, or add the type.`,
    );
  }
}

/** Whether there is a handler of this name. A method of a class is one; a method that every object inherits is not. */
function isHandler(handlers: Readonly<Record<string, unknown>>, name: string): boolean {
  return typeof handlers[name] === 'function' && (Object.hasOwn(handlers, name) || !(name in Object.prototype));
}
