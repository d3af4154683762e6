/** `find`: paths, then tests and actions that all have to hold. */

import { FileError, type FileStat } from '../../files/file-system.ts';
import { matchesPattern } from '../shell/pattern.ts';
import { command, type Command, CommandFailure } from './command.ts';
import { runCommand } from './run-command.ts';

interface Visit {
  path: string;
  name: string;
  depth: number;
  stat: FileStat;
}

type Test = (visit: Visit) => boolean | Promise<boolean>;

interface Plan {
  test: Test;
  hasAction: boolean;
  deepest: number;
  shallowest: number;
  childrenFirst: boolean;
}

const DEEPEST = 64;

export const find = command(async (self) => {
  const start = self.args.findIndex((each) => /^[-!(]/.test(each));
  const roots = start < 0 ? self.args : self.args.slice(0, start);
  const parser = new Parser(self, start < 0 ? [] : self.args.slice(start));
  const plan = parser.parse();
  let status = 0;
  const visit = async (path: string, depth: number): Promise<void> => {
    let stat: FileStat;
    try {
      stat = self.process.files.stat(self.path(path), { followSymlinks: false });
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      status = self.complain(`${path}: ${error.message}`);
      return;
    }
    const name = path.split('/').findLast((each) => each !== '') ?? path;
    const look = async (): Promise<void> => {
      if (depth < plan.shallowest) return;
      if ((await plan.test({ path, name, depth, stat })) && !plan.hasAction) await self.print(`${path}\n`);
    };
    if (!plan.childrenFirst) await look();
    if (stat.type === 'directory' && depth < plan.deepest)
      for (const child of self.process.files.list(self.path(path)))
        await visit(path.endsWith('/') ? path + child : `${path}/${child}`, depth + 1);
    if (plan.childrenFirst) await look();
  };
  for (const root of roots.length === 0 ? ['.'] : roots) await visit(root, 0);
  await parser.finish();
  return status;
});

class Parser {
  readonly #self: Command;
  readonly #args: readonly string[];
  #at = 0;
  readonly #plan: Plan = {
    test: () => true,
    hasAction: false,
    deepest: DEEPEST,
    shallowest: 0,
    childrenFirst: false,
  };
  readonly #ends: (() => Promise<void>)[] = [];

  constructor(self: Command, args: readonly string[]) {
    this.#self = self;
    this.#args = args;
  }

  parse(): Plan {
    if (this.#args.length > 0) this.#plan.test = this.#either();
    if (this.#at < this.#args.length) throw new CommandFailure(`unrecognized: ${this.#args[this.#at]}`);
    return this.#plan;
  }

  /** What was collected for `-exec ... +`. */
  async finish(): Promise<void> {
    for (const end of this.#ends) await end();
  }

  #either(): Test {
    let left = this.#both();
    while (['-o', '-or'].includes(this.#args[this.#at] ?? '')) {
      this.#at += 1;
      const [first, second] = [left, this.#both()];
      left = async (visit) => (await first(visit)) || second(visit);
    }
    return left;
  }

  #both(): Test {
    let left = this.#primary();
    while (this.#at < this.#args.length && !['-o', '-or', ')'].includes(this.#args[this.#at]!)) {
      if (['-a', '-and'].includes(this.#args[this.#at]!)) this.#at += 1;
      const [first, second] = [left, this.#primary()];
      left = async (visit) => (await first(visit)) && second(visit);
    }
    return left;
  }

  #next(): string {
    const arg = this.#args[this.#at];
    if (arg === undefined) throw new CommandFailure('missing argument');
    this.#at += 1;
    return arg;
  }

  #primary(): Test {
    const word = this.#next();
    const { files, clock } = this.#self.process;
    switch (word) {
      case '!':
      case '-not': {
        const test = this.#primary();
        return async (visit) => !(await test(visit));
      }
      case '(': {
        const test = this.#either();
        if (this.#next() !== ')') throw new CommandFailure('missing )');
        return test;
      }
      case '-name':
      case '-iname':
      case '-path':
      case '-wholename': {
        const pattern = this.#next();
        const ignoresCase = word === '-iname';
        const lower = (text: string): string => (ignoresCase ? text.toLowerCase() : text);
        return ({ name, path }) =>
          matchesPattern(lower(pattern), lower(word.endsWith('name') && word !== '-wholename' ? name : path));
      }
      case '-type': {
        const type = { f: 'file', d: 'directory', l: 'symlink', c: 'device' }[this.#next()];
        return ({ stat }) => stat.type === type;
      }
      case '-empty':
        return ({ path, stat }) =>
          stat.type === 'directory' ? files.list(this.#self.path(path)).length === 0 : stat.sizeBytes === 0;
      case '-size':
        return this.#sizeTest(this.#next());
      case '-mtime':
        return compared(this.#next(), ({ stat }) =>
          Math.floor((clock.now() - stat.modifiedAtMs) / 86_400_000),
        );
      case '-mmin':
        return compared(this.#next(), ({ stat }) => Math.floor((clock.now() - stat.modifiedAtMs) / 60_000));
      case '-newer': {
        const { modifiedAtMs } = files.stat(this.#self.path(this.#next()));
        return ({ stat }) => stat.modifiedAtMs > modifiedAtMs;
      }
      case '-perm': {
        const bits = Number.parseInt(this.#next().replace(/^[-/]/, ''), 8);
        return ({ stat }) => (stat.mode & bits) === bits;
      }
      case '-user':
      case '-uid': {
        const uid = this.#next().replace(/^root$/, '0');
        return ({ stat }) => String(stat.uid) === uid;
      }
      default:
        return this.#option(word) ?? this.#action(word);
    }
  }

  #option(word: string): Test | undefined {
    if (word === '-maxdepth') this.#plan.deepest = Math.min(DEEPEST, Number(this.#next()));
    else if (word === '-mindepth') this.#plan.shallowest = Number(this.#next());
    else if (word === '-depth') this.#plan.childrenFirst = true;
    else if (!['-xdev', '-mount', '-follow', '-true'].includes(word)) return undefined;
    return () => true;
  }

  #action(word: string): Test {
    this.#plan.hasAction = true;
    const self = this.#self;
    switch (word) {
      case '-print':
        return async ({ path }) => self.print(`${path}\n`).then(() => true);
      case '-print0':
        return async ({ path }) => self.print(`${path}\0`).then(() => true);
      case '-delete':
        this.#plan.childrenFirst = true;
        return ({ path }) => {
          self.process.files.remove(self.path(path));
          return true;
        };
      case '-prune':
      case '-quit':
        return () => true;
      case '-exec':
      case '-ok':
        return this.#exec();
      default:
        throw new CommandFailure(`unrecognized: ${word}`);
    }
  }

  #exec(): Test {
    const words: string[] = [];
    for (let word = this.#next(); ; word = this.#next()) {
      if (word === ';') break;
      if (word === '+' && words.at(-1) === '{}') {
        const paths: string[] = [];
        this.#ends.push(async () => {
          if (paths.length > 0) await this.#run([...words.slice(0, -1), ...paths]);
        });
        return ({ path }) => paths.push(path) > 0;
      }
      words.push(word);
    }
    return async ({ path }) => (await this.#run(words.map((each) => each.replaceAll('{}', path)))) === 0;
  }

  async #run(argv: readonly string[]): Promise<number> {
    const child = await runCommand(this.#self, argv);
    return this.#self.wait(child.ended);
  }

  #sizeTest(text: string): Test {
    const unit = { c: 1, k: 1_024, M: 1_048_576, G: 1_073_741_824, b: 512 }[text.at(-1)!];
    const count = unit === undefined ? text : text.slice(0, -1);
    return compared(count, ({ stat }) => Math.ceil(stat.sizeBytes / (unit ?? 512)));
  }
}

/** `+n` is more than n, `-n` less. */
function compared(text: string, measure: (visit: Visit) => number): Test {
  const wanted = Number(text.replace(/^[-+]/, ''));
  if (Number.isNaN(wanted)) throw new CommandFailure(`invalid number '${text}'`);
  if (text.startsWith('+')) return (visit) => measure(visit) > wanted;
  if (text.startsWith('-')) return (visit) => measure(visit) < wanted;
  return (visit) => measure(visit) === wanted;
}
