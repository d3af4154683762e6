/** `curl`, as far as scripts go. */

import { NetworkError } from '../../network/network.ts';
import { CertificateError, type TlsOptions } from '../../network/secure.ts';
import {
  command,
  type Command,
  CommandFailure,
  type Options,
  parseOptions,
  type Programs,
} from './command.ts';
import { type Answer, type Ask, headerLines, headersOf, send } from './http-exchange.ts';
import { type HttpAddress, MOST_REDIRECTS, parseAddress, redirectTarget } from './url.ts';

const LONG_CURL: Readonly<Record<string, string>> = {
  silent: 's',
  'show-error': 'S',
  fail: 'f',
  include: 'i',
  head: 'I',
  verbose: 'v',
  output: 'o',
  'remote-name': 'O',
  'write-out': 'w',
  request: 'X',
  data: 'd',
  'data-raw': 'd',
  'data-binary': 'd',
  json: 'J',
  header: 'H',
  location: 'L',
  insecure: 'k',
  'max-time': 'm',
  'connect-timeout': 'c',
  user: 'u',
  'user-agent': 'A',
  get: 'G',
  retry: 'r',
  'retry-delay': 'R',
  'retry-connrefused': 'K',
  'retry-all-errors': 'K',
  cacert: '9',
  cert: 'E',
  key: 'E',
  resolve: 'E',
  cookie: 'E',
  'no-progress-meter': 's',
  'no-buffer': 'N',
  'http1.1': 'N',
  compressed: 'N',
  globoff: 'g',
  'fail-with-body': 'F',
  url: 'U',
  'data-urlencode': 'd',
  noproxy: 'E',
  ipv4: 'N',
};

const SPEC_CURL = 'sSfiIv9:o:Ow:X:d:J:H:Lkm:c:u:A:Gr:R:KE:NgFU:x:b:e:T:46';

const curl = command(async (self) => {
  const options = parseOptions(self.args, SPEC_CURL, LONG_CURL);
  const urls = [...options.operands, ...options.values('U')];
  if (urls.length === 0) throw new CommandFailure("try 'curl --help' for more information", 2);
  let status = 0;
  for (const url of urls) {
    const tries = Math.min(20, options.number('r', 0)) + 1;
    for (let left = tries; left > 0; left -= 1) {
      status = await new Transfer(self, options, url).run();
      if (status === 0 || (status === 7 && !options.has('K')) || status === 3) break;
      if (left > 1) await self.sleep(options.number('R', 1) * 1_000);
    }
  }
  return status;
}, 1);

class Transfer {
  readonly #self: Command;
  readonly #options: Options;
  readonly #startedAtMs: number;
  #address: HttpAddress;

  constructor(self: Command, options: Options, url: string) {
    this.#self = self;
    this.#options = options;
    this.#startedAtMs = self.process.clock.now();
    this.#address = parseAddress(url, 3);
    const user = options.value('u');
    if (user !== undefined) this.#address.credentials = encodeURIComponent(user);
  }

