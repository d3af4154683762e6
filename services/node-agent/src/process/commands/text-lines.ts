/** Commands that work on lines: sort, uniq, cut, tr, paste, fold, shuf, comm; and those that make them: seq, yes. */

import { random } from '@orrery/kit/random.ts';
import { command, type Command, CommandFailure, parseOptions, type Programs } from './command.ts';
import { translate } from './tr.ts';

/** All lines of all files. */
async function allLines(
  self: Command,
  paths: readonly string[],
  outcome: { failed: boolean },
): Promise<string[]> {
  const lines: string[] = [];
  for await (const [, input] of self.inputs(paths, outcome)) {
    const text = await self.readText(input);
    if (text !== '') lines.push(...text.replace(/\n$/, '').split('\n'));
  }
  return lines;
}

interface Key {
  first: number;
  last: number;
  flags: string;
}

function parseKey(text: string): Key {
  const match = /^(\d+)(?:\.\d+)?([a-zA-Z]*)(?:,(\d+)(?:\.\d+)?([a-zA-Z]*))?$/.exec(text);
  if (match === null) throw new CommandFailure(`invalid key '${text}'`);
  return { first: Number(match[1]), last: Number(match[3] ?? Infinity), flags: match[2]! + (match[4] ?? '') };
}

const UNITS = '\0KMGTPE';

function comparable(text: string, flags: string): number | string {
  if (flags.includes('h')) {
    const match = /^\s*(-?[\d.]+)([KMGTPE]?)/i.exec(text);
    return match === null
      ? 0
      : Number(match[1]) * 1_024 ** Math.max(0, UNITS.indexOf(match[2]!.toUpperCase()));
  }
  if (flags.includes('n') || flags.includes('g')) return Number.parseFloat(text) || 0;
  const folded = flags.includes('f') ? text.toUpperCase() : text;
  return flags.includes('d') ? folded.replaceAll(/[^\w\s]/g, '') : folded;
}

function compareBy(left: string, right: string, flags: string): number {
  if (flags.includes('V')) return left.localeCompare(right, 'en', { numeric: true });
  const [a, b] = [comparable(left, flags), comparable(right, flags)];
  return a < b ? -1 : a > b ? 1 : 0;
}

const sort = command(async (self) => {
  const options = self.options('nrugfdbhVsk:t:o:cziM', {
    'numeric-sort': 'n',
    reverse: 'r',
    unique: 'u',
    key: 'k',
    'field-separator': 't',
    'human-numeric-sort': 'h',
    'version-sort': 'V',
    output: 'o',
  });
  const outcome = { failed: false };
  const lines = await allLines(self, options.operands, outcome);
  const globalFlags = ['n', 'g', 'f', 'd', 'h', 'V', 'b'].filter((each) => options.has(each)).join('');
  const keys = options.values('k').map(parseKey);
  const separator = options.value('t');
  const fieldsOf = (line: string): string[] =>
    separator === undefined ? line.split(/(?<=\S)(?=\s)/) : line.split(separator);
  const keyOf = (line: string, { first, last }: Key): string =>
    fieldsOf(line)
      .slice(first - 1, last)
      .join(separator ?? '');
  const compare = (left: string, right: string): number => {
    for (const key of keys) {
      const flags = key.flags === '' ? globalFlags : key.flags;
      const order = compareBy(keyOf(left, key).trimStart(), keyOf(right, key).trimStart(), flags);
      const isReversed = key.flags === '' ? options.has('r') : key.flags.includes('r');
      if (order !== 0) return isReversed ? -order : order;
    }
    if (keys.length > 0 && (options.has('s') || options.has('u'))) return 0;
    const order = keys.length > 0 ? 0 : compareBy(left, right, globalFlags);
    const final =
      order !== 0 || options.has('u') || options.has('s') ? order : left < right ? -1 : left > right ? 1 : 0;
    return options.has('r') ? -final : final;
  };
  if (options.has('c')) {
    const at = lines.findIndex((line, index) => index > 0 && compare(lines[index - 1]!, line) > 0);
    if (at < 0) return 0;
    throw new CommandFailure(`${options.operands[0] ?? '-'}:${at + 1}: disorder: ${lines[at]}`);
  }
  lines.sort(compare);
  const shown = options.has('u')
    ? lines.filter((line, index) => index === 0 || compare(lines[index - 1]!, line) !== 0)
    : lines;
  const text = shown.map((line) => `${line}\n`).join('');
  const target = options.value('o');
  if (target === undefined) await self.print(text);
  else await self.create(target).write(text);
  return outcome.failed ? 2 : 0;
});

