import { describe, expect, it } from 'vitest';
import { CliError } from './cli-error.ts';
import { upFlags } from './command-flags.ts';
import { type FlagTable, parseFlags } from './flags.ts';

const table = {
  fast: { kind: 'switch', short: 'f', help: '' },
  nodes: { kind: 'integer', value: 'N', min: 1, max: 50, help: '' },
  speed: { kind: 'decimal', value: 'N', min: 0.5, max: 2, help: '' },
  mode: { kind: 'choice', short: 'm', value: 'M', choices: ['soft', 'hard'], help: '' },
  shout: {
    kind: 'choice',
    value: 'S',
    choices: ['YES', 'NO'],
    normalise: (text) => text.toUpperCase(),
    help: '',
  },
  file: { kind: 'text', value: 'FILE', help: '' },
  wait: { kind: 'duration', value: 'TIME', minMs: 10, maxMs: 120_000, help: '' },
} as const satisfies FlagTable;

const nothing = {
  fast: false,
  nodes: undefined,
  speed: undefined,
  mode: undefined,
  shout: undefined,
  file: undefined,
  wait: undefined,
};

describe('parseFlags', () => {
  it.each([
    { args: [], flags: {}, positionals: [] },
    { args: ['-f'], flags: { fast: true }, positionals: [] },
    { args: ['--nodes', '7', 'rest'], flags: { nodes: 7 }, positionals: ['rest'] },
    { args: ['first', '--nodes=50'], flags: { nodes: 50 }, positionals: ['first'] },
    { args: ['--speed', '1.5', '--speed', '2'], flags: { speed: 2 }, positionals: [] },
    { args: ['-m', 'hard'], flags: { mode: 'hard' }, positionals: [] },
    { args: ['--shout', 'yes'], flags: { shout: 'YES' }, positionals: [] },
    { args: ['--wait', '500ms'], flags: { wait: 500 }, positionals: [] },
    { args: ['--wait=10s'], flags: { wait: 10_000 }, positionals: [] },
    { args: ['--wait', '2m'], flags: { wait: 120_000 }, positionals: [] },
    { args: ['--file', 'a b', '--', '--nodes'], flags: { file: 'a b' }, positionals: ['--nodes'] },
  ])('reads $args', ({ args, flags, positionals }) => {
    expect(parseFlags(args, table)).toEqual({ flags: { ...nothing, ...flags }, positionals });
  });

  it.each([
    { args: ['--node', '3'], message: 'unknown flag --node; did you mean --nodes?' },
    { args: ['--colour'], message: 'unknown flag --colour; the flags are --fast, --nodes, --speed, --mode' },
    { args: ['-x'], message: 'unknown flag -x' },
    { args: ['--constructor'], message: 'unknown flag --constructor' },
    { args: ['--fast=yes'], message: '--fast takes no value, but was given "yes"' },
    { args: ['--nodes'], message: '--nodes needs a value: a whole number from 1 to 50' },
    { args: ['--nodes', '0'], message: '--nodes takes a whole number from 1 to 50, not "0"' },
    { args: ['--nodes', '51'], message: 'not "51"' },
    { args: ['--nodes', '1.5'], message: 'not "1.5"' },
    { args: ['--nodes', '1e1'], message: 'not "1e1"' },
    { args: ['--nodes=-1'], message: 'not "-1"' },
    { args: ['--nodes', '-f'], message: 'not "-f"' },
    { args: ['--speed', 'Infinity'], message: '--speed takes a number from 0.5 to 2, not "Infinity"' },
    { args: ['--mode', 'sof'], message: '--mode takes soft or hard, not "sof"; did you mean soft?' },
    { args: ['--wait', '10'], message: '--wait takes a time from 10ms to 2m, not "10"' },
    { args: ['--wait', '1.5s'], message: 'not "1.5s"' },
    { args: ['--wait', '9ms'], message: 'not "9ms"' },
    { args: ['--wait', '3m'], message: 'not "3m"' },
    { args: ['--file', ''], message: '--file needs a value: FILE' },
  ])('refuses $args in one line', ({ args, message }) => {
    const refusal = catchError(() => parseFlags(args, table));
    expect(refusal).toBeInstanceOf(CliError);
    expect(refusal.message).toContain(message);
    expect(refusal.message).not.toContain('\n');
  });

  it('leaves out what `up` was not given, so that the last start decides', () => {
    const { flags } = parseFlags(['-d', '--speed', '0.1'], upFlags);
    expect(flags).toMatchObject({ detach: true, speed: 0.1, 'zero-delays': false });
    expect(flags.nodes).toBeUndefined();
    expect(flags.durability).toBeUndefined();
  });
});

function catchError(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('nothing was thrown');
}
