/** `stress` and `stress-ng`: use processor and memory as they are told to. */

import { command, CommandFailure, parseOptions, type Programs } from './command.ts';
import { parseDuration } from './duration.ts';
import { parseSize } from './size.ts';

const stress = command(async (self) => {
  const options = parseOptions(self.args, 'c:m:B:H:i:d:t:l:K:qvkL:M:W:V:n', {
    cpu: 'c',
    vm: 'm',
    'vm-bytes': 'B',
    'vm-hang': 'H',
    'vm-keep': 'k',
    'vm-method': 'M',
    'vm-populate': 'k',
    'vm-stride': 'W',
    io: 'i',
    hdd: 'd',
    timeout: 't',
    'cpu-load': 'l',
    'cpu-method': 'M',
    quiet: 'q',
    verbose: 'v',
    backoff: 'K',
    metrics: 'k',
    'metrics-brief': 'k',
    'hdd-bytes': 'V',
    'dry-run': 'n',
    'cpu-ops': 'V',
  });
  const workers = {
    cpu: options.number('c', 0),
    io: options.number('i', 0),
    vm: options.number('m', 0),
    hdd: options.number('d', 0),
  };
  if (Object.values(workers).every((each) => each === 0)) throw new CommandFailure('no workers');
  const timeout = options.value('t');
  const limitMs = timeout === undefined ? Infinity : parseDuration(timeout);
  const hogs = Object.entries(workers).map(([name, count]) => `${count} ${name}`);
  if (!options.has('q'))
    await self.print(`stress: info: [${self.process.pid}] dispatching hogs: ${hogs.join(', ')}\n`);
  const bytesEach = parseSize(options.value('B')?.replace(/%$/, 'M') ?? '256M');
  const load = options.number('l', 100) / 100;
  // Memory that is only held uses no processor; memory that is written again and again does.
  const busyMemory = options.has('H') ? 0 : workers.vm;
  self.process.usage.set({
    cpuMilli: Math.max(1, Math.round(workers.cpu * load * 1_000 + (busyMemory + workers.io) * 1_000)),
    memoryBytes: 1_048_576 + workers.vm * bytesEach,
  });
  await self.sleep(Math.min(limitMs, LONGEST_MS));
  if (!options.has('q'))
    await self.print(
      `stress: info: [${self.process.pid}] successful run completed in ${Math.round(limitMs / 1_000)}s\n`,
    );
  return 0;
});

const LONGEST_MS = 1e13;

export const STRESS_PROGRAMS: Programs = { stress, 'stress-ng': stress };