const uniq = command(async (self) => {
  const options = self.options('cduif:s:w:', { count: 'c', repeated: 'd', unique: 'u', 'ignore-case': 'i' });
  const [source = '-', target] = options.operands;
  const output = target === undefined ? undefined : self.create(target);
  const skip = options.number('f', 0);
  const keyOf = (line: string): string => {
    const fields =
      skip === 0 ? line : line.replace(new RegExp(`^(?:\\s*\\S+){0,${Math.min(skip, 1_000)}}`), '');
    const cut = fields.slice(options.number('s', 0)).slice(0, options.number('w', Infinity));
    return options.has('i') ? cut.toLowerCase() : cut;
  };
  let current: string | undefined;
  let count = 0;
  const flush = async (): Promise<void> => {
    if (current === undefined || (options.has('d') && count < 2) || (options.has('u') && count > 1)) return;
    const text = `${options.has('c') ? `${String(count).padStart(7)} ` : ''}${current}\n`;
    if (output === undefined) await self.print(text);
    else await output.write(text);
  };
  for await (const line of self.open(source).lines()) {
    if (current !== undefined && keyOf(line) === keyOf(current)) {
      count += 1;
      continue;
    }
    await flush();
    current = line;
    count = 1;
  }
  await flush();
  return 0;
});

/** `1,3-5,7-`: whether a place is meant. */
function parseList(text: string): (place: number) => boolean {
  const ranges = text.split(',').map((each) => {
    const match = /^(\d*)(-?)(\d*)$/.exec(each);
    if (match === null || each === '' || each === '-') throw new CommandFailure(`invalid list '${text}'`);
    const first = Number(match[1] || 1);
    return [first, match[2] === '' ? first : Number(match[3] || Infinity)] as const;
  });
  return (place) => ranges.some(([first, last]) => place >= first && place <= last);
}

const cut = command(async (self) => {
  const options = self.options('d:f:c:b:sn', {
    delimiter: 'd',
    fields: 'f',
    characters: 'c',
    bytes: 'b',
    complement: 'n',
    'output-delimiter': 'o',
  });
  const outcome = { failed: false };
  const list = options.value('f') ?? options.value('c') ?? options.value('b');
  if (list === undefined) throw new CommandFailure('expected a list of bytes, characters, or fields');
  const isMeant = parseList(list);
  const delimiter = options.value('d') ?? '\t';
  for await (const [, input] of self.inputs(options.operands, outcome)) {
    for await (const line of input.lines()) {
      if (!options.has('f')) {
        await self.print(
          `${Array.from(line)
            .filter((_, index) => isMeant(index + 1))
            .join('')}\n`,
        );
      } else if (line.includes(delimiter)) {
        await self.print(
          `${line
            .split(delimiter)
            .filter((_, index) => isMeant(index + 1))
            .join(delimiter)}\n`,
        );
      } else if (!options.has('s')) {
        await self.print(`${line}\n`);
      }
    }
  }
  return outcome.failed ? 1 : 0;
});

const tr = command(async (self) => {
  const options = parseOptions(
    self.args,
    'dscCt',
    { delete: 'd', 'squeeze-repeats': 's', complement: 'c' },
    true,
  );
  const [from, to] = options.operands;
  if (from === undefined) throw new CommandFailure('missing operand');
  const change = translate(from, to, {
    complement: options.has('c') || options.has('C'),
    remove: options.has('d'),
    squeeze: options.has('s'),
  });
  const { stdin } = self.process;
  // Bytes are kept apart, as busybox does.
  for (let chunk = await self.wait(stdin.read()); chunk !== undefined; chunk = await self.wait(stdin.read()))
    await self.print(Buffer.from(change(Buffer.from(chunk).toString('latin1')), 'latin1'));
  return 0;
});

const seq = command(async (self) => {
  const options = parseOptions(
    self.args.map((each) => (/^-\d/.test(each) ? ` ${each}` : each)),
    'ws:f:',
    { 'equal-width': 'w', separator: 's' },
  );
  const numbers = options.operands.map((each) => {
    const value = Number(each);
    if (each.trim() === '' || Number.isNaN(value)) throw new CommandFailure(`invalid number '${each}'`);
    return value;
  });
  if (numbers.length === 0) throw new CommandFailure('missing operand');
  const [first, step, last] =
    numbers.length === 1
      ? [1, 1, numbers[0]!]
      : numbers.length === 2
        ? [numbers[0]!, 1, numbers[1]!]
        : (numbers as [number, number, number]);
  const decimals = Math.min(
    20,
    Math.max(0, ...options.operands.map((each) => each.split('.')[1]?.length ?? 0)),
  );
  const width = options.has('w')
    ? Math.max(first.toFixed(decimals).length, last.toFixed(decimals).length)
    : 0;
  const separator = options.value('s') ?? '\n';
  let text = '';
  let isFirst = true;
  for (let index = 0; ; index += 1) {
    const value = first + index * step;
    if (step === 0) break;
    if (step > 0 ? value > last + 1e-9 : value < last - 1e-9) break;
    text += `${isFirst ? '' : separator}${value.toFixed(decimals).padStart(width, '0')}`;
    isFirst = false;
    if (text.length < 4_096) continue;
    await self.print(text);
    await self.wait(self.process.usage.work(1));
    text = '';
  }
  await self.print(isFirst ? text : `${text}\n`);
  return 0;
});

