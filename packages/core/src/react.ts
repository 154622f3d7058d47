/** What a React app imports to show tasks. It needs React 18 or 19, and is no part of the bundle of any other app. */
export type { Hooks } from './react/hooks.js';
export { createHooks } from './react/hooks.js';
