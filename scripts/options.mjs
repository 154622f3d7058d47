/** What a script takes on its command line, and what its `--help` says. Node's own modules only. */
import { parseArgs } from 'node:util';

import { Failure } from './steps.mjs';

/**
 * @typedef {object} Option
 * @property {string} does What the option does, in a sentence.
 * @property {string} [value] What stands after it: the `N` of `--seed N`. Left out: nothing stands after it.
 * @property {string} [default] The value if the option is left out.
 *
 * @typedef {object} Usage
 * @property {string} command As a person writes it, without options.
 * @property {string} does What the script does, in a few sentences.
 * @property {string} example
 * @property {Record<string, Option>} [options]
 * @property {string} [names] What the script takes beside options.
 */

/** @type {Record<string, Option>} */
const help = { help: { does: 'Prints this text.' } };

/**
 * Reads the options of a script. `--help` prints what the script does, and ends it. An option that the script does not have is
 * a failure that names it.
 *
 * @param {Usage} usage
 * @returns {{ values: Record<string, any>, names: string[] }} each option by its name, and what was given beside them
 */
export function readOptions(usage) {
  const options = { ...usage.options, ...help };
  const known = Object.entries(options).map(([name, { value, default: usual }]) => [
    name,
    { type: value === undefined ? 'boolean' : 'string', ...(usual === undefined ? {} : { default: usual }) },
  ]);
  try {
    const config = { options: Object.fromEntries(known), allowPositionals: usage.names !== undefined };
    const parsed = parseArgs(config);
    /** @type {Record<string, any>} */
    const values = parsed.values;
    if (values.help !== true) return { values, names: parsed.positionals };
  } catch (error) {
    throw new Failure(`${problemOf(error)} ${usage.command} --help says which there are.`, { cause: error });
  }
  console.log(helpOf(usage, options));
  process.exit(0);
}

/** A whole number that was given as the value of an option. */
export function wholeNumber(name, text, least = 1) {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= least) return number;
  throw new Failure(`--${name} must be a whole number from ${least}, but it is "${text}".`);
}

/** What is wrong, in a sentence; of Node's own message only the name of the option is kept. */
function problemOf({ code, message }) {
  const [, name] = /'(.+?)[ ',<]/.exec(message) ?? [];
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return `There is no option ${name}.`;
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL') return `Only options can be given, and "${name}" is none.`;
  const wants = message.includes('does not take') ? 'takes no value' : 'needs a value';

  return `The option ${name} ${wants}.`;
}

/** @param {Usage} usage @param {Record<string, Option>} options */
function helpOf({ command, does, example, names }, options) {
  const rows = Object.entries(options).map(([name, { value, does: says, default: usual }]) => [
    `--${name}${value === undefined ? '' : ` ${value}`}`,
    usual === undefined ? says : `${says} Default: ${usual}.`,
  ]);
  const width = Math.max(...rows.map(([left]) => left.length));

  return [
    `${command} [options]${names === undefined ? '' : ` ${names}`}`,
    does,
    rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n'),
    `Example: ${example}`,
  ].join('\n\n');
}
