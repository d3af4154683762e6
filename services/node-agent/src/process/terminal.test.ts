import { expect, test } from 'vitest';
import { TerminalDevice } from './terminal.ts';

/** The lines that a program reads when these keys are typed. */
async function linesOf(typed: string): Promise<string> {
  const chunks = [Buffer.from(typed)];
  const source = { read: () => Promise.resolve(chunks.shift()) };
  const device = new TerminalDevice(
    { columns: 80, rows: 24 },
    source,
    { write: () => undefined },
    () => undefined,
  );
  let read = '';
  for (let line = await device.read(); line !== undefined; line = await device.read()) {
    read += Buffer.from(line).toString();
  }
  return read;
}

test.each([
  ['letters that are keys only after ESC', 'echo $HOME ABCDFH\n', 'echo $HOME ABCDFH\n'],
  ['left, and a letter between', 'ac\u001b[Db\n', 'abc\n'],
  ['home and end', 'b\u001b[Ha\u001b[Fc\n', 'abc\n'],
  ['a character that is erased', 'ax\u007fb\n', 'ab\n'],
])('a terminal takes %s', async (_case, typed, expected) => {
  expect(await linesOf(typed)).toBe(expected);
});
