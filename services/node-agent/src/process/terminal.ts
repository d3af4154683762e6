/**
 * The line discipline of a terminal (termios(3) in canonical mode): echoes what is typed, lets it
 * be corrected until the line ends, and turns ^C into a signal. Programs read whole lines.
 */

import type { ByteSink, ByteSource, Signal, Terminal } from './process.ts';

/** A longer line is not taken, as with the kernel's MAX_CANON. */
const LONGEST_LINE = 4_095;

const CONTROL: Readonly<Record<string, Signal>> = { '\u0003': 'SIGINT', '\u001c': 'SIGQUIT' };

export class TerminalDevice implements ByteSource, ByteSink, Terminal {
  columns: number;
  rows: number;
  readonly #output: ByteSink;
  /** To all processes in the foreground. */
  readonly #signal: (signal: Signal) => void;
  #line = '';
  /** Whole lines that nobody has read yet. An empty one is ^D: an end that is read once. */
  readonly #lines: string[] = [];
  #ended = false;
  #arrived: PromiseWithResolvers<void> | undefined;

  constructor(size: Terminal, input: ByteSource, output: ByteSink, signal: (signal: Signal) => void) {
    this.columns = size.columns;
    this.rows = size.rows;
    this.#output = output;
    this.#signal = signal;
    void this.#listen(input);
  }

  /** Newlines go out as carriage return and newline: the other side is a raw terminal. */
  write(data: Uint8Array | string): void | Promise<void> {
    const text = typeof data === 'string' ? data : Buffer.from(data).toString('latin1');
    const translated = text.replaceAll(/\r?\n/g, '\r\n');
    return this.#output.write(typeof data === 'string' ? translated : Buffer.from(translated, 'latin1'));
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#lines.length === 0) {
      if (this.#ended) return undefined;
      this.#arrived ??= Promise.withResolvers();
      await this.#arrived.promise;
      this.#arrived = undefined;
    }
    const line = this.#lines.shift()!;
    return line === '' ? undefined : Buffer.from(line, 'latin1');
  }

  async #listen(input: ByteSource): Promise<void> {
    for (let chunk = await input.read(); chunk !== undefined; chunk = await input.read()) {
      // Latin-1 keeps bytes apart; the echo puts them together again.
      for (const key of Buffer.from(chunk).toString('latin1')) this.#type(key);
    }
    this.#ended = true;
    if (this.#line !== '') this.#finishLine('');
    this.#arrived?.resolve();
  }

  #type(key: string): void {
    const signal = CONTROL[key];
    if (signal !== undefined) {
      this.#echo(key === '\u0003' ? '^C' : '^\\');
      this.#echo('\r\n');
      this.#line = '';
      this.#signal(signal);
    } else if (key === '\r' || key === '\n') {
      this.#echo('\r\n');
      this.#finishLine('\n');
    } else if (key === '\u0004') {
      this.#finishLine('');
    } else if (key === '\u007f' || key === '\b') {
      this.#rubOut(1);
    } else if (key === '\u0015') {
      this.#rubOut(this.#line.length);
    } else if (this.#line.length < LONGEST_LINE && (key >= ' ' || key === '\t')) {
      this.#line += key;
      this.#echo(key);
    }
  }

  #finishLine(end: string): void {
    // A reader that is far behind misses lines rather than filling memory.
    if (this.#lines.length < LONGEST_LINE) this.#lines.push(this.#line + end);
    this.#line = '';
    this.#arrived?.resolve();
  }

  #rubOut(count: number): void {
    for (let left = count; left > 0 && this.#line !== ''; left -= 1) {
      this.#line = this.#line.slice(0, -1);
      this.#echo('\b \b');
    }
  }

  #echo(text: string): void {
    void this.#output.write(Buffer.from(text, 'latin1'));
  }
}
