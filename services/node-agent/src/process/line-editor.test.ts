import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineEditor } from './line-editor.ts';

/** A terminal that is wide enough: what is shown of the line, and where the cursor stands. */
class Screen {
  cells: string[] = [];
  at = 0;

  show(text: string): void {
    for (const [index, part] of text.split('\u001b[K').entries()) {
      if (index > 0) this.cells.length = this.at;
      for (const character of part) {
        if (character !== '\b') this.cells[this.at] = character;
        this.at += character === '\b' ? -1 : 1;
      }
    }
  }
}

const HISTORY = ['ls -l', '', 'echo hello world'];

const STEPS = fc.oneof(
  fc.constantFrom('\u0001', '\u0002', '\u0005', '\u0006', '\u0008', '\u000b', '\u000e', '\u0010', '\u0015'),
  fc.constantFrom('\u0017', '\u007f', 'A', 'B', 'C', 'D', 'F', 'H', '3~'),
  fc.stringMatching(/^[a-z ]{1,6}$/).map((text) => ({ text })),
);

test('whatever is typed, the screen shows the line that is taken', () => {
  fc.assert(
    fc.property(fc.array(STEPS, { maxLength: 40 }), (steps) => {
      const editor = new LineEditor();
      editor.help = { prompt: '', history: HISTORY, complete: () => [] };
      const screen = new Screen();
      for (const step of steps)
        screen.show(typeof step === 'string' ? editor.key(step)! : editor.insert(step.text));
      expect(screen.at).toBeGreaterThanOrEqual(0);
      expect(screen.cells.join('').trimEnd()).toBe(editor.take().trimEnd());
    }),
  );
});

test('a line has an end', () => {
  const editor = new LineEditor();
  for (let left = 100; left > 0; left -= 1) editor.insert('x'.repeat(100));
  expect(editor.take()).toHaveLength(4_095);
});
