/** Programs that a simulated container cannot have, and what they say of it: package managers, editors, interpreters. */

import { command, CommandFailure, type Programs } from './command.ts';

/** `apt-get install -y curl` of the tutorials succeeds: what it would install is there already. */
const packageManager = command(async (self) => {
  const verb = self.args.find((each) => !each.startsWith('-')) ?? '';
  const names = self.args.filter((each) => !each.startsWith('-') && each !== verb);
  if (/^(?:update|upgrade|makecache|clean|autoremove|autoclean)$/.test(verb)) {
    await self.print(`${self.name}: simulated: there are no package lists to read, and none are needed.\n`);
    return 0;
  }
  if (!/^(?:install|add|del|remove|purge)$/.test(verb)) {
    await self.print(
      `${self.name}: simulated: only update, install and remove do something, and what they do is nothing.\n`,
    );
    return verb === '' ? 1 : 0;
  }
  for (const name of names)
    await self.print(
      `${self.name}: simulated: ${name} is not downloaded; the commands that Orrery knows are there already.\n`,
    );
  return 0;
});

const editor = command((self) => {
  throw new CommandFailure(
    `simulated: there is no editor in this container. Write files with: cat > ${self.args[0] ?? 'FILE'} <<EOF`,
  );
});

/** Of the Job tutorial: π to so many places, by computation. */
const perl = command(async (self) => {
  const digits = /print\s+bpi\((\d+)\)/.exec(self.args.join(' '))?.[1];
  if (digits === undefined)
    throw new CommandFailure('simulated: of perl only the computation of pi is known', 2);
  const places = Math.min(Number(digits), MOST_DIGITS);
  await self.process.usage.work(places * places * WORK_PER_SQUARE_MS);
  await self.print(`${pi(places)}\n`);
  return 0;
}, 2);

const MOST_DIGITS = 5_000;
/** 2,000 places take five seconds, about as long as perl does. */
const WORK_PER_SQUARE_MS = 5_000 / 2_000 ** 2;

/** By Machin's formula, in integers. */
function pi(digits: number): string {
  const guard = 10n;
  const unity = 10n ** (BigInt(digits) + guard);
  const arctangent = (inverse: bigint): bigint => {
    let power = unity / inverse;
    let sum = power;
    const square = inverse * inverse;
    for (let n = 3n, sign = -1n; power !== 0n; n += 2n, sign = -sign) {
      power /= square;
      sum += (sign * power) / n;
    }
    return sum;
  };
  // bpi counts the 3 as the first digit, and rounds the last.
  const value = 4n * (4n * arctangent(5n) - arctangent(239n));
  const rounded = (value / 10n ** guard / 1n + ((value / 10n ** (guard - 1n)) % 10n) / 5n).toString();
  const text = `${rounded.slice(0, 1)}.${rounded.slice(1, digits)}`;
  return digits <= 1 ? rounded.slice(0, 1) : text;
}

const python = command(async (self) => {
  const code = self.args[0] === '-c' ? (self.args[1] ?? '') : '';
  const printed = /^\s*print\s*\(\s*(['"])(.*?)\1\s*\)\s*;?\s*$/s.exec(code);
  if (self.args[0] === '--version' || self.args[0] === '-V') await self.print('Python 3.12.0 (simulated)\n');
  else if (printed !== null) await self.print(`${printed[2]}\n`);
  else throw new CommandFailure('simulated: of python only a print of text is known', 2);
  return 0;
}, 2);

export const PACKAGE_PROGRAMS: Programs = {
  apk: packageManager,
  apt: packageManager,
  'apt-get': packageManager,
  yum: packageManager,
  dnf: packageManager,
  microdnf: packageManager,
  pip: packageManager,
  pip3: packageManager,
  vi: editor,
  vim: editor,
  nano: editor,
  perl,
  python,
  python3: python,
};
