/** Web servers, and the small ones that tutorials are made of. */

import type { ImageFiles } from '../../files/image-layer.ts';
import type { DaemonOptions } from './daemon.ts';
import { DEBIAN } from './distributions.ts';
import type { ImageProfile } from './profile.ts';
import { daemonOf, singleProgram } from './single-program.ts';

const NGINX_PAGE =
  '<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>\n</head>\n<body>\n<h1>Welcome to nginx!</h1>\n<p>This is a simulated nginx: it serves the files of its container.</p>\n</body>\n</html>\n';
const NGINX_CONFIG =
  'server {\n    listen       80;\n    server_name  localhost;\n\n    location / {\n        root   /usr/share/nginx/html;\n        index  index.html index.htm;\n    }\n}\n';

const nginxFiles = (): ImageFiles => ({
  ...DEBIAN(),
  '/docker-entrypoint.sh': { content: '#!/bin/sh\nexec "$@"\n', mode: 0o755 },
  '/etc/nginx/nginx.conf': 'include /etc/nginx/conf.d/*.conf;\n',
  '/etc/nginx/conf.d/default.conf': NGINX_CONFIG,
  '/usr/share/nginx/html/index.html': NGINX_PAGE,
  '/var/log/nginx/access.log': { symlink: '/dev/stdout' },
  '/var/log/nginx/error.log': { symlink: '/dev/stderr' },
});

const nginx: ImageProfile = {
  entrypoint: ['/docker-entrypoint.sh'],
  cmd: ['nginx', '-g', 'daemon off;'],
  commands: 'all',
  sizeMiB: 69,
  files: nginxFiles,
  programs: { nginx: async (image) => (await import('./nginx.ts')).nginx(image) },
  idle: { cpuMilli: 1, memoryMiB: 4 },
  tags: /^(?:mainline|stable|alpine|perl|otel|bookworm|trixie)/,
};

const nginxSlim: ImageProfile = { ...nginx, entrypoint: [], sizeMiB: 40 };

function apache(root: string, page: string, sizeMiB: number): ImageProfile {
  return {
    cmd: ['httpd-foreground'],
    commands: 'all',
    sizeMiB,
    files: () => ({ [`${root}/index.html`]: page }),
    programs: {
      'httpd-foreground': async (image) => (await import('./httpd.ts')).httpd(root)(image),
      httpd: async (image) => (await import('./httpd.ts')).httpd(root)(image),
    },
    idle: { cpuMilli: 1, memoryMiB: 6 },
    tags: /^(?:alpine|bookworm|trixie|webserver)/,
  };
}

const httpd = apache('/usr/local/apache2/htdocs', '<html><body><h1>It works!</h1></body></html>\n', 45);

const IDLE = { cpuMilli: 1, memoryMiB: 6 };

const TOMCAT: DaemonOptions = {
  ports: [8_080],
  // The image comes without any application.
  http: {
    8080: () => ({
      status: 404,
      headers: { 'content-type': 'text/html;charset=utf-8' },
      body: '<!doctype html><html lang="en"><head><title>HTTP Status 404 – Not Found</title></head></html>',
    }),
  },
  newest: '11.0.10',
  lines: (version) => [
    `INFO [main] org.apache.catalina.startup.VersionLoggerListener.log Server version name:   Apache Tomcat/${version}`,
    'INFO [main] org.apache.coyote.AbstractProtocol.start Starting ProtocolHandler ["http-nio-8080"]',
    'INFO [main] org.apache.catalina.startup.Catalina.start Server startup in [412] milliseconds',
  ],
  endings: { SIGTERM: 143, SIGINT: 130 },
  idle: { cpuMilli: 3, memoryMiB: 120 },
};

const tomcat: ImageProfile = {
  cmd: ['catalina.sh', 'run'],
  workingDir: '/usr/local/tomcat',
  env: { CATALINA_HOME: '/usr/local/tomcat' },
  commands: 'all',
  sizeMiB: 210,
  programs: { 'catalina.sh': daemonOf(TOMCAT) },
  idle: TOMCAT.idle,
  tags: /^(?:jre|jdk)/,
};

const samples = () => import('./samples.ts');

const bootcamp: ImageProfile = {
  cmd: ['node', 'server.js'],
  commands: 'all',
  sizeMiB: 80,
  programs: { node: async (image) => (await samples()).bootcamp(image) },
  idle: { cpuMilli: 1, memoryMiB: 30 },
};

const echo = (port: number, path: string): ImageProfile =>
  singleProgram(path, 45, async () => (await samples()).echoServer(port)(), { idle: IDLE });

const hpaExample: ImageProfile = {
  entrypoint: ['docker-php-entrypoint'],
  cmd: ['apache2-foreground'],
  commands: 'all',
  sizeMiB: 166,
  programs: { 'apache2-foreground': async () => (await samples()).hpaExample() },
  idle: { cpuMilli: 1, memoryMiB: 10 },
};

export const WEB_SERVERS: Readonly<Record<string, ImageProfile>> = {
  nginx,
  'nginx-slim': nginxSlim,
  'nginxinc/nginx-unprivileged': nginx,
  'nginxdemos/hello': nginx,
  'hello-frontend': nginx,
  'openresty/openresty': nginx,
  httpd,
  'php-apache': hpaExample,
  php: apache('/var/www/html', '<html><body>PHP</body></html>\n', 180),
  wordpress: {
    ...apache('/var/www/html', '<html><head><title>WordPress</title></head></html>\n', 250),
    entrypoint: ['docker-entrypoint.sh'],
  },
  'gb-frontend': apache(
    '/var/www/html',
    '<html><head><title>Guestbook</title></head><body>Guestbook</body></html>\n',
    180,
  ),
  tomcat,
  'hpa-example': hpaExample,
  // "Define Environment Variables for a Container" has it run printenv.
  'hello-app': singleProgram('/hello-app', 5, async (image) => (await samples()).helloApp(image), {
    commands: 'busybox',
    idle: IDLE,
  }),
  'hello-go-gke': singleProgram('/hello', 10, async () => (await samples()).helloGo(), { idle: IDLE }),
  'node-hello': { ...bootcamp, programs: { node: async () => (await samples()).nodeHello() } },
  'kubernetes-bootcamp': bootcamp,
  'jocatalin/kubernetes-bootcamp': bootcamp,
  echoserver: echo(8_080, '/echoserver'),
  'kicbase/echo-server': echo(8_080, '/echo-server'),
  'jmalloc/echo-server': echo(8_080, '/echo-server'),
  'ealen/echo-server': echo(80, '/echo-server'),
  'traefik/whoami': echo(80, '/whoami'),
  'hashicorp/http-echo': singleProgram('/http-echo', 6, async () => (await samples()).httpEcho(), {
    idle: IDLE,
  }),
  'hello-world': singleProgram('/hello', 1, async () =>
    (await samples()).prints([
      '',
      'Hello from Docker!',
      'This message shows that your installation appears to be working correctly.',
      '',
    ])(),
  ),
};
