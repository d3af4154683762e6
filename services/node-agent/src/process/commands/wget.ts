/** `wget` as busybox has it. */

import { NetworkError } from '../../network/network.ts';
import {
  command,
  type Command,
  CommandFailure,
  type Options,
  parseOptions,
  type Programs,
} from './command.ts';
import { parseDuration } from './duration.ts';
import { type Answer, type Ask, headerLines, headersOf, send, statusLine } from './http-exchange.ts';
import { type HttpAddress, MOST_REDIRECTS, parseAddress, redirectTarget } from './url.ts';

const LONG_WGET: Readonly<Record<string, string>> = {
  quiet: 'q',
  'output-document': 'O',
  'server-response': 'S',
  timeout: 'T',
  spider: 's',
  'post-data': 'd',
  header: 'H',
  tries: 't',
  'user-agent': 'U',
  'no-check-certificate': 'n',
  continue: 'c',
  'directory-prefix': 'P',
};

const wget = command(async (self) => {
  const options = parseOptions(
    self.args.map((each) => each.replace(/^-(?:nv|nc)$/, '-q')),
    'qO:ST:sd:H:t:U:ncP:Y:o:',
    LONG_WGET,
  );
  const [given] = options.operands;
  if (given === undefined) throw new CommandFailure('missing URL');
  const post = options.value('d');
  const ask: Ask = {
    method: post === undefined ? 'GET' : 'POST',
    headers: {
      'user-agent': options.value('U') ?? 'Wget',
      connection: 'close',
      ...headersOf(options.values('H')),
    },
    body: post === undefined ? undefined : Buffer.from(post),
    timeoutMs: options.has('T') ? parseDuration(options.value('T')!) : undefined,
    tls: { insecure: true },
  };
  if (post !== undefined) ask.headers['content-type'] ??= 'application/x-www-form-urlencoded';
  let address = parseAddress(given, 1);
  for (let left = MOST_REDIRECTS; ; left -= 1) {
    const answer = await askForWget(self, options, address, ask);
    if (options.has('S'))
      await self.printError(
        headerLines(answer)
          .map((line) => `  ${line}\n`)
          .join(''),
      );
    const next = redirectTarget(address, answer.status, answer.headers['location']);
    if (next !== undefined) {
      if (left === 0) throw new CommandFailure('too many redirections');
      address = parseAddress(next, 1);
      continue;
    }
    if (answer.status >= 400) throw new CommandFailure(`server returned error: ${statusLine(answer.status)}`);
    if (options.has('s')) {
      if (!options.has('q')) await self.printError('remote file exists\n');
      return 0;
    }
    await saveForWget(self, options, address, answer);
    return 0;
  }
});

async function askForWget(self: Command, options: Options, address: HttpAddress, ask: Ask): Promise<Answer> {
  const { network } = self.process;
  try {
    if (!options.has('q')) {
      const { addresses } = await self.wait(network.lookup(address.host));
      await self.printError(
        `Connecting to ${address.authority} (${addresses[0] ?? address.host}:${address.port})\n`,
      );
    }
    if (address.secure && !options.has('n') && !options.has('q'))
      await self.printError('wget: note: TLS certificate validation not implemented\n');
    return await send(self, address, ask);
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    if (error.code === 'ENOTFOUND') throw new CommandFailure(`bad address '${address.authority}'`);
    if (error.code === 'ETIMEDOUT' && options.has('T')) throw new CommandFailure('download timed out');
    const ip = await network.lookup(address.host).then(
      ({ addresses }) => addresses[0],
      () => undefined,
    );
    throw new CommandFailure(
      `can't connect to remote host${ip === undefined ? '' : ` (${ip})`}: ${error.message}`,
    );
  }
}

async function saveForWget(
  self: Command,
  options: Options,
  address: HttpAddress,
  answer: Answer,
): Promise<void> {
  const named = options.value('O');
  const name = address.target.split('?')[0]!.split('/').at(-1)! || 'index.html';
  const path = named ?? (options.has('P') ? `${options.value('P')}/${name}` : name);
  if (path === '-') {
    if (!options.has('q')) await self.printError('writing to stdout\n');
    await self.print(answer.body);
    if (!options.has('q'))
      await self.printError(
        `-                    100% |${'*'.repeat(32)}| ${String(answer.body.length).padStart(5)}  0:00:00 ETA\nwritten to stdout\n`,
      );
    return;
  }
  if (!options.has('q')) await self.printError(`saving to '${path}'\n`);
  await self.create(path).write(answer.body);
  if (options.has('q')) return;
  await self.printError(
    `${path.slice(0, 20).padEnd(20)} 100% |${'*'.repeat(32)}| ${String(answer.body.length).padStart(5)}  0:00:00 ETA\n'${path}' saved\n`,
  );
}

export const WGET_PROGRAMS: Programs = { wget };
