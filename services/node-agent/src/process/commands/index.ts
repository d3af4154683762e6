/**
 * The commands that images may have, by name. To ask whether there is one costs nothing; the
 * file that carries it out is loaded when it is first run.
 */

import type { Program } from '../process.ts';
import type { Programs } from './command.ts';

interface Group {
  readonly names: string;
  load(): Promise<Programs>;
}

const GROUPS: readonly Group[] = [
  {
    names: 'sh ash dash bash',
    load: async () => {
      const { sh } = await import('../shell/sh.ts');
      return { sh, ash: sh, dash: sh, bash: sh };
    },
  },
  {
    names: 'sleep usleep date timeout time watch uptime',
    load: async () => (await import('./time.ts')).TIME_PROGRAMS,
  },
  {
    names: 'cat tac head tail tee wc nl rev more less',
    load: async () => (await import('./text-view.ts')).TEXT_VIEW_PROGRAMS,
  },
  {
    names: 'touch rm unlink rmdir mkdir mv cp ln chmod chown chgrp mktemp sync',
    load: async () => (await import('./file-change.ts')).FILE_CHANGE_PROGRAMS,
  },
  {
    names: 'ls dir stat du df readlink realpath file tree find',
    load: async () => (await import('./file-list.ts')).FILE_LIST_PROGRAMS,
  },
  {
    names: 'sort uniq cut tr seq yes paste fold shuf comm',
    load: async () => (await import('./text-lines.ts')).TEXT_LINES_PROGRAMS,
  },
  {
    names: 'grep egrep fgrep',
    load: async () => (await import('./grep.ts')).GREP_PROGRAMS,
  },
  {
    names: 'sed',
    load: async () => (await import('./sed.ts')).SED_PROGRAMS,
  },
  {
    names: 'awk gawk mawk',
    load: async () => (await import('./awk/awk.ts')).AWK_PROGRAMS,
  },
  {
    names:
      'ps top kill killall pidof pgrep pkill env printenv xargs nohup setsid nice echo printf test [ pwd true false',
    load: async () => (await import('./processes.ts')).PROCESS_PROGRAMS,
  },
  {
    names: 'id whoami groups hostname uname arch nproc free mount umount tty stty clear reset getconf which',
    load: async () => (await import('./identity.ts')).IDENTITY_PROGRAMS,
  },
  {
    names: 'basename dirname expr md5sum sha1sum sha256sum sha512sum base64 hexdump xxd od',
    load: async () => (await import('./words.ts')).WORD_PROGRAMS,
  },
  {
    names: 'chroot',
    load: async () => (await import('./chroot.ts')).CHROOT_PROGRAMS,
  },
  {
    names: 'stress stress-ng',
    load: async () => (await import('./stress.ts')).STRESS_PROGRAMS,
  },
  {
    names: 'diff cmp',
    load: async () => (await import('./compare.ts')).COMPARE_PROGRAMS,
  },
  {
    names: 'apk apt apt-get yum dnf microdnf pip pip3 vi vim nano perl python python3',
    load: async () => (await import('./packages.ts')).PACKAGE_PROGRAMS,
  },
  {
    names: 'wget',
    load: async () => (await import('./wget.ts')).WGET_PROGRAMS,
  },
  {
    names: 'curl',
    load: async () => (await import('./curl.ts')).CURL_PROGRAMS,
  },
  {
    names: 'nslookup dig host getent',
    load: async () => (await import('./name-service.ts')).NAME_PROGRAMS,
  },
  {
    names: 'nc ncat netcat telnet ping ip ifconfig netstat ss',
    load: async () => (await import('./sockets.ts')).SOCKET_PROGRAMS,
  },
  {
    names: 'tar gzip gunzip zcat',
    load: async () => (await import('./archive.ts')).ARCHIVE_PROGRAMS,
  },
  {
    names: 'dd truncate fallocate',
    load: async () => (await import('./file-fill.ts')).FILE_FILL_PROGRAMS,
  },
];

const groups = new Map<string, Group>();
for (const group of GROUPS) for (const name of group.names.split(' ')) groups.set(name, group);

/** The names of all commands. */
export const commandNames: ReadonlySet<string> = new Set(groups.keys());

/** The command of that name. @throws Error when it is none of `commandNames` */
export async function loadCommand(name: string): Promise<Program> {
  const program = (await groups.get(name)?.load())?.[name];
  if (program === undefined) throw new Error(`no command is called ${name}`);
  return program;
}
