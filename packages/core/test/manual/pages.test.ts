import { existsSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { blocks, manual, pages, repository } from './blocks.js';
import { compile } from './compile.js';

/** The one file that runs in Node: with the types of Node, the other files could use what no browser has. */
const ofNode = 'shell-plugin.ts';
const compiled = blocks.filter(({ language, name }) => language.startsWith('ts') && name !== ofNode);

test('every block of code in the manual has a file name of its own', () => {
  expect(blocks.length).toBeGreaterThan(20);
  expect(manual.match(/^```(?:ts|tsx|js|jsx|svelte|vue)$/gm)).toHaveLength(blocks.length);
  expect(new Set(blocks.map(({ name }) => name)).size).toBe(blocks.length);
});

test('the first task takes three files and at most 25 lines in all, names and empty lines included', () => {
  const first = blocks.slice(0, 3);
  const lines = first.flatMap(({ code }) => code.trimEnd().split('\n'));

  expect(first.map(({ name }) => name)).toEqual(['tasks.ts', 'tasks.worker.ts', 'basket.ts']);
  expect(lines.length).toBeLessThanOrEqual(25);
});

test('no file of the manual imports the main.ts of a page, which is read after all that it imports', () => {
  expect(blocks.filter(({ code }) => /['"]\.\/main/.test(code))).toEqual([]);
});

test('the code of the manual compiles as a user would compile it, and a mistake in it would not', () => {
  expect(compile('compiled', compiled)).toBe('');

  const broken = compiled.map((block) => ({
    ...block,
    code: block.code.replace("basket.add('saveNote'", "basket.add('savedNote'"),
  }));
  expect(compile('compiled', broken)).toContain('savedNote');
}, 240_000);

test('the plugin for Vite compiles with the types of Node', () => {
  const plugin = blocks.filter(({ name }) => name === ofNode);

  expect(plugin).toHaveLength(1);
  expect(compile('plugin', plugin, { types: ['node'] })).toBe('');
}, 240_000);

describe('the pages', () => {
  const headsOf = (text: string): readonly string[] =>
    [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (?<head>.+)$/gm)].map(({ groups }) =>
      (groups?.['head'] ?? '')
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
  const links = pages.flatMap(({ file, text }) =>
    [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/\]\((?<to>[^)\s]+)\)/g)]
      .map(({ groups }) => groups?.['to'] ?? '')
      .filter((to) => !/^[a-z]+:/.test(to))
      .map((to) => ({ file, to })),
  );

  test('link only to what is there, anchors included', () => {
    const broken = links.filter(({ file, to }) => {
      const [name = '', anchor] = to.split('#');
      const target = name === '' ? file : path.posix.join(path.posix.dirname(file), name);
      if (!existsSync(path.join(repository, target))) return true;
      if (anchor === undefined) return false;
      const page = pages.find((one) => one.file === target);

      return page !== undefined && !headsOf(page.text).includes(anchor);
    });

    expect(links.length).toBeGreaterThan(5);
    expect(broken).toEqual([]);
  });

  test('are short: the README has at most 250 lines, each other page at most 300', () => {
    const long = pages
      .map(({ file, text }) => ({ file, lines: text.trimEnd().split('\n').length }))
      .filter(({ file, lines }) => lines > (file === 'README.md' ? 250 : 300));

    expect(long).toEqual([]);
  });

  test('are all linked from the README, or from the list of their folder', () => {
    const linked = new Set(
      links.map(({ file, to }) => path.posix.join(path.posix.dirname(file), to.split('#')[0] ?? '')),
    );

    expect(pages.filter(({ file }) => file !== 'README.md' && !linked.has(file)).map(({ file }) => file)).toEqual([]);
  });

  test('say nothing twice', () => {
    const sentences = pages.flatMap(({ text }) => sentencesOf(text));
    const twice = sentences.filter((sentence, place) => sentences.indexOf(sentence) !== place);

    expect(sentences.length).toBeGreaterThan(200);
    expect(twice).toEqual([]);
  });
});

/** The sentences of a page, without its code and its tables: those of six words and more. */
function sentencesOf(text: string): readonly string[] {
  return text
    .replaceAll(/^```[\s\S]*?^```$/gm, '')
    .split(/\n\n+/)
    .filter((paragraph) => !/^(?:#|\||!\[)/.test(paragraph))
    .flatMap((paragraph) => paragraph.replaceAll(/\s+/g, ' ').split(/(?<=[.:?]) /))
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence.split(' ').length >= 6);
}