  async run(): Promise<number> {
    const options = this.#options;
    const ask = await this.#ask();
    try {
      for (let left = MOST_REDIRECTS; ; left -= 1) {
        await this.#showRequest(ask);
        const answer = await send(this.#self, this.#address, ask);
        await this.#showAnswer(answer);
        const next = redirectTarget(this.#address, answer.status, answer.headers['location']);
        if (next === undefined || !options.has('L')) return await this.#finish(ask, answer);
        if (left === 0) return await this.#fail(47, 'Maximum (10) redirects followed');
        this.#address = parseAddress(next, 3);
      }
    } catch (error) {
      if (error instanceof CertificateError) return this.#certificateFailure(error);
      if (!(error instanceof NetworkError)) throw error;
      return this.#networkFailure(error);
    }
  }

  async #ask(): Promise<Ask> {
    const options = this.#options;
    const parts: string[] = [];
    for (const each of options.values('d'))
      parts.push(each.startsWith('@') ? await this.#self.readText(this.#self.open(each.slice(1))) : each);
    const json = options.value('J');
    const data = json ?? (parts.length > 0 ? parts.join('&') : undefined);
    const asQuery = options.has('G') && data !== undefined;
    if (asQuery) this.#address.target += (this.#address.target.includes('?') ? '&' : '?') + data;
    const headers: Record<string, string> = {
      'user-agent': options.value('A') ?? 'curl/8.10.1',
      accept: '*/*',
    };
    if (data !== undefined && !asQuery)
      headers['content-type'] = json === undefined ? 'application/x-www-form-urlencoded' : 'application/json';
    const limits = [options.value('m'), options.value('c')]
      .filter((each) => each !== undefined)
      .map((each) => Number(each) * 1_000);
    return {
      method:
        options.value('X') ?? (options.has('I') ? 'HEAD' : data === undefined || asQuery ? 'GET' : 'POST'),
      headers: { ...headers, ...headersOf(options.values('H')) },
      body: data === undefined || asQuery ? undefined : Buffer.from(data),
      timeoutMs: limits.length === 0 ? undefined : Math.min(...limits),
      tls: { insecure: options.has('k'), ...(await this.#authorities()) },
    };
  }

  async #authorities(): Promise<TlsOptions> {
    const path = this.#options.value('9');
    if (path === undefined || !this.#address.secure) return {};
    try {
      return { ca: await this.#self.readText(this.#self.open(path)) };
    } catch {
      const problem = `error adding trust anchors from file: ${path}`;
      throw new CommandFailure(`(77) ${problem}`, 77);
    }
  }

  async #showRequest({ method, headers }: Ask): Promise<void> {
    if (!this.#options.has('v')) return;
    const { host, port, target, authority } = this.#address;
    await this.#self.printError(
      `* Connected to ${host} port ${port}\n> ${method} ${target} HTTP/1.1\n> Host: ${authority}\n`,
    );
    for (const [name, value] of Object.entries(headers)) await this.#self.printError(`> ${name}: ${value}\n`);
    await this.#self.printError('>\n');
  }

  async #showAnswer(answer: Answer): Promise<void> {
    if (this.#options.has('v'))
      await this.#self.printError(
        headerLines(answer)
          .map((line) => `< ${line}\n`)
          .join('') + '<\n',
      );
    if (this.#options.has('i') || this.#options.has('I'))
      await this.#output(`${headerLines(answer).join('\r\n')}\r\n\r\n`);
  }

  #started = false;

  /** Into the file named, which is made by the first that is written. */
  async #output(data: string | Uint8Array): Promise<void> {
    const path =
      this.#options.value('o') ??
      (this.#options.has('O') ? this.#address.target.split('?')[0]!.split('/').at(-1)! : '-');
    if (path === '-') {
      await this.#self.print(data);
      return;
    }
    await this.#self.create(path, { append: this.#started }).write(data);
    this.#started = true;
  }

  async #finish({ method }: Ask, answer: Answer): Promise<number> {
    const options = this.#options;
    const failed = answer.status >= 400 && (options.has('f') || options.has('F'));
    if ((!failed || options.has('F')) && method !== 'HEAD') await this.#output(answer.body);
    await this.#writeOut(answer);
    return failed ? this.#fail(22, `The requested URL returned error: ${answer.status}`) : 0;
  }

  async #writeOut(answer: Answer | undefined): Promise<void> {
    const format = this.#options.value('w');
    if (format === undefined) return;
    const seconds = ((this.#self.process.clock.now() - this.#startedAtMs) / 1_000).toFixed(6);
    const values: Readonly<Record<string, string>> = {
      http_code: String(answer?.status ?? 0).padStart(3, '0'),
      response_code: String(answer?.status ?? 0).padStart(3, '0'),
      size_download: String(answer?.body.length ?? 0),
      content_type: answer?.headers['content-type'] ?? '',
      time_total: seconds,
      time_connect: seconds,
      time_starttransfer: seconds,
      url_effective: `http${this.#address.secure ? 's' : ''}://${this.#address.authority}${this.#address.target}`,
      remote_ip: this.#address.host,
    };
    const text = format
      .replaceAll(/%\{(\w+)\}/g, (_, name: string) => values[name] ?? '')
      .replaceAll('%%', '%');
    await this.#self.print(text.replaceAll('\\n', '\n').replaceAll('\\t', '\t').replaceAll('\\r', '\r'));
  }

  async #fail(code: number, message: string): Promise<number> {
    const isSilent = this.#options.has('s') && !this.#options.has('S');
    if (!isSilent) await this.#self.printError(`curl: (${code}) ${message}\n`);
    return code;
  }

  async #certificateFailure({ reason, isOtherName }: CertificateError): Promise<number> {
    await this.#writeOut(undefined);
    const { host } = this.#address;
    return this.#fail(
      60,
      isOtherName
        ? `SSL: no alternative certificate subject name matches target host name '${host}'`
        : `SSL certificate problem: ${reason}`,
    );
  }

  async #networkFailure(error: NetworkError): Promise<number> {
    const { host, port } = this.#address;
    const elapsedMs = Math.round(this.#self.process.clock.now() - this.#startedAtMs);
    await this.#writeOut(undefined);
    switch (error.code) {
      case 'ENOTFOUND':
        return this.#fail(6, `Could not resolve host: ${host}`);
      case 'ETIMEDOUT':
        return this.#fail(28, `Connection timed out after ${elapsedMs} milliseconds`);
      case 'ECONNRESET':
        return this.#fail(56, 'Recv failure: Connection reset by peer');
      default:
        return this.#fail(
          7,
          `Failed to connect to ${host} port ${port} after ${elapsedMs} ms: Could not connect to server`,
        );
    }
  }
}

export const CURL_PROGRAMS: Programs = { curl };
