import { describe, expect, it } from 'vitest';
import { runScript } from '../../test-support/shell-under-test.ts';
import { commandNames, loadCommand } from './index.ts';

/** A script, what it prints, and its exit code when that is not 0: as GNU's commands say. */
const SCRIPTS: [script: string, stdout: string, exitCode?: number][] = [
  [
    `mkdir /tmp/l && cd /tmp/l && : > file && ln -s file link && ln -s nowhere lost; ls -lL | cut -c1; ls -l | cut -c1`,
    't\n-\n-\nl\nt\n-\nl\nl\n',
  ],
  [
    String.raw`printf '3 c\n1 a\n2 b\n' | sort -k2 -r; printf 'b 2\na 10\nc 1\n' | sort -k2n; printf 'x:3\ny:1\n' | sort -t: -k2`,
    '3 c\n2 b\n1 a\nc 1\nb 2\na 10\ny:1\nx:3\n',
  ],
  [
    String.raw`printf 'a\nb\nc\nd\n' | sed -n '2,3p'; printf 'a\nb\nc\n' | sed '$d'; printf 'a\nb\n' | sed 's/^/> /'; echo a/b | sed 's#/#-#g'`,
    'b\nc\na\nb\n> a\n> b\na-b\n',
  ],
  [
    String.raw`printf 'a\nb\nc\n' | sed '/b/d'; printf 'a\nb\n' | sed '/a/a after'; printf 'a\nb\n' | sed '1i before'; printf 'x=1\ny=2\n' | sed -n 's/^x=//p'`,
    'a\nc\na\nafter\nb\nbefore\na\nb\n1\n',
  ],
  [
    String.raw`printf 'a\nb\nc\n' | sed -e 's/a/A/' -e 's/b/B/'; printf 'one two\n' | sed 's/\(one\) \(two\)/\2 \1/'; echo abc | sed 's/b/[&]/'`,
    'A\nB\nc\ntwo one\na[b]c\n',
  ],
  [
    String.raw`printf 'a\nb\nc\n' | sed ':a;N;$!ba;s/\n/,/g'; printf '1\n2\n3\n4\n' | sed -n '2~2p'; echo hello | sed 'y/el/ip/'`,
    'a,b,c\n2\n4\nhippo\n',
  ],
  [
    String.raw`echo 'a.b*c' | sed 's/\./-/g; s/\*/+/'; echo '[x]' | sed 's/[][]//g'; echo aXb | sed 's/x/-/I'`,
    'a-b+c\nx\na-b\n',
  ],
  [
    String.raw`printf 'l1\nl2\nl3\n' | sed 2q; printf 'l1\nl2\n' | sed -n '$='; echo ab | sed -E 's/(.)(.)/\2\1/'`,
    'l1\nl2\n2\nba\n',
  ],
  [`sed -i 's/a/b/' /dev/null; echo 'k: v' > /tmp/sedt; sed -i 's/v/w/' /tmp/sedt; cat /tmp/sedt`, 'k: w\n'],
  [
    String.raw`printf 'a b c\nd e f\n' | awk '{print NF, NR, $NF}'; printf 'a,b\n' | awk -F, -v OFS=- '{$1=$1; print}'; awk 'BEGIN{printf "%d %s %.2f\n", 3.7, "x", 2.5}'`,
    '3 1 c\n3 2 f\na-b\n3 x 2.50\n',
  ],
  [
    String.raw`printf 'a 1\nb 2\na 3\n' | awk '{s[$1]+=$2} END{for(k in s) print k, s[k]}' | sort; awk 'BEGIN{print length("hello"), substr("hello",2,3), index("hello","l"), toupper("x")}'`,
    'a 4\nb 2\n5 ell 3 X\n',
  ],
  [
    String.raw`printf '1\n5\n3\n' | awk 'NR==1||$1>m{m=$1} END{print m}'; echo 'foo bar' | awk '/foo/{print "yes"} !/foo/{print "no"}'`,
    '5\nyes\n',
  ],
  [
    `awk 'BEGIN{n=split("a:b:c",p,":"); print n, p[2]; x="aaa"; gsub(/a/,"b",x); print x; if (match("foobar",/o+/)) print RSTART, RLENGTH}'`,
    '3 b\nbbb\n2 2\n',
  ],
  [
    `awk 'function f(n){return n<2?n:f(n-1)+f(n-2)} BEGIN{print f(15)}'; awk 'BEGIN{i=0; while(i<3){i++; if(i==2)continue; print i}; do{i--}while(i>0); print i}'`,
    '610\n1\n3\n0\n',
  ],
  [
    String.raw`printf 'a b\n' | awk '{$2="X"; print; print $0}'; printf 'x y z\n' | awk '{NF=2; print}'; awk 'BEGIN{print 1==1.0, "a"<"b", 1/4, 2^10, 7%3, -3}'`,
    'a X\na X\nx y\n1 1 0.25 1024 1 -3\n',
  ],
  [
    String.raw`printf 'MemTotal: 100 kB\nMemFree: 20 kB\n' | awk '/MemTotal/{t=$2}/MemFree/{print t-$2}'; echo '10.0.0.1/24' | awk -F'[./]' '{print $1+0, $5}'`,
    '80\n10 24\n',
  ],
  [
    String.raw`awk 'BEGIN{printf "%5.1f|%-5s|%05d|%x|%c|%%\n", 3.14159, "ab", 42, 255, "z"; exit 3}'; echo $?`,
    '  3.1|ab   |00042|ff|z|%\n3\n',
  ],
  [
    String.raw`printf 'one\ntwo\nthree\n' | grep -n t; printf 'a.b\naxb\n' | grep -F a.b; printf 'foo1\nfoo\n' | grep -E 'foo[0-9]+'; printf 'a\nb\nc\nd\n' | grep -A1 -B1 b; printf 'xay\n' | grep -o 'a.'`,
    '2:two\n3:three\na.b\nfoo1\na\nb\nc\nay\n',
  ],
  [
    String.raw`printf 'foo bar\nfoobar\n' | grep -w foo; printf 'a\nb\n' | grep -c .; printf 'A\n' | grep -i a; grep -q x /dev/null; echo $?; printf 'ab\ncd\n' | grep -e a -e d; echo 'x=1' | grep -oE '[0-9]+'`,
    'foo bar\n2\nA\n1\nab\ncd\n1\n',
  ],
  [
    String.raw`echo hello | cut -c1-3; echo a:b:c | cut -d: -f2-; printf 'a\tb\n' | cut -f2; echo 'a b' | tr ' ' '\n'; echo HELLO | tr '[:upper:]' '[:lower:]'; echo 'a1b2' | tr -cd '0-9'; echo; echo abc | tr -d '\n'`,
    'hel\nb:c\nb\na\nb\nhello\n12\nabc',
  ],
  [
    String.raw`printf 'a\nb\n' | paste -sd,; printf 'a\nb\nc\n' | tac; echo abc | rev; printf 'a\na\nb\n' | uniq; printf 'a\na\nb\n' | uniq -d; seq 1 3 | paste -sd+`,
    'a,b\nc\nb\na\ncba\na\nb\na\n1+2+3\n',
  ],
  [
    String.raw`printf 'hello\n' | od -c | head -1; printf 'AB' | od -An -tx1; printf 'hello world' | md5sum; printf '' | sha1sum`,
    '0000000   h   e   l   l   o  \\n\n 41 42\n5eb63bbbe01eeed093cb22bb8f5acdc3  -\nda39a3ee5e6b4b0d3255bfef95601890afd80709  -\n',
  ],
  [
    `seq 5 | head -n 2; seq 5 | tail -n 2; seq 5 | tail -n +4; seq 3 -1 1; seq -w 8 10; seq -s, 3; printf 'abc' | head -c 2; echo`,
    '1\n2\n4\n5\n4\n5\n3\n2\n1\n08\n09\n10\n1,2,3\nab\n',
  ],
  [
    `cd /tmp; rm -rf zl; mkdir zl; cd zl; echo t > t; ln -s t l; readlink l; cat l; test -L l && echo link; chmod 600 t; stat -c '%a %s %n' t; chmod u+x,g+r t; stat -c %A t; cd ..; rm -r zl`,
    't\nt\nlink\n600 2 t\n-rwxr-----\n',
  ],
  [
    String.raw`basename /a/b/; basename a.txt .txt; dirname /a; dirname a; dirname /a/b/; expr length hello; expr 10 / 3; expr 3 \> 2; expr a = a`,
    'b\na\n/\n.\n/a\n5\n3\n1\n1\n',
  ],
  [
    String.raw`printf 'a b\nc d\n' | xargs -n2 echo; printf 'a\nb\n' | xargs -I{} echo "x{}y"; echo 1 2 3 | xargs -n1; printf 'a\0b\0' | xargs -0 echo`,
    'a b\nc d\nxay\nxby\n1\n2\n3\na b\n',
  ],
  ["env -i A=1 env; A=2 printenv A; env B=3 sh -c 'echo $B'; printenv NOPE_X; echo $?", 'A=1\n2\n3\n1\n'],
  ["timeout 1 sleep 5; echo $?; timeout 5 true; echo $?; timeout 5 sh -c 'exit 3'; echo $?", '124\n0\n3\n'],
  [
    String.raw`printf 'a\nb\nc\n' > /tmp/d1; printf 'a\nx\nc\n' > /tmp/d2; diff /tmp/d1 /tmp/d2; echo $?; cmp -s /tmp/d1 /tmp/d2; echo $?`,
    '2c2\n< b\n---\n> x\n1\n1\n',
  ],
  [
    'echo hi | tee /tmp/te1 | cat; cat /tmp/te1; echo more | tee -a /tmp/te1 >/dev/null; wc -l < /tmp/te1',
    'hi\nhi\n2\n',
  ],
  [
    String.raw`mkdir -p /tmp/fd/x; echo 1 > /tmp/fd/x/a.txt; echo 2 > /tmp/fd/b.log; find /tmp/fd -type f | sort; find /tmp/fd -name '*.txt' -exec cat {} \;; find /tmp/fd -maxdepth 1 -type f; find /tmp/fd -type f -name '*.log' -delete; find /tmp/fd -type f | wc -l`,
    '/tmp/fd/b.log\n/tmp/fd/x/a.txt\n1\n/tmp/fd/b.log\n1\n',
  ],
  [
    'head -n 1 /etc/passwd | cut -d: -f1; id -u; [ "$(whoami)" = root ] && echo root; uname -s; true; false || echo f; which sh >/dev/null && echo w',
    'root\n0\nroot\nLinux\nf\nw\n',
  ],
  [
    'dd if=/dev/zero of=/tmp/ddz bs=1k count=3 2>/dev/null; wc -c < /tmp/ddz; head -c 5 /dev/zero | wc -c; truncate -s 10 /tmp/ddz; wc -c < /tmp/ddz',
    '3072\n5\n10\n',
  ],
  [
    String.raw`printf '%s\n' b a | sort | while read x; do echo "- $x"; done; printf 'k=v\n' | while IFS== read k v; do echo "$k->$v"; done`,
    '- a\n- b\nk->v\n',
  ],
  ['sort -u <<EOF\nb\na\nb\nEOF', 'a\nb\n'],
  ["nohup echo nh 2>/dev/null; nice echo nice; sh -c 'kill -TERM $$; sleep 1'; echo $?", 'nh\nnice\n143\n'],
  [
    'echo "a b c" | awk \'{print $2}\' | sed \'s/b/B/\' | tr B X; i=1; while [ $i -le 3 ]; do printf "%d " $i; i=$(expr $i + 1); done; echo',
    'X\n1 2 3 \n',
  ],
  ['sh -c \'trap "echo T; exit 0" TERM; kill -TERM $$; sleep 1\'; echo $?', 'T\n0\n'],
  ['sleep 5 & p=$!; kill $p; wait $p; echo $?', '143\n'],
];

