/** The sets of `tr`. */

import { CommandFailure } from './command.ts';
import { unescape } from './printf.ts';

const CLASSES: Readonly<Record<string, RegExp>> = {
  alpha: /[A-Za-z]/,
  digit: /\d/,
  alnum: /[A-Za-z0-9]/,
  upper: /[A-Z]/,
  lower: /[a-z]/,
  space: /\s/,
  blank: /[ \t]/,
  punct: /[!-/:-@[-`{-~]/,
  xdigit: /[0-9A-Fa-f]/,
  cntrl: /[^ -~\u0080-\u00ff]/,
  print: /[ -~]/,
  graph: /[!-~]/,
};

const ALL_BYTES = Array.from({ length: 256 }, (_, code) => String.fromCodePoint(code));

function expandSet(text: string): string[] {
  const set: string[] = [];
  const plain = text.replaceAll(/\[:(\w+):\]/g, (_, name: string) => {
    const expression = CLASSES[name];
    if (expression === undefined) throw new CommandFailure(`invalid character class '${name}'`);
    // A hyphen inside of a class must not make a range with what stands beside it.
    return ALL_BYTES.filter((byte) => expression.test(byte))
      .join('')
      .replaceAll('\\', '\\\\')
      .replaceAll('-', '\\055');
  });
  const tokens = Array.from(plain.matchAll(/\\[0-7]{1,3}|\\.|[\s\S]/g), ([token]) => ({
    text: token.startsWith('\\') ? unescape(token).text.replace(/^\\(?=.)/, '') : token,
    isHyphen: token === '-',
  }));
  for (let at = 0; at < tokens.length; at += 1) {
    const from = tokens[at]!.text;
    const to = tokens[at + 2]?.text;
    if (tokens[at + 1]?.isHyphen !== true || to === undefined) {
      set.push(from);
      continue;
    }
    for (let code = from.charCodeAt(0); code <= to.charCodeAt(0); code += 1)
      set.push(String.fromCodePoint(code & 0xff));
    at += 2;
  }
  return set;
}

/** How text is changed, chunk by chunk: what is squeezed is remembered between chunks. */
export function translate(
  from: string,
  to: string | undefined,
  options: { complement: boolean; remove: boolean; squeeze: boolean },
): (text: string) => string {
  const given = new Set(expandSet(from));
  const first = options.complement ? ALL_BYTES.filter((byte) => !given.has(byte)) : expandSet(from);
  const second = to === undefined ? undefined : expandSet(to);
  const map = new Map<string, string>();
  if (options.remove) for (const byte of first) map.set(byte, '');
  else if (second !== undefined && second.length > 0)
    for (const [index, byte] of first.entries()) map.set(byte, second[Math.min(index, second.length - 1)]!);
  const squeezed = new Set(options.squeeze ? (second ?? first) : []);
  let last = '';
  return (text) => {
    let result = '';
    for (const byte of text) {
      const changed = map.get(byte) ?? byte;
      if (changed === '' || (changed === last && squeezed.has(changed))) continue;
      result += changed;
      last = changed;
    }
    return result;
  };
}
