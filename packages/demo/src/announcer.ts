/**
 * One polite live region. What is said in quick succession is read out together.
 */
import { byId } from './dom.js';

export type Announce = (sentence: string) => void;

/** How long sentences are collected, in milliseconds. */
const pause = 300;
/** How long, in milliseconds, nothing takes the place of what was said: so long it takes to read, or to be read out. */
const untouched = 2_000;
/** How long they stay in sight, in milliseconds. What they say can be read elsewhere too. */
const inSight = 8_000;

export function createAnnouncer(): Announce {
  const region = byId('announcement', HTMLParagraphElement);
  const sentences = new Set<string>();
  let toldAt = Number.NEGATIVE_INFINITY;
  let hiding: ReturnType<typeof setTimeout> | undefined;

  function tell(): void {
    const text = [...sentences].join(' ');
    sentences.clear();
    toldAt = performance.now();
    // A region that says the same again is not read out, unless it differs by something.
    region.textContent = region.textContent === text ? `${text}\u00A0` : text;
    region.classList.add('in-sight');
    clearTimeout(hiding);
    hiding = setTimeout(() => region.classList.remove('in-sight'), inSight);
  }

  return (sentence) => {
    if (sentences.size === 0) setTimeout(tell, Math.max(pause, toldAt + untouched - performance.now()));
    sentences.add(sentence);
  };
}
