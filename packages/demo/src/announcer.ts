/**
 * One polite live region. What is said in quick succession is read out together.
 */
import { byId } from './dom.ts';

export type Announce = (sentence: string) => void;

export function createAnnouncer(): Announce {
  const region = byId('announcement', HTMLParagraphElement);
  let sentences: string[] = [];
  let saidAt = 0;

  return (sentence) => {
    const now = performance.now();
    sentences = now - saidAt < 1_000 ? [...sentences, sentence].slice(-3) : [sentence];
    saidAt = now;
    region.textContent = sentences.join(' ');
  };
}
