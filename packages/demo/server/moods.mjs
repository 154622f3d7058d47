/**
 * How does the server treat the next request?
 *
 * A mood holds until another one is set, or for `times` requests. Without `match` and `attempt` it holds for all of the
 * API.
 */

/** Every mood that the server knows; README.md says what each one does. */
export const moodNames = /** @type {const} */ ([
  'up',
  'slow',
  '503',
  '429',
  '401',
  'redirect',
  '4xx',
  '500',
  'drop-before',
  'drop-after',
  'refuse',
  'hang',
]);

/**
 * @typedef {(typeof moodNames)[number]} MoodName
 *
 * @typedef {object} MoodOptions
 * @property {number} [delay] `slow`: milliseconds before the effect; 2,000 if left out.
 * @property {number} [retryAfter] `429` and `503`: seconds in `Retry-After`; `429` says 2 if left out, `503` nothing.
 * @property {number} [status] `4xx`: the status; 422 if left out.
 * @property {number} [times] The number of requests that the mood holds for; then the server is up.
 * @property {string} [match] A regular expression. Only requests whose path or body matches are treated so.
 * @property {number} [attempt] Only requests of this attempt of their task are treated so: its header `X-Attempt`.
 *
 * @typedef {{ mood: MoodName, options: MoodOptions }} Mood
 */

/** @type {Mood} */
const up = { mood: 'up', options: {} };

export function createMoods() {
  let current = up;
  let left = Infinity;
  /** @type {RegExp | undefined} */
  let pattern;

  /**
   * @param {MoodName} mood
   * @param {MoodOptions} [options]
   */
  function set(mood, options = {}) {
    pattern = options.match === undefined ? undefined : new RegExp(options.match);
    left = options.times ?? Infinity;
    current = { mood, options };
  }

  /**
   * The mood for one request; counts it.
   *
   * @param {{ readonly path: string, readonly body: string, readonly attempt: number | null }} request
   * @returns {Mood}
   */
  function next({ path, body, attempt }) {
    if (attempt !== (current.options.attempt ?? attempt)) return up;
    if (pattern && !pattern.test(path) && !pattern.test(body)) return up;
    const mood = current;
    left -= 1;
    if (left <= 0) set('up');

    return mood;
  }

  return { current: () => current, set, next };
}

/**
 * Reads what was posted to /control/mood. Throws an error that says what is wrong with it.
 *
 * @param {unknown} value
 * @returns {Mood}
 */
export function readMood(value) {
  if (!isRecord(value)) throw new Error('A mood is an object: { mood, options }.');
  const { mood, options = {} } = value;
  const name = moodNames.find((known) => known === mood);
  if (!name) throw new Error(`There is no mood ${JSON.stringify(mood)}. Use one of ${moodNames.join(', ')}.`);
  if (!isRecord(options)) throw new Error('The options of a mood are an object.');

  for (const number of ['delay', 'retryAfter', 'status', 'times', 'attempt']) {
    const given = options[number];
    if (given !== undefined && !(typeof given === 'number' && given >= 0)) {
      throw new Error(`The option ${number} is a number that is not negative, not ${JSON.stringify(given)}.`);
    }
  }
  if (options.status !== undefined && !(Number(options.status) >= 400 && Number(options.status) <= 499)) {
    throw new Error('The option status is from 400 to 499.');
  }
  if (options.match !== undefined) {
    if (typeof options.match !== 'string')
      throw new Error('The option match is a regular expression, written as a string.');
    RegExp(options.match);
  }

  return { mood: name, options };
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
