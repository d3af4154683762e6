/** Commands about connections: nc, telnet, ping, ip, ifconfig, netstat, ss. */

import type { Duplex } from 'node:stream';
import { NetworkError } from '../../network/network.ts';
import {
  command,
  type Command,
  CommandFailure,
  type Options,
  parseOptions,
  type Programs,
} from './command.ts';

const nc = command(async (self) => {
  const options = parseOptions(self.args, 'lp:zvw:nuke:i:q:Ns:46', {
    listen: 'l',
    zero: 'z',
    verbose: 'v',
    wait: 'w',
  });
  if (options.has('l')) return listen(self, options);
  const [host, port] = options.operands;
  if (host === undefined || port === undefined) throw new CommandFailure('missing operand');
  if (options.has('z')) return scan(self, options, host, port);
  const connection = await connect(self, options, host, Number(port));
  if (options.has('v')) await self.printError(`${host} (${host}:${port}) open\n`);
  await converse(self, connection);
  return 0;
});

function timeLimit(self: Command, options: Options): { signal: AbortSignal; timeoutMs?: number } {
  const seconds = options.number('w', 0);
  return { signal: self.process.killed, ...(seconds > 0 ? { timeoutMs: seconds * 1_000 } : {}) };
}

async function connect(self: Command, options: Options, host: string, port: number): Promise<Duplex> {
  try {
    return await self.wait(self.process.network.connect(host, port, timeLimit(self, options)));
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    if (error.code === 'ENOTFOUND') throw new CommandFailure(`bad address '${host}'`);
    throw new CommandFailure(
      options.has('v') || self.name !== 'nc' ? `${host} (${host}:${port}): ${error.message}` : '',
    );
  }
}

/** `nc -z host 20-25`: whether somebody listens. */
async function scan(self: Command, options: Options, host: string, ports: string): Promise<number> {
  const [first, last = first] = ports.split('-').map(Number);
  let status = 1;
  for (let port = first!; port <= Math.min(last!, first! + 1_023); port += 1) {
    try {
      const connection = await self.wait(self.process.network.connect(host, port, timeLimit(self, options)));
      connection.destroy();
      status = 0;
      if (options.has('v')) await self.printError(`${host} (${host}:${port}) open\n`);
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      if (error.code === 'ENOTFOUND') throw new CommandFailure(`bad address '${host}'`);
      if (options.has('v')) self.complain(`${host} (${host}:${port}): ${error.message}`);
    }
  }
  return status;
}

/** Both ways, until the other side ends. */
async function converse(self: Command, connection: Duplex): Promise<void> {
  connection.on('error', () => undefined);
  const upwards = async (): Promise<void> => {
    const { stdin } = self.process;
    for (
      let chunk = await stdin.read();
      chunk !== undefined && !connection.destroyed;
      chunk = await stdin.read()
    ) {
      if (!connection.write(chunk))
        await new Promise<void>((resolve) => void connection.once('drain', resolve).once('close', resolve));
    }
    if (!connection.destroyed) connection.end();
  };
  const sending = upwards().catch(() => connection.destroy());
  try {
    for await (const chunk of connection as AsyncIterable<Buffer>) await self.print(chunk);
  } catch {
    // The other side broke off: what came has been printed.
  }
  connection.destroy();
  void sending;
}

async function listen(self: Command, options: Options): Promise<number> {
  const port = Number(options.value('p') ?? options.operands.at(-1) ?? Number.NaN);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new CommandFailure('bad port');
  const waiting: Duplex[] = [];
  let arrived = Promise.withResolvers<void>();
  const listener = self.process.network.listen(port, {
    accept: (connection) => {
      connection.on('error', () => undefined);
      if (waiting.length >= LONGEST_BACKLOG) connection.destroy();
      else waiting.push(connection);
      arrived.resolve();
    },
  });
  if (options.has('v')) await self.printError(`listening on [::]:${listener.port} ...\n`);
  for (;;) {
    if (waiting.length === 0) {
      arrived = Promise.withResolvers();
      await self.wait(arrived.promise);
    }
    const connection = waiting.shift()!;
    // Without -k it takes one caller.
    if (!options.has('k')) listener.close();
    await self.wait(converse(self, connection));
    if (!options.has('k')) return 0;
  }
}

const LONGEST_BACKLOG = 16;

const telnet = command(async (self) => {
  const options = parseOptions(self.args, 'w:e:');
  const [host, port = '23'] = options.operands;
  if (host === undefined) throw new CommandFailure('missing operand');
  const connection = await connect(self, options, host, Number(port));
  await self.print(`Connected to ${host}\n\nEntering character mode\nEscape character is '^]'.\n\n`);
  await converse(self, connection);
  await self.print('Connection closed by foreign host\n');
  return 1;
});

/** A host is there when it answers or refuses; nobody listens on this port. */
const PROBE_PORT = 7;

