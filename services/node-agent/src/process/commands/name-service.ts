/** Commands that ask for names: nslookup, dig, host, getent. */

import { type DnsAnswer, NetworkError } from '../../network/network.ts';
import { command, type Command, CommandFailure, type Programs } from './command.ts';

/** The first name server of /etc/resolv.conf. */
function nameServer(self: Command): string {
  const { files } = self.process;
  const text = files.exists('/etc/resolv.conf') ? Buffer.from(files.read('/etc/resolv.conf')).toString() : '';
  return /^nameserver\s+(\S+)/m.exec(text)?.[1] ?? '10.96.0.10';
}

async function find(
  self: Command,
  name: string,
  type: 'A' | 'SRV' | 'PTR' = 'A',
): Promise<DnsAnswer | undefined> {
  try {
    return await self.wait(self.process.network.lookup(name, type));
  } catch (error) {
    if (error instanceof NetworkError) return undefined;
    throw error;
  }
}

function isAddress(text: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(text) || text.includes(':');
}

async function nameOf(self: Command, address: string): Promise<string> {
  const answer = await find(self, address, 'PTR');
  const name = answer?.names?.[0];
  return name === undefined ? '' : ` ${name.replace(/\.$/, '')}`;
}

/** As the busybox of the Kubernetes tutorials (1.28) prints it. */
const nslookup = command(async (self) => {
  const operands = self.args.filter((each) => !each.startsWith('-'));
  const type = /^-(?:query|type|q)=(\w+)$/i
    .exec(self.args.find((each) => /^-(?:query|type|q)=/i.test(each)) ?? '')?.[1]
    ?.toUpperCase();
  const [name, server = nameServer(self)] = operands;
  if (name === undefined) throw new CommandFailure('missing operand');
  await self.print(`Server:    ${server}\nAddress 1: ${server}${await nameOf(self, server)}\n\n`);
  const answer = await find(self, name, type === 'SRV' ? 'SRV' : isAddress(name) ? 'PTR' : 'A');
  if (answer === undefined) {
    await self.printError(`nslookup: can't resolve '${name}'\n`);
    return 1;
  }
  if (answer.services !== undefined) {
    for (const { priority, weight, port, target } of answer.services)
      await self.print(`${name}\tservice = ${priority} ${weight} ${port} ${target}\n`);
    return 0;
  }
  await self.print(`Name:      ${name}\n`);
  const addresses = isAddress(name) ? [name] : answer.addresses;
  for (const [index, address] of addresses.entries())
    await self.print(`Address ${index + 1}: ${address}${await nameOf(self, address)}\n`);
  return 0;
});

const dig = command(async (self) => {
  let [name, type, isShort] = ['', 'A', false];
  for (const each of self.args) {
    if (each === '+short') isShort = true;
    else if (each === '-x') type = 'PTR';
    else if (/^(?:A|AAAA|SRV|PTR|CNAME|ANY|TXT|NS)$/i.test(each)) type = each.toUpperCase();
    else if (!/^[-+@]/.test(each) && each !== 'IN') name = each;
  }
  if (name === '') throw new CommandFailure('missing operand');
  // Without +search only whole names are asked for.
  const question = type === 'PTR' ? name : `${name.replace(/\.$/, '')}.`;
  const answer = await find(
    self,
    self.args.includes('+search') ? name : question,
    type === 'SRV' || type === 'PTR' ? type : 'A',
  );
  const records = answer === undefined ? [] : recordsOf(answer, type);
  if (isShort) {
    for (const record of records) await self.print(`${record}\n`);
    return 0;
  }
  const status = answer === undefined ? 'NXDOMAIN' : 'NOERROR';
  await self.print(
    `\n; <<>> DiG 9.20 <<>> ${self.args.join(' ')}\n;; Got answer:\n;; ->>HEADER<<- opcode: QUERY, status: ${status}, id: 4711\n;; flags: qr aa rd; QUERY: 1, ANSWER: ${records.length}, AUTHORITY: 0, ADDITIONAL: 0\n\n;; QUESTION SECTION:\n;${question}\t\tIN\t${type}\n\n`,
  );
  if (records.length > 0)
    await self.print(
      `;; ANSWER SECTION:\n${records.map((record) => `${answer?.name ?? question}\t30\tIN\t${type}\t${record}\n`).join('')}\n`,
    );
  await self.print(`;; SERVER: ${nameServer(self)}#53(${nameServer(self)}) (UDP)\n`);
  return 0;
});

function recordsOf(answer: DnsAnswer, type: string): string[] {
  if (type === 'SRV')
    return (answer.services ?? []).map(
      ({ priority, weight, port, target }) => `${priority} ${weight} ${port} ${target}`,
    );
  if (type === 'PTR') return answer.names ?? [answer.name];
  return type === 'A' ? answer.addresses : [];
}

const host = command(async (self) => {
  const options = self.options('t:aW:v', {});
  const [name] = options.operands;
  if (name === undefined) throw new CommandFailure('missing operand');
  const type = options.value('t')?.toUpperCase();
  const answer = await find(self, name, type === 'SRV' ? 'SRV' : isAddress(name) ? 'PTR' : 'A');
  if (answer === undefined) {
    await self.print(`Host ${name} not found: 3(NXDOMAIN)\n`);
    return 1;
  }
  const full = answer.name.replace(/\.$/, '');
  if (answer.services !== undefined)
    for (const record of recordsOf(answer, 'SRV')) await self.print(`${full} has SRV record ${record}\n`);
  else if (isAddress(name))
    for (const each of answer.names ?? [])
      await self.print(`${name.split('.').reverse().join('.')}.in-addr.arpa domain name pointer ${each}\n`);
  else for (const address of answer.addresses) await self.print(`${full} has address ${address}\n`);
  return 0;
});

const getent = command(async (self) => {
  const [database, key] = self.args;
  const { files } = self.process;
  if (database === 'hosts' || database === 'ahosts' || database === 'ahostsv4') {
    const answer = key === undefined ? undefined : await find(self, key);
    if (answer === undefined) return 2;
    for (const address of answer.addresses)
      await self.print(`${address.padEnd(15)} ${answer.name.replace(/\.$/, '')}\n`);
    return 0;
  }
  const path = `/etc/${database ?? ''}`;
  if (!files.exists(path)) throw new CommandFailure(`Unknown database: ${database ?? ''}`);
  const lines = Buffer.from(files.read(path)).toString().split('\n');
  const found = lines.filter(
    (line) => line !== '' && (key === undefined || line.startsWith(`${key}:`) || line.split(':')[2] === key),
  );
  for (const line of found) await self.print(`${line}\n`);
  return found.length > 0 ? 0 : 2;
});

export const NAME_PROGRAMS: Programs = { nslookup, dig, host, getent };
