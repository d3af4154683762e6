import { describe, expect, it } from 'vitest';
import { StdinSource } from './stdin-source.ts';

function source(): { stdin: StdinSource; events: string[] } {
  const events: string[] = [];
  const stdin = new StdinSource({ hold: () => events.push('hold'), release: () => events.push('release') });
  return { stdin, events };
}

describe('what a client types', () => {
  it('is read in order, and ends', async () => {
    const { stdin } = source();
    stdin.push(Buffer.from('a'));
    stdin.push(Buffer.alloc(0));
    stdin.push(Buffer.from('b'));
    stdin.end();
    stdin.push(Buffer.from('too late'));
    expect(String(await stdin.read())).toBe('a');
    expect(String(await stdin.read())).toBe('b');
    expect(await stdin.read()).toBeUndefined();
    expect(await stdin.read()).toBeUndefined();
  });

  it('is waited for', async () => {
    const { stdin } = source();
    const reading = stdin.read();
    stdin.push(Buffer.from('late'));
    expect(String(await reading)).toBe('late');
    const ending = stdin.read();
    stdin.end();
    expect(await ending).toBeUndefined();
  });

  it('is held back while nobody reads it', async () => {
    const { stdin, events } = source();
    for (let index = 0; index < 5; index += 1) stdin.push(Buffer.alloc(20_000));
    expect(events).toEqual(['hold']);
    for (let index = 0; index < 5; index += 1) await stdin.read();
    expect(events).toEqual(['hold', 'release']);
  });
});
