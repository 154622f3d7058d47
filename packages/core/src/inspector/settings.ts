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
  readonly pause: (which: string | Scope<never>) => Promise<void>;
  readonly resume: (which: string | Scope<never>) => Promise<number>;
  /** `noOwner` is absent if the registry declares no session. */
  readonly health: (
    whose: OfOwner,
  ) => Promise<{ readonly pauses: readonly (string | Scope)[]; readonly noOwner?: unknown }>;
  readonly on: (event: 'settled', listener: (event: EventOf<'settled'>) => void, whose: OfOwner) => () => void;
}

/**
 * The properties of the element. Set them in any order, at any time. A value of the wrong kind throws TaskbasketError
 * `option`; `undefined` and `null` bring back the default.
 */
export interface InspectorSettings {
  /**
   * The basket whose tasks are shown. `undefined`, the default: none. The element does not close it.
   *
   * @example
   * document.querySelector('taskbasket-inspector')!.basket = basket;
   */
  basket: InspectedBasket | undefined;
  /**
   * Which tasks are shown, as for `watch`. Default `{}`: the first 100 tasks. The button "Pause" beside the heading pauses
   * the tasks of this query, whatever their state. With `id` or `parent` there is no such button.
   *
   * @example
   * document.querySelector('taskbasket-inspector')!.query = { type: 'saveNote', limit: 500 };
   */
  query: Query;
  /**
   * Replaces the English words. Words that you leave out stay English. If your words are in another language, set `lang`
   * too.
   *
   * @example
   * document.querySelector('taskbasket-inspector')!.words = { heading: 'Notes to be sent', pause: 'Send later' };
   */
  words: SomeInspectorWords;
  /**
   * Names a task for people. Default: the name of its type. The payload is `undefined` if this build cannot read
   * it. The element shows the text as it is, and never as HTML.
   *
   * @example
   * document.querySelector('taskbasket-inspector')!.label = ({ payload }) => (payload as Note | undefined)?.text ?? 'A note';
   */
  label: (task: InspectedTask) => string;
  /**
   * Says whether a dead task has a button "Correct". Default: none has. It is called only for tasks whose payload this
   * build can read. The button dispatches the event `correct`.
   */
  canCorrect: (task: InspectedTask) => boolean;
  /** Says whether a task has a button "Discard". Default: each task has. */
  canDiscard: (task: InspectedTask) => boolean;
}

/** The `detail` of an event about one task. */
export interface InspectorAction {
  readonly task: InspectedTask;
  /** Give a form this `slot` and append it to the inspector, so that the form is shown in the row of the task. */
  readonly slot: string;
}

/**
 * The events of the element. All of them bubble, also out of a shadow tree. After each event the element does what is
 * said here, unless you call `preventDefault()`.
 *
 * - `retry`: a person has pressed "Try now". The element calls `basket.retry(id)`.
 * - `correct`: a person has pressed "Correct". The element does nothing. Append a form with the `slot` of the detail. The
 *   element removes the form once the task is no longer dead.
 * - `pause`, `resume`: a person has pressed "Pause" in a row, or has pressed it again. The element calls `basket.pause(id)`
 *   or `basket.resume(id)`.
 * - `discard`: a person has pressed "Discard", and has confirmed it. The element calls `basket.cancel(id)`.
 * - `announce`: the detail is a sentence such as "Sent: …". The element tells it to screen readers.
 */
export interface InspectorEvents {
  readonly retry: CustomEvent<InspectorAction>;
  readonly correct: CustomEvent<InspectorAction>;
  readonly pause: CustomEvent<InspectorAction>;
  readonly resume: CustomEvent<InspectorAction>;
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
