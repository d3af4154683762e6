/** Commands that say where and who one is: id, whoami, hostname, uname, nproc, free, mount, tty, and their like. */

import { KERNEL_VERSION, MEMORY_GIB, PROCESSORS } from '../../files/machine.ts';
import type { Process } from '../process.ts';
import { command, type Command, CommandFailure, type Programs } from './command.ts';
import { ownerNames } from './owners.ts';
import { humanSize } from './size.ts';
import { which } from './which.ts';

/** The groups of a process as the kernel gives them out: sorted, its first among them. */
function groupsOf({ gid, groups }: Process): number[] {
  return [...new Set([gid, ...groups])].toSorted((a, b) => a - b);
}

/** Of the node: the pod's own limits are in its cgroup. */
const MEMORY_BYTES = MEMORY_GIB * 1_073_741_824;

const id = command(async (self) => {
  const options = self.options('ugGnr', { user: 'u', group: 'g', groups: 'G', name: 'n' });
  const { uid, gid } = self.process;
  const owners = ownerNames(self, false);
  const named = options.has('n');
  if (options.has('u')) await self.print(`${named ? owners.user(uid) : uid}\n`);
  else if (options.has('g')) await self.print(`${named ? owners.group(gid) : gid}\n`);
  else if (options.has('G')) {
    const all = groupsOf(self.process);
    await self.print(`${(named ? all.map((each) => owners.group(each)) : all).join(' ')}\n`);
  } else {
    const label = (number: number, name: string): string =>
      name === String(number) ? name : `${number}(${name})`;
    const all = groupsOf(self.process).map((each) => label(each, owners.group(each)));
    await self.print(
      `uid=${label(uid, owners.user(uid))} gid=${label(gid, owners.group(gid))} groups=${all.join(',')}\n`,
    );
  }
  return 0;
});

const whoami = command(async (self) => {
  const name = ownerNames(self, false).user(self.process.uid);
  if (name === String(self.process.uid)) throw new CommandFailure(`unknown uid ${name}`);
  await self.print(`${name}\n`);
  return 0;
});

const groups = command(async (self) => {
  const owners = ownerNames(self, false);
  await self.print(
    `${groupsOf(self.process)
      .map((each) => owners.group(each))
      .join(' ')}\n`,
  );
  return 0;
});

const hostname = command(async (self) => {
  const options = self.options('fisdI', {
    fqdn: 'f',
    long: 'f',
    'ip-address': 'i',
    short: 's',
    domain: 'd',
    'all-ip-addresses': 'I',
  });
  if (options.operands.length > 0) throw new CommandFailure('sethostname: Operation not permitted');
  const { process } = self;
  const full = fullHostname(self);
  if (options.has('i') || options.has('I'))
    await self.print(`${process.network.ip}${options.has('I') ? ' ' : ''}\n`);
  else if (options.has('f')) await self.print(`${full}\n`);
  else if (options.has('d')) await self.print(`${full.split('.').slice(1).join('.')}\n`);
  else await self.print(`${options.has('s') ? process.hostname.split('.')[0] : process.hostname}\n`);
  return 0;
});

/** By /etc/hosts: the first name of one's own address. */
function fullHostname(self: Command): string {
  const { files, hostname: name, network } = self.process;
  if (!files.exists('/etc/hosts')) return name;
  for (const line of Buffer.from(files.read('/etc/hosts')).toString().split('\n')) {
    const [address, first] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (address === network.ip && first !== undefined) return first;
  }
  return name;
}

const uname = command(async (self) => {
  const options = self.options('asnrvmpio', { all: 'a' });
  const fields: readonly (readonly [string, string])[] = [
    ['s', 'Linux'],
    ['n', self.process.hostname],
    ['r', KERNEL_VERSION],
    ['v', '#1 SMP Orrery'],
    ['m', 'x86_64'],
    ['o', 'GNU/Linux'],
  ];
  const isDefault = self.args.length === 0;
  const shown = fields.filter(
    ([letter]) => options.has('a') || options.has(letter) || (isDefault && letter === 's'),
  );
  await self.print(`${(shown.length > 0 ? shown : fields.slice(4, 5)).map(([, text]) => text).join(' ')}\n`);
  return 0;
});

const nproc = command(async (self) => {
  await self.print(`${PROCESSORS}\n`);
  return 0;
});

const free = command(async (self) => {
  const options = self.options('bkmgh', { mega: 'm', human: 'h', giga: 'g' });
  const show = (bytes: number): string => {
    if (options.has('h')) return humanSize(bytes);
    return String(
      Math.floor(
        bytes /
          (options.has('b') ? 1 : options.has('m') ? 1_048_576 : options.has('g') ? 1_073_741_824 : 1_024),
      ),
    );
  };
  const used = MEMORY_BYTES / 4;
  const row = [MEMORY_BYTES, used, MEMORY_BYTES / 2, 1_048_576, MEMORY_BYTES / 4, MEMORY_BYTES - used];
  await self.print(
    `${' '.repeat(14)}${['total', 'used', 'free', 'shared', 'buff/cache', 'available'].map((each) => each.padStart(12)).join('')}\n`,
  );
  await self.print(`Mem:          ${row.map((each) => show(each).padStart(12)).join('')}\n`);
  await self.print(`Swap:         ${[0, 0, 0].map((each) => show(each).padStart(12)).join('')}\n`);
  return 0;
});

const mount = command(async (self) => {
  if (self.args.length > 0 && self.args[0] !== '-l' && self.args[0] !== '-t')
    throw new CommandFailure('permission denied (are you root?)');
  await self.print(
    'overlay on / type overlay (rw,relatime)\nproc on /proc type proc (rw,nosuid,nodev,noexec,relatime)\ntmpfs on /dev type tmpfs (rw,nosuid,size=65536k,mode=755)\n',
  );
  return 0;
});

const tty = command(async (self) => {
  if (self.process.terminal !== undefined) {
    await self.print('/dev/pts/0\n');
    return 0;
  }
  await self.print('not a tty\n');
  return 1;
});

const stty = command(async (self) => {
  const { terminal } = self.process;
  if (terminal === undefined) throw new CommandFailure('standard input: Not a tty');
  if (self.args[0] === 'size') await self.print(`${terminal.rows} ${terminal.columns}\n`);
  else if (self.args.length === 0 || self.args[0] === '-a')
    await self.print(`speed 38400 baud; rows ${terminal.rows}; columns ${terminal.columns};\n`);
  return 0;
});

const clear = command(async (self) => {
  await self.print('\u001b[H\u001b[J');
  return 0;
});

const getconf = command(async (self) => {
  const values: Readonly<Record<string, string>> = {
    PAGESIZE: '4096',
    PAGE_SIZE: '4096',
    _NPROCESSORS_ONLN: String(PROCESSORS),
    LONG_BIT: '64',
    CLK_TCK: '100',
  };
  const value = values[self.args[0] ?? ''];
  if (value === undefined) throw new CommandFailure(`unknown variable '${self.args[0] ?? ''}'`);
  await self.print(`${value}\n`);
  return 0;
});

export const IDENTITY_PROGRAMS: Programs = {
  id,
  whoami,
  groups,
  hostname,
  uname,
  arch: command(async (self) => self.print('x86_64\n').then(() => 0)),
  nproc,
  free,
  mount,
  umount: command(() => {
    throw new CommandFailure("can't unmount: Operation not permitted");
  }),
  tty,
  stty,
  clear,
  reset: clear,
  getconf,
  which,
};
