import type { When } from './words.js';

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** Says times, such as "in 12 seconds", in this language, or in that of the browser if the browser does not know it. */
export function createWhen(lang: string): When {
  const now = formatIn(lang, 'auto');
  const exact = formatIn(lang, 'always');

  return (at) => {
    const wait = at - Date.now();
    // "In 90 minutes" rather than "in 2 hours".
    const [unit, size] = units.find(([, length]) => Math.abs(wait) >= 2 * length) ?? [];

    // Says "now" instead of "in 0 seconds", but "in 2 days" instead of a word for the day after tomorrow.
    return unit === undefined
      ? now.format(Math.ceil(wait / 1_000), 'second')
      : exact.format(Math.ceil(wait / size), unit);
  };
}

function formatIn(lang: string, numeric: 'auto' | 'always'): Intl.RelativeTimeFormat {
  try {
    return new Intl.RelativeTimeFormat(lang, { numeric });
  } catch {
    return new Intl.RelativeTimeFormat(undefined, { numeric });
  }
}

/** The language of an element, if the words are in it (`en-GB` for `en`); otherwise that of the words. */
export function languageFor(host: Element, ofWords: string): string {
  let here: Element | null = host;
  while (here !== null) {
    const found: string | null | undefined = here.closest('[lang]')?.getAttribute('lang');
    if (typeof found === 'string') return baseOf(found) === baseOf(ofWords) ? found : ofWords;
    const root: Node = here.getRootNode();
    here = root instanceof ShadowRoot ? root.host : null;
  }

  return ofWords;
}

function baseOf(lang: string): string {
  return lang.split('-')[0]?.toLowerCase() ?? '';
}
