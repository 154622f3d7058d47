/** What a React app imports to show tasks. It needs React 18 or 19. An app that does not import it has none of its code. */
export type { Hooks } from './react/hooks.js';
export { createHooks } from './react/hooks.js';
