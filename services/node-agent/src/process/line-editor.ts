/**
 * The line that is being typed on a terminal, and the keys that edit it (readline(3), and
 * busybox' own line editing). Each edit returns what must be shown for it. Lines are taken to be
 * shorter than the terminal is wide: what goes beyond is shown as it comes.
 */

import type { LineHelp } from './process.ts';

/** A longer line is not taken, as with the kernel's MAX_CANON. */
export const LONGEST_LINE = 4_095;

const CLEAR_REST = '\u001b[K';
const CLEAR_SCREEN = '\u001b[H\u001b[2J';

/** Characters of two columns: CJK, Hangul, full-width forms, most emoji (Unicode's East_Asian_Width). */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

function charactersOf(text: string): string[] {
  return Array.from(text);
}

function width(characters: readonly string[]): number {
  return characters.reduce((sum, each) => sum + (WIDE.test(each) ? 2 : 1), 0);
}

function back(characters: readonly string[]): string {
  return '\b'.repeat(width(characters));
}

/** What all words begin with. */
function commonStart([first = '', ...others]: readonly string[]): string {
  let length = first.length;
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length -= 1;
  return first.slice(0, length);
}

type Edit = (editor: LineEditor) => string;

/** By what a terminal sends: control characters, and what follows ESC [ or ESC O. */
const KEYS: Readonly<Record<string, Edit>> = {
  '\u0001': (editor) => editor.moveTo(0),
  '\u0002': (editor) => editor.move(-1),
  '\u0005': (editor) => editor.moveTo(Infinity),
  '\u0006': (editor) => editor.move(1),
  '\b': (editor) => editor.erase(-1),
  '\u007f': (editor) => editor.erase(-1),
  '\u000b': (editor) => editor.erase(Infinity),
  '\u000e': (editor) => editor.recall(1),
  '\u0010': (editor) => editor.recall(-1),
  '\u0015': (editor) => editor.erase(-Infinity),
  '\u0017': (editor) => editor.eraseWord(),
  A: (editor) => editor.recall(-1),
  B: (editor) => editor.recall(1),
  C: (editor) => editor.move(1),
  D: (editor) => editor.move(-1),
  F: (editor) => editor.moveTo(Infinity),
  H: (editor) => editor.moveTo(0),
  '1~': (editor) => editor.moveTo(0),
  '3~': (editor) => editor.erase(1),
  '4~': (editor) => editor.moveTo(Infinity),
  '7~': (editor) => editor.moveTo(0),
  '8~': (editor) => editor.moveTo(Infinity),
};

export class LineEditor {
  #line: string[] = [];
  #cursor = 0;
  #help: LineHelp | undefined;
  /** Which line of the history is shown; its length for the one that is being typed. */
  #recalled = 0;
  #draft: string[] = [];

  /** Who reads next is helped so; nobody is when it is undefined. */
  set help(help: LineHelp | undefined) {
    this.#help = help;
    this.#recalled = help?.history.length ?? 0;
  }

  get helps(): boolean {
    return this.#help !== undefined;
  }

  get isEmpty(): boolean {
    return this.#line.length === 0;
  }

  /** The line, which begins anew. */
  take(): string {
    const line = this.#line.join('');
    this.#line = [];
    this.#cursor = 0;
    this.#recalled = this.#help?.history.length ?? 0;
    return line;
  }

  /** A key that edits; undefined for one that does not. */
  key(key: string): string | undefined {
    return Object.hasOwn(KEYS, key) ? KEYS[key]!(this) : undefined;
  }

  insert(text: string): string {
    const room = LONGEST_LINE - this.#line.length;
    const added = charactersOf(text).slice(0, room);
    const rest = this.#line.splice(this.#cursor, Infinity);
    this.#line.push(...added, ...rest);
    this.#cursor += added.length;
    return `${added.join('')}${rest.join('')}${back(rest)}`;
  }

  moveTo(cursor: number): string {
    const to = Math.max(0, Math.min(this.#line.length, cursor));
    const from = this.#cursor;
    this.#cursor = to;
    return to < from ? back(this.#line.slice(to, from)) : this.#line.slice(from, to).join('');
  }

  move(by: number): string {
    return this.moveTo(this.#cursor + by);
  }

  /** Erases so many characters behind the cursor, or before it when negative. */
  erase(count: number): string {
    const to = Math.max(0, Math.min(this.#line.length, this.#cursor + count));
    if (to === this.#cursor) return '';
    const shown = to < this.#cursor ? back(this.#line.slice(to, this.#cursor)) : '';
    const start = Math.min(to, this.#cursor);
    const erased = this.#line.splice(start, Math.abs(to - this.#cursor));
    this.#cursor = start;
    const rest = this.#line.slice(start);
    return `${shown}${rest.join('')}${' '.repeat(width(erased))}${back(erased)}${back(rest)}`;
  }

  /** The word before the cursor. */
  eraseWord(): string {
    const before = this.#line.slice(0, this.#cursor).join('');
    const kept = charactersOf(before.replace(/\S+\s*$/, '')).length;
    return this.erase(kept - this.#cursor);
  }

  /** An earlier or later line of the history. */
  recall(by: number): string {
    const { history } = this.#help ?? { history: [] };
    const next = this.#recalled + by;
    if (next < 0 || next > history.length) return '';
    if (this.#recalled === history.length) this.#draft = this.#line;
    this.#recalled = next;
    const shown = this.moveTo(0);
    this.#line = next === history.length ? this.#draft : charactersOf(history[next]!);
    this.#cursor = this.#line.length;
    return `${shown}${this.#line.join('')}${CLEAR_REST}`;
  }

  /** Goes on with what the word before the cursor may become, or shows what that is. */
  complete(): string {
    if (this.#help === undefined) return this.insert('\t');
    const before = this.#line.slice(0, this.#cursor).join('');
    const matches = this.#help.complete(before);
    if (matches.length === 0) return '';
    const word = /[^\s;|&<>]*$/.exec(before)![0];
    const start = commonStart(matches);
    const added = matches.length === 1 && !start.endsWith('/') ? `${start} ` : start;
    if (added.length > word.length) return this.insert(added.slice(word.length));
    const names = matches.map((each) => each.slice(each.lastIndexOf('/', each.length - 2) + 1));
    return `\r\n${names.join('  ')}\r\n${this.#again()}`;
  }

  clearScreen(): string {
    return `${CLEAR_SCREEN}${this.#again()}`;
  }

  #again(): string {
    const rest = this.#line.slice(this.#cursor);
    return `${this.#help?.prompt ?? ''}${this.#line.join('')}${back(rest)}`;
  }
}
