/** Help, made from the command table. */

import type { Command, Positional } from './command.ts';
import { allowedValues, type Flag, type FlagTable } from './flags.ts';
import { formatTable } from './table.ts';

const PROGRAM = './orrery';

/** What `./orrery help` shows. */
export function overview(commands: readonly Command[]): string[] {
  const rows = commands.map(({ name, summary }) => [`  ${name}`, summary]);
  return [
    'Orrery: a Kubernetes cluster on your machine, with a real control plane and simulated containers.',
    '',
    `Usage: ${PROGRAM} COMMAND [FLAGS]`,
    '',
    ...formatTable(rows),
    '',
    `"${PROGRAM} COMMAND --help" tells more. A first round: ${PROGRAM} up -d, then ${PROGRAM} kubectl get nodes.`,
  ];
}

/** What `./orrery COMMAND --help` shows. */
export function commandHelp(command: Command): string[] {
  const { summary, details = [], flags } = command;
  const lines = [`${summary}.`, '', `Usage: ${usage(command)}`];
  if (details.length > 0) lines.push('', ...details);
  if (Object.keys(flags).length > 0) lines.push('', 'Flags:', ...flagLines(flags));
  return lines;
}

/** The command with its arguments, as it is typed. */
export function usage({ name, positionals = [], passThrough, flags }: Command): string {
  const own = Object.keys(flags).length === 0 ? '' : ' [FLAGS]';
  const passed = passThrough === undefined ? '' : ' [ARGUMENTS]';
  return `${PROGRAM} ${name}${positionals.map(positionalUsage).join('')}${own}${passed}`;
}

function positionalUsage({ name, required, repeated = false }: Positional): string {
  const text = required ? ` ${name}` : ` [${name}]`;
  return repeated ? `${text} ...` : text;
}

function flagLines(flags: FlagTable): string[] {
  const rows: string[][] = [];
  for (const [name, flag] of Object.entries(flags)) {
    const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
    const value = flag.kind === 'switch' ? '' : ` ${flag.value}`;
    rows.push([`  ${short}--${name}${value}`, flag.help]);
    const note = valueNote(flag);
    if (note !== '') rows.push(['', note]);
  }
  return formatTable(rows);
}

/** What values a flag takes, and what holds without it. */
function valueNote(flag: Flag): string {
  if (flag.kind === 'switch') return '';
  const values = flag.kind === 'text' ? [] : [allowedValues(flag)];
  const otherwise = flag.otherwise === undefined ? [] : [`default ${flag.otherwise}`];
  return [...values, ...otherwise].join('; ');
}