const ping = command(async (self) => {
  const options = parseOptions(self.args, 'c:i:w:W:s:q46nI:t:A', {});
  const [host] = options.operands;
  if (host === undefined) throw new CommandFailure('missing operand');
  const { network, clock } = self.process;
  let address: string | undefined;
  try {
    ({
      addresses: [address = host],
    } = await self.wait(network.lookup(host)));
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    throw new CommandFailure(`bad address '${host}'`);
  }
  const size = options.number('s', 56);
  await self.print(`PING ${host} (${address}): ${size} data bytes\n`);
  const count = options.number('c', Infinity);
  const untilMs = options.has('w') ? clock.now() + options.number('w', 0) * 1_000 : Infinity;
  const waitMs = Math.max(100, options.number('W', 10) * 1_000);
  let [sent, received] = [0, 0];
  for (; sent < count && clock.now() < untilMs;) {
    const isThere = await answers(self, address, waitMs);
    if (isThere && !options.has('q'))
      await self.print(
        `${size + 8} bytes from ${address}: seq=${sent} ttl=64 time=0.${String(80 + (sent % 20)).padStart(3, '0')} ms\n`,
      );
    sent += 1;
    if (isThere) received += 1;
    if (sent < count) await self.sleep(Math.max(200, options.number('i', 1) * 1_000));
  }
  const lost = sent === 0 ? 0 : Math.round(((sent - received) / sent) * 100);
  await self.print(
    `\n--- ${host} ping statistics ---\n${sent} packets transmitted, ${received} packets received, ${lost}% packet loss\n`,
  );
  if (received > 0) await self.print('round-trip min/avg/max = 0.080/0.089/0.099 ms\n');
  return received > 0 ? 0 : 1;
});

async function answers(self: Command, address: string, timeoutMs: number): Promise<boolean> {
  try {
    const connection = await self.wait(
      self.process.network.connect(address, PROBE_PORT, { timeoutMs, signal: self.process.killed }),
    );
    connection.destroy();
    return true;
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    return error.code === 'ECONNREFUSED';
  }
}

const LOOPBACK =
  '1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n';

function hardwareAddress(ip: string): string {
  const numbers = ip.split('.').map(Number);
  return ['0a', '58', ...numbers.map((each) => (each & 255).toString(16).padStart(2, '0'))].join(':');
}

const ip = command(async (self) => {
  const object = self.args.find((each) => !each.startsWith('-')) ?? 'addr';
  const address = self.process.network.ip;
  const device = `2: eth0@if7: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue\n    link/ether ${hardwareAddress(address)} brd ff:ff:ff:ff:ff:ff\n`;
  if ('address'.startsWith(object)) {
    await self.print(
      `${LOOPBACK}    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n${device}    inet ${address}/24 brd ${address.replace(/\d+$/, '255')} scope global eth0\n       valid_lft forever preferred_lft forever\n`,
    );
  } else if ('link'.startsWith(object)) {
    await self.print(LOOPBACK + device);
  } else if ('route'.startsWith(object)) {
    const gateway = address.replace(/\d+$/, '1');
    await self.print(
      `default via ${gateway} dev eth0\n${address.replace(/\d+$/, '0')}/24 dev eth0 scope link  src ${address}\n`,
    );
  } else {
    throw new CommandFailure(`simulated: ip ${object} is not known`);
  }
  return 0;
});

const ifconfig = command(async (self) => {
  const address = self.process.network.ip;
  await self.print(
    `eth0      Link encap:Ethernet  HWaddr ${hardwareAddress(address).toUpperCase()}\n          inet addr:${address}  Bcast:${address.replace(/\d+$/, '255')}  Mask:255.255.255.0\n          UP BROADCAST RUNNING MULTICAST  MTU:1500  Metric:1\n\nlo        Link encap:Local Loopback\n          inet addr:127.0.0.1  Mask:255.0.0.0\n          UP LOOPBACK RUNNING  MTU:65536  Metric:1\n\n`,
  );
  return 0;
});

const netstat = command(async (self) => {
  await self.print(
    'Active Internet connections (only servers)\nProto Recv-Q Send-Q Local Address           Foreign Address         State\n',
  );
  for (const { port, protocol, host } of self.process.network.ports())
    await self.print(
      `${protocol.toLowerCase().padEnd(5)}      0      0 ${`${host}:${port}`.padEnd(23)} 0.0.0.0:*               ${protocol === 'TCP' ? 'LISTEN' : ''}\n`,
    );
  return 0;
});

const ss = command(async (self) => {
  await self.print('State      Recv-Q Send-Q      Local Address:Port          Peer Address:Port\n');
  for (const { port, host, protocol } of self.process.network.ports())
    await self.print(
      `${(protocol === 'TCP' ? 'LISTEN' : 'UNCONN').padEnd(10)} 0      128     ${host.padStart(18)}:${String(port).padEnd(5)}                  *:*\n`,
    );
  return 0;
});

export const SOCKET_PROGRAMS: Programs = {
  nc,
  ncat: nc,
  netcat: nc,
  telnet,
  ping,
  ip,
  ifconfig,
  netstat,
  ss,
};
