/** What a page imports to show its users what is unsent. The import alone has no effect. */
import type { TaskbasketInspector } from './inspector/settings.js';

export { defineInspector } from './inspector/define.js';
export type {
  InspectedBasket,
  InspectedTask,
  InspectorAction,
  InspectorEvents,
  InspectorSettings,
  TaskbasketInspector,
} from './inspector/settings.js';
export type { InspectedState, InspectorWords, SomeInspectorWords, When } from './inspector/words.js';

declare global {
  interface HTMLElementTagNameMap {
    'taskbasket-inspector': TaskbasketInspector;
  }
}
