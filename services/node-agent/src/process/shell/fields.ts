/** Puts the fields of a word together while it is expanded: what is quoted, where it is split, what may match files. */

import { WORDS } from './limits.ts';
import { ShellError } from './parse.ts';
import { quotePattern } from './pattern.ts';

export interface Field {
  /** With quotes removed. */
  text: string;
  /** The same as a pattern, in which what was quoted means itself. */
  pattern: string;
}

const DEFAULT_IFS = ' \t\n';

export class FieldBuilder {
  readonly fields: Field[] = [];
  readonly #splits: boolean;
  readonly #ifs: string;
  #text = '';
  #pattern = '';
  /** Whether there is a field even if it is empty. */
  #present = false;
  /** Blank of the field separators was seen after a field, which may be followed by one separator more. */
  #afterBlank = false;

  /** `ifs` as the variable says; without splitting everything becomes one field. */
  constructor(options: { split: boolean; ifs?: string | undefined }) {
    this.#splits = options.split;
    this.#ifs = options.ifs ?? DEFAULT_IFS;
  }

  quoted(text: string): void {
    this.#text += text;
    this.#pattern += quotePattern(text);
    this.#present = true;
    this.#afterBlank = false;
  }

  /** Wildcards as they were written. */
  wildcard(pattern: string): void {
    this.#text += pattern;
    this.#pattern += pattern;
    this.#present = true;
    this.#afterBlank = false;
  }

  /** What an expansion gave outside of quotes: is split, and may hold wildcards. */
  unquoted(text: string): void {
    if (text === '') return;
    if (!this.#splits || this.#ifs === '') {
      this.#append(text);
      return;
    }
    let start = 0;
    for (let at = 0; at < text.length; at += 1) {
      const character = text[at]!;
      if (!this.#ifs.includes(character)) {
        this.#afterBlank = false;
        continue;
      }
      if (at > start) this.#append(text.slice(start, at));
      start = at + 1;
      if (' \t\n'.includes(character)) {
        if (this.#present) {
          this.finish();
          this.#afterBlank = true;
        }
      } else if (this.#afterBlank) {
        this.#afterBlank = false;
      } else {
        this.#present = true;
        this.finish();
      }
    }
    if (start < text.length) this.#append(text.slice(start));
  }

  /** Ends the field, if there is one. */
  finish(): void {
    if (this.#present) {
      if (this.fields.length >= WORDS) throw new ShellError('Argument list too long', 126);
      this.fields.push({ text: this.#text, pattern: this.#pattern });
    }
    this.#text = '';
    this.#pattern = '';
    this.#present = false;
  }

  /** Ends the field even if it is empty. */
  break(): void {
    this.#present = true;
    this.finish();
  }

  #append(text: string): void {
    this.#text += text;
    // A backslash that comes out of a variable means itself.
    this.#pattern += text.replaceAll('\\', '\\\\');
    this.#present = true;
    this.#afterBlank = false;
  }
}
