import * as fc from './property.js';

/**
 * Names that an app may give to types, gates, lanes, owners and ids, and that a sloppy key, range or table would
 * mistake for each other or for something of ours.
 *
 * The first ones resemble each other, so that a few names taken from the head of the list already do.
 */
export const hostileNames: readonly string[] = [
  'a',
  'ab',
  'a|',
  'a%7C',
  'a%',
  'a%25',
  'a|1',
  'a|a',
  'a}',
  'a~',
  'a\u0000',
  'a\uFFFF',
  'A',
  'aa',
  'b',

  // Borders between the parts of a key, and their escapes.
  '|',
  '||',
  '%',
  '%7C',
  '%7c',
  '%25',
  '%257C',
  '%7',
  '}',
  '~',
  '~a',

  // The first and the last code unit, and text that is not valid Unicode.
  '\u0000',
  '\u0001',
  '\uFFFE',
  '\uFFFF',
  '\uFFFF\uFFFF',
  '\uD800',
  '\uDC00',
  '\uDC00\uD800',
  '👍',
  '👍🏽',
  'é',
  'e\u0301',

  // Properties that every object has.
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',

  // The letters of our keys, the prefixes of our marks, and the keys of our records.
  'F',
  '@',
  '!',
  'H',
  'U',
  'D',
  'I',
  'L',
  'S',
  'K',
  'W',
  'La',
  'L|a',
  'Fa',
  'F|a|1|a|1',
  'runner',
  'positions',
  'unreadable',
  'edits',
  'owner',
  'gate:',
  'gate:a',
  'paused:',
  'deposed:',

  // What a missing value becomes by mistake, numbers, blanks.
  'undefined',
  'null',
  'none',
  '0',
  '1',
  '3',
  '-1',
  '000000000',
  'zzzzzzzzz',
  ' ',
  'a ',
  '\n',

  // Long ones that differ only at their end.
  'x'.repeat(3_000),
  `${'x'.repeat(3_000)}|`,
  `${'x'.repeat(3_000)}y`,
];

/** The pieces from which other hostile names are put together. */
const pieces: readonly string[] = hostileNames.filter((name) => name.length < 4);

/** Any hostile name: one of the list, several of its short ones in a row, or a few code units of any kind. Never empty. */
export const hostileName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...hostileNames),
  fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 4 }).map((chosen) => chosen.join('')),
  // Not fc.string: its units of any kind are a table of all of Unicode, which takes a second to build.
  fc
    .array(fc.integer({ min: 0, max: 0xff_ff }), { minLength: 1, maxLength: 5 })
    .map((units) => String.fromCharCode(...units)),
);

/** Names that begin with the given one, sort next to it, or are what an escape makes of it. */
export function relativesOf(name: string): readonly string[] {
  const signs = ['b', '!', '|', '%', '}', '~', '\u0000', '\uFFFF', '|1', '%7C'];

  return [
    ...signs.map((sign) => name + sign),
    name.replaceAll('|', '%7C'),
    name.replaceAll('%', '%25'),
    ...(name.length > 1 ? [name.slice(0, -1)] : []),
  ];
}

/** Two hostile names that are often the same, or resemble each other. */
export const twoHostileNames: fc.Arbitrary<readonly [string, string]> = hostileName.chain((one) =>
  fc.tuple(fc.constant(one), fc.oneof(fc.constant(one), fc.constantFrom(...relativesOf(one)), hostileName)),
);

/** So many different hostile names, among which some resemble each other. */
export function severalHostileNames(count: number): fc.Arbitrary<readonly string[]> {
  return twoHostileNames.chain((pair) =>
    fc
      .uniqueArray(fc.oneof(hostileName, fc.constantFrom(...relativesOf(pair[0]))), {
        minLength: count,
        maxLength: count,
      })
      .map((others) => [...new Set([...pair, ...others])].slice(0, count)),
  );
}