describe('commands', () => {
  it.each(SCRIPTS)('%s', async (script, stdout, exitCode = 0) => {
    expect(await runScript(script)).toMatchObject({ stdout, exitCode });
  });

  it('id and groups tell all groups of a process, sorted', async () => {
    const config = { uid: 1_000, gid: 3_000, groups: [4_000, 2_000] };
    expect((await runScript('id; id -G; groups', { config })).stdout).toBe(
      'uid=1000 gid=3000 groups=2000,3000,4000\n2000 3000 4000\n2000 3000 4000\n',
    );
  });

  it.each([
    ['mkdir -p /host/etc; echo node > /host/etc/hostname; chroot /host cat /etc/hostname', 'node\n'],
    [
      "mkdir -p /host/etc; ln -s /etc /host/e; echo node > /host/etc/f; chroot /host sh -c 'cd /e/../..; pwd; cat /e/f; echo x > /new'; cat /host/new",
      '/\nnode\nx\n',
    ],
    ['chroot /nowhere ls; echo $?', '1\n'],
    ['mkdir /host; chroot /host nope; echo $?', '127\n'],
  ])('another root: %s', async (script, stdout) => {
    expect((await runScript(script)).stdout).toBe(stdout);
  });

  it('only root takes another root', async () => {
    const { stderr, exitCode } = await runScript('chroot /tmp ls', { config: { uid: 1_000 } });
    expect([stderr, exitCode]).toEqual([
      "chroot: can't change root directory to '/tmp': Operation not permitted\n",
      1,
    ]);
  });

  it('the machine is the same for all who ask', async () => {
    const script =
      "grep -c ^processor /proc/cpuinfo; nproc; free -k | awk '/Mem/{print $2}'; awk '/MemTotal/{print $2}' /proc/meminfo";
    expect((await runScript(script)).stdout).toBe('4\n4\n16777216\n16777216\n');
  });

  it('dd copies as fast as a disk does', async () => {
    const { stderr } = await runScript('dd if=/dev/zero of=/tmp/big bs=1M count=40; wc -c < /tmp/big');
    const seconds = Number(/copied, ([\d.]+) seconds/.exec(stderr)?.[1]);
    expect(seconds).toBeGreaterThan(0.02);
    // Time is moved by steps of 50 ms here.
    expect(seconds).toBeLessThan(0.2);
  });

  it('every name has a program', async () => {
    for (const name of commandNames) expect(await loadCommand(name)).toBeTypeOf('function');
  });
});
