/**
 * The line discipline of a terminal (termios(3) in canonical mode): echoes what is typed, lets it
 * be edited until the line ends, and turns ^C into a signal. Programs read whole lines.
 */

import { StringDecoder } from 'node:string_decoder';
import { LineEditor } from './line-editor.ts';
import type { ByteSink, ByteSource, LineHelp, Signal, Terminal } from './process.ts';

/** The lines that nobody has read yet. */
const MOST_LINES = 4_096;

const CONTROL: Readonly<Record<string, Signal>> = { '\u0003': 'SIGINT', '\u001c': 'SIGQUIT' };

/** What a key sends that is no character: ESC [ or ESC O, parameters, and a final letter. */
const LONGEST_SEQUENCE = 16;

export class TerminalDevice implements ByteSource, ByteSink, Terminal {
  columns: number;
  rows: number;
  readonly #output: ByteSink;
  /** To all processes in the foreground. */
  readonly #signal: (signal: Signal) => void;
  readonly #editor = new LineEditor();
  /** What came of a sequence that begins with ESC. */
  #sequence: string | undefined;
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
    return line === '' ? undefined : Buffer.from(line);
  }

  help(help: LineHelp | undefined): void {
    this.#editor.help = help;
  }

  async #listen(input: ByteSource): Promise<void> {
    const decoder = new StringDecoder('utf8');
    for (let chunk = await input.read(); chunk !== undefined; chunk = await input.read()) {
      for (const key of decoder.write(Buffer.from(chunk))) this.#type(key);
    }
    this.#ended = true;
    if (!this.#editor.isEmpty) this.#finishLine('');
    this.#arrived?.resolve();
  }

  #type(key: string): void {
    const editor = this.#editor;
    const signal = CONTROL[key];
    if (this.#sequence !== undefined) {
      this.#goOnWith(this.#sequence + key);
    } else if (signal !== undefined) {
      this.#echo(key === '\u0003' ? '^C\r\n' : '^\\\r\n');
      editor.take();
      this.#signal(signal);
    } else if (key === '\r' || key === '\n') {
      this.#echo('\r\n');
      this.#finishLine('\n');
    } else if (key === '\u0004') {
      if (editor.helps && !editor.isEmpty) this.#echo(editor.erase(1));
      else this.#finishLine('');
    } else if (key === '\u001b') {
      this.#sequence = '';
    } else if (key === '\t') {
      this.#echo(editor.complete());
    } else if (key === '\u000c') {
      if (editor.helps) this.#echo(editor.clearScreen());
    } else {
      // Letters are keys only at the end of a sequence.
      const isCharacter = key >= ' ' && key !== '\u007f';
      this.#echo(isCharacter ? editor.insert(key) : (editor.key(key) ?? ''));
    }
  }

  /** A sequence that means nothing here is passed over as a whole. */
  #goOnWith(sequence: string): void {
    this.#sequence = sequence;
    const isOpen = /^[[O][\d;]*$/.test(sequence);
    if (isOpen && sequence.length < LONGEST_SEQUENCE) return;
    this.#sequence = undefined;
    if (/^[[O]/.test(sequence)) this.#echo(this.#editor.key(sequence.slice(1)) ?? '');
  }

  #finishLine(end: string): void {
    const line = this.#editor.take() + end;
    // A reader that is far behind misses lines rather than filling memory.
    if (this.#lines.length < MOST_LINES) this.#lines.push(line);
    this.#arrived?.resolve();
  }

  #echo(text: string): void {
    if (text !== '') void this.#output.write(text);
  }
}
