/** What can an app set on the element, and what does the element tell? */
import type { EventOf, Explained, OfOwner, Query, Snapshot, TaskView, Watched } from '../index.js';
import type { Scope } from '../pure/query.js';
import type { SomeInspectorWords } from './words.js';

/** A task on the list, with every reason why it is not running now. */
export type InspectedTask = Explained<TaskView>;

/** What the element needs of a basket. Each basket has it, whatever its registry declares. */
export interface InspectedBasket {
  readonly watch: (query: Query<never>, options: { readonly reasons: true }) => Watched<Snapshot<Explained<TaskView>>>;
  readonly retry: (id: string) => Promise<number>;
  readonly cancel: (id: string) => Promise<number>;
  readonly pause: (scope: Scope<never>) => Promise<void>;
  readonly resume: (scope: Scope<never>) => Promise<number>;
  readonly health: (whose: OfOwner) => Promise<{ readonly pauses: readonly (string | Scope)[] }>;
  readonly on: (event: 'settled', listener: (event: EventOf<'settled'>) => void, whose: OfOwner) => () => void;
}

/** The properties of the element. Set them in any order, at any time. */
export interface InspectorSettings {
  /**
   * The basket whose tasks are shown. `undefined`, the default: none. The element does not close it.
   *
   * @example
   * document.querySelector('taskbasket-inspector')!.basket = basket;
   */
  basket: InspectedBasket | undefined;
  /**
   * Which tasks are shown, as for `watch`. Default `{}`: the first 100 tasks. The button "Pause" pauses the tasks of
   * this query, whatever their state.
   *
   * @example
   * document.querySelector('taskbasket-inspector')!.query = { type: 'saveNote', limit: 500 };
   */
  query: Query;
  /**
   * Words in place of the English ones; those that you leave out stay English. With words of another language, set their
   * `lang` too.
   *
   * @example
   * document.querySelector('taskbasket-inspector')!.words = { heading: 'Notes to be sent', pause: 'Send later' };
   */
  words: SomeInspectorWords;
  /**
   * What a task is, for a person. Default: the name of its type. The payload is `undefined` if this build cannot read
   * it. The element shows the text as it is, and never as HTML.
   *
   * @example
   * document.querySelector('taskbasket-inspector')!.label = ({ payload }) => (payload as Note | undefined)?.text ?? 'A note';
   */
  label: (task: InspectedTask) => string;
  /**
   * Which dead tasks have a button "Correct". Default: none. It is asked only for tasks whose payload this build can
   * read. The button dispatches the event `correct`.
   */
  canCorrect: (task: InspectedTask) => boolean;
  /** Which tasks have a button "Discard". Default: all. */
  canDiscard: (task: InspectedTask) => boolean;
}

/** The `detail` of an event about one task. */
export interface InspectorAction {
  readonly task: InspectedTask;
  /** An element with this `slot`, inside of the inspector, is shown with the task: for a form that corrects it. */
  readonly slot: string;
}

/**
 * The events of the element. All of them bubble, also out of a shadow tree. The element does what it would do by itself
 * unless you call `preventDefault()`.
 *
 * - `retry`: a person wants to try the task now. By itself: `basket.retry(id)`.
 * - `correct`: a person wants to correct the task. Append a form with the `slot` of the detail. The element does nothing
 *   by itself; it removes the form once the task is no longer dead.
 * - `discard`: a person has confirmed that the task be discarded. By itself: `basket.cancel(id)`.
 * - `announce`: something has happened that is worth a sentence, such as "Sent: …". By itself: screen readers are told.
 */
export interface InspectorEvents {
  readonly retry: CustomEvent<InspectorAction>;
  readonly correct: CustomEvent<InspectorAction>;
  readonly discard: CustomEvent<InspectorAction>;
  readonly announce: CustomEvent<string>;
}

/** The element. */
export interface TaskbasketInspector extends HTMLElement, InspectorSettings {
  addEventListener<Name extends keyof InspectorEvents>(
    type: Name,
    listener: (event: InspectorEvents[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener<Name extends keyof HTMLElementEventMap>(
    type: Name,
    listener: (event: HTMLElementEventMap[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}