/** Until nobody reads, or it is stopped. */
const yes = command(async (self) => {
  const line = `${self.args.length === 0 ? 'y' : self.args.join(' ')}\n`;
  const block = line.repeat(Math.ceil(1_024 / line.length));
  self.process.usage.set({ cpuMilli: 1_000 });
  for (;;) {
    await self.print(block);
    await self.sleep(1);
  }
});

const paste = command(async (self) => {
  const options = self.options('d:s', { delimiters: 'd', serial: 's' });
  const delimiter = options.value('d')?.replaceAll('\\n', '\n').replaceAll('\\t', '\t') ?? '\t';
  const outcome = { failed: false };
  const columns: string[][] = [];
  for (const path of options.operands.length === 0 ? ['-'] : options.operands)
    columns.push(await allLines(self, [path], outcome));
  if (options.has('s')) {
    for (const column of columns) await self.print(`${column.join(delimiter)}\n`);
    return outcome.failed ? 1 : 0;
  }
  const height = Math.max(...columns.map((column) => column.length));
  for (let row = 0; row < height; row += 1)
    await self.print(`${columns.map((column) => column[row] ?? '').join(delimiter)}\n`);
  return outcome.failed ? 1 : 0;
});

const fold = command(async (self) => {
  const options = self.options('w:sb', { width: 'w', spaces: 's' });
  const width = Math.max(1, options.number('w', 80));
  const outcome = { failed: false };
  for await (const [, input] of self.inputs(options.operands, outcome))
    for await (const line of input.lines()) {
      let rest = line;
      while (rest.length > width) {
        const space = options.has('s') ? rest.slice(0, width).lastIndexOf(' ') : -1;
        const at = space > 0 ? space + 1 : width;
        await self.print(`${rest.slice(0, at)}\n`);
        rest = rest.slice(at);
      }
      await self.print(`${rest}\n`);
    }
  return outcome.failed ? 1 : 0;
});

const shuf = command(async (self) => {
  const options = self.options('n:ei:r', { 'head-count': 'n', echo: 'e', 'input-range': 'i' });
  const outcome = { failed: false };
  const range = /^(\d+)-(\d+)$/.exec(options.value('i') ?? '');
  const lines = options.has('e')
    ? [...options.operands]
    : range === null
      ? await allLines(self, options.operands, outcome)
      : Array.from({ length: Math.min(65_536, Number(range[2]) - Number(range[1]) + 1) }, (_, index) =>
          String(Number(range[1]) + index),
        );
  for (let at = lines.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [lines[at], lines[other]] = [lines[other]!, lines[at]!];
  }
  await self.print(
    lines
      .slice(0, options.number('n', Infinity))
      .map((line) => `${line}\n`)
      .join(''),
  );
  return outcome.failed ? 1 : 0;
});

const comm = command(async (self) => {
  const options = self.options('123');
  const outcome = { failed: false };
  const [left, right] = [
    await allLines(self, [options.operands[0] ?? '-'], outcome),
    await allLines(self, [options.operands[1] ?? '-'], outcome),
  ];
  const show = async (column: 1 | 2 | 3, line: string): Promise<void> => {
    if (options.has(String(column))) return;
    const before = [1, 2].filter((each) => each < column && !options.has(String(each))).length;
    await self.print(`${'\t'.repeat(before)}${line}\n`);
  };
  for (let [i, j] = [0, 0]; i < left.length || j < right.length;) {
    const [a, b] = [left[i], right[j]];
    if (b === undefined || (a !== undefined && a < b)) {
      await show(1, a!);
      i += 1;
    } else if (a === undefined || b < a) {
      await show(2, b);
      j += 1;
    } else {
      await show(3, a);
      i += 1;
      j += 1;
    }
  }
  return outcome.failed ? 1 : 0;
});

export const TEXT_LINES_PROGRAMS: Programs = { sort, uniq, cut, tr, seq, yes, paste, fold, shuf, comm };
