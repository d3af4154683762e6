import { describe, expect, it } from 'vitest';
import { commands } from './command-table.ts';
import { commandHelp, overview } from './help-text.ts';
import { type Invocation, parseInvocation } from './invocation.ts';
import { defaultDataDirectory } from './project.ts';

const parse = (...args: string[]): Invocation => parseInvocation(args, commands, '/home/ada');

function parseRun(...args: string[]): Extract<Invocation, { kind: 'run' }> {
  const invocation = parse(...args);
  if (invocation.kind !== 'run') throw new Error(`not a command to run: ${invocation.kind}`);
  return invocation;
}

describe('parseInvocation', () => {
  it.each([[[]], [['--help']], [['-h']], [['--data', 'x']]])('shows the overview for %j', (args) => {
    expect(parse(...args)).toEqual({ kind: 'overview' });
  });

  it.each([
    ['up', '--help'],
    ['up', '-d', '-h'],
    ['--help', 'up'],
    ['test', '--chaos', '--help'],
  ])('shows the help of a command for %s %s', (...args) => {
    expect(parse(...args)).toMatchObject({ kind: 'help' });
  });

  it.each([
    { args: ['ps'], path: defaultDataDirectory },
    { args: ['ps', '--data', 'mine'], path: '/home/ada/mine' },
    { args: ['--data', 'mine', 'ps'], path: '/home/ada/mine' },
    { args: ['--data=mine', 'ps'], path: '/home/ada/mine' },
    { args: ['--data', 'mine', 'ps', '--data', '/other'], path: '/other' },
    { args: ['--data', 'mine', 'kubectl', 'get', 'pods'], path: '/home/ada/mine' },
  ])('takes the data directory of $args', ({ args, path }) => {
    expect(parseRun(...args).call.data.path).toBe(path);
  });

  it('passes everything after kubectl on untouched', () => {
    const { command, call } = parseRun('kubectl', '--help', '--data', 'x', '-n=y', '--', 'z');
    expect(command.name).toBe('kubectl');
    expect(call.rest).toEqual(['--help', '--data', 'x', '-n=y', '--', 'z']);
    expect(call.data.path).toBe(defaultDataDirectory);
  });

  it('passes the flags of tests and benchmarks on', () => {
    expect(parseRun('test', '--chaos', 'scheduler').call.rest).toEqual(['--chaos', 'scheduler']);
    expect(parseRun('bench', '--json').call.rest).toEqual(['--json']);
  });

  it.each([
    { args: ['upp'], message: 'unknown command "upp"; did you mean "up"?' },
    { args: ['frobnicate'], message: 'unknown command "frobnicate"; the commands are up, down' },
    { args: ['--verbose', 'up'], message: 'unknown flag --verbose' },
    { args: ['kill'], message: 'SERVICE is missing; usage: ./orrery kill SERVICE [FLAGS]' },
    { args: ['start', 'nats', 'redis'], message: '"redis" is one argument too many' },
    { args: ['up', 'now'], message: '"now" is one argument too many' },
    { args: ['kill', 'nats', '--signal', 'HUP'], message: '--signal takes one of SIGKILL' },
    { args: ['up', '--port', '65536'], message: '--port takes a whole number from 1 to 65535, not "65536"' },
    { args: ['up', '--speed', '0.05'], message: '--speed takes a number from 0.1 to 1000, not "0.05"' },
    { args: ['up', '--durability', 'allways'], message: '--durability takes everysec or always' },
  ])('refuses $args', ({ args, message }) => {
    expect(() => parse(...args)).toThrow(message);
  });

  it.each(['kill', 'KILL', 'sigkill', 'SIGKILL'])('takes %s for SIGKILL', (signal) => {
    expect(parseRun('kill', 'nats', '-s', signal).call.flags['signal']).toBe('SIGKILL');
  });
});

describe('help', () => {
  it('lists every command once, with its summary', () => {
    const text = overview(commands).join('\n');
    for (const { name, summary } of commands)
      expect(text).toMatch(new RegExp(`^ {2}${name} +${summary}$`, 'm'));
  });

  it.each(commands.map((command) => [command.name, command] as const))(
    'of %s names all its flags',
    (_, command) => {
      const text = commandHelp(command).join('\n');
      expect(text).toContain(`Usage: ./orrery ${command.name}`);
      for (const [name, { help }] of Object.entries(command.flags)) {
        expect(text).toContain(`--${name}`);
        expect(text).toContain(help);
      }
    },
  );

  it.each(commands.map((command) => [command.name, command] as const))(
    'code of %s is there',
    async (_, command) => {
      expect(await command.load()).toHaveProperty('run');
    },
  );
});
