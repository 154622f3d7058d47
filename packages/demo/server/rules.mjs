/**
 * What does the server take? It knows more than the page does, as a server will: the page finds out when it sends.
 */

/** Characters in a title. */
const longestTitle = 60;
/** Bytes in a photo. */
const largestPhoto = 8 * 1024 * 1024;

const answers = ['ok', 'defect', 'na'];

/**
 * The report in a body, or a sentence that names the field and says what is wrong with it.
 *
 * @param {unknown} json
 * @returns {Pick<import('./store.mjs').ReportRow, 'title' | 'text' | 'checks' | 'photo'> | string}
 */
export function reportIn(json) {
  const { title, text, checks = {}, photo = null } = /** @type {Record<string, unknown>} */ (json ?? {});
  if (typeof title !== 'string' || title.trim() === '') return 'The title is missing.';
  if (title.length > longestTitle)
    return `The title has ${title.length} characters, and ${longestTitle} is the most that is taken.`;
  if (typeof text !== 'string') return 'The text is missing.';
  if (!isChecklist(checks)) return 'The checklist has an answer that is not known.';
  if (Object.values(checks).includes('defect') && text.trim() === '')
    return 'The text is empty, but a defect must be described.';
  if (!isPhotoNote(photo)) return 'The photo has no id.';

  return { title, text, checks, photo };
}

/**
 * The photo in a body, or why it is not taken.
 *
 * @param {import('./body.mjs').Body} body
 * @returns {{ type: string, bytes: Buffer } | { status: number, title: string }}
 */
export function photoIn({ type, bytes }) {
  if (bytes === undefined || !type.startsWith('image/')) return { status: 415, title: 'The photo is not an image.' };
  if (bytes.length > largestPhoto) return { status: 413, title: 'The photo is larger than 8 MB.' };

  return { type, bytes };
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, 'ok' | 'defect' | 'na'>}
 */
function isChecklist(value) {
  return (
    typeof value === 'object' && value !== null && Object.values(value).every((answer) => answers.includes(answer))
  );
}

/**
 * @param {unknown} value
 * @returns {value is { id: string, alt: string } | null}
 */
function isPhotoNote(value) {
  if (value === null) return true;
  const { id, alt } = /** @type {Record<string, unknown>} */ (typeof value === 'object' ? value : {});

  return typeof id === 'string' && typeof alt === 'string';
}
