/** Databases, queues and the like: they listen, they say so, they end on TERM. */

import type { DaemonOptions } from './daemon.ts';
import type { ImageProfile } from './profile.ts';
import { daemonOf } from './single-program.ts';

/** An image whose entrypoint is a script that ends by becoming the server. */
function server(
  name: string,
  sizeMiB: number,
  options: DaemonOptions,
  more: Partial<ImageProfile> = {},
): ImageProfile {
  return {
    entrypoint: ['docker-entrypoint.sh'],
    cmd: [name],
    commands: 'all',
    sizeMiB,
    programs: { [name]: daemonOf(options) },
    idle: options.idle,
    ...more,
  };
}

const MYSQL_NEEDS = ['MYSQL_ROOT_PASSWORD', 'MYSQL_ALLOW_EMPTY_PASSWORD', 'MYSQL_RANDOM_ROOT_PASSWORD'];

const MYSQL: DaemonOptions = {
  ports: [3_306, 33_060],
  newest: '9.4.0',
  needs: {
    oneOf: MYSQL_NEEDS,
    complaint: `[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified\n    You need to specify one of the following as an environment variable:\n${MYSQL_NEEDS.map((name) => `    - ${name}`).join('\n')}`,
  },
  lines: (version) => [
    `[Entrypoint]: Entrypoint script for MySQL Server ${version} started.`,
    `[System] [Server] /usr/sbin/mysqld: ready for connections. Version: '${version}'  socket: '/var/run/mysqld/mysqld.sock'  port: 3306  MySQL Community Server - GPL.`,
  ],
  farewell: ['[System] [Server] /usr/sbin/mysqld: Shutdown complete.'],
  idle: { cpuMilli: 8, memoryMiB: 110 },
};

const MARIADB: DaemonOptions = {
  ...MYSQL,
  ports: [3_306],
  newest: '12.0.2',
  needs: {
    oneOf: [
      ...MYSQL_NEEDS,
      ...MYSQL_NEEDS.map((name) => name.replace('MYSQL', 'MARIADB')),
      'MARIADB_ROOT_PASSWORD_HASH',
    ],
    complaint:
      '[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified\n\tYou need to specify one of MARIADB_ROOT_PASSWORD, MARIADB_ROOT_PASSWORD_HASH, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD and MARIADB_RANDOM_ROOT_PASSWORD',
  },
  lines: (version) => [`[Note] mariadbd: ready for connections. Version: '${version}-MariaDB'  port: 3306`],
  farewell: ['[Note] mariadbd: Shutdown complete'],
};

const POSTGRES: DaemonOptions = {
  ports: [5_432],
  newest: '17.6',
  needs: {
    oneOf: ['POSTGRES_PASSWORD', 'POSTGRES_HOST_AUTH_METHOD', 'POSTGRES_PASSWORD_FILE'],
    complaint:
      'Error: Database is uninitialized and superuser password is not specified.\n       Set POSTGRES_PASSWORD to something that is not empty, or POSTGRES_HOST_AUTH_METHOD=trust to allow all connections without a password.',
  },
  lines: (version) => [
    `LOG:  starting PostgreSQL ${version} on x86_64-pc-linux-gnu`,
    'LOG:  listening on IPv4 address "0.0.0.0", port 5432',
    'LOG:  database system is ready to accept connections',
  ],
  farewell: ['LOG:  received smart shutdown request', 'LOG:  database system is shut down'],
  idle: { cpuMilli: 3, memoryMiB: 40 },
};

const MONGO: DaemonOptions = {
  ports: [27_017],
  newest: '8.0.13',
  lines: (version) => [
    `{"s":"I","c":"CONTROL","id":23403,"ctx":"initandlisten","msg":"Build Info","attr":{"version":"${version}"}}`,
    '{"s":"I","c":"NETWORK","id":23016,"ctx":"listener","msg":"Waiting for connections","attr":{"port":27017,"ssl":"off"}}',
  ],
  idle: { cpuMilli: 8, memoryMiB: 120 },
};

/** What a Java server exits with when TERM has stopped its virtual machine. */
const JAVA_ENDINGS = { SIGTERM: 143, SIGINT: 130 };

const ZOOKEEPER: DaemonOptions = {
  ports: [2_181, 2_888, 3_888],
  newest: '3.9.4',
  lines: (version) => [
    'ZooKeeper JMX enabled by default',
    `[main] INFO  Server environment:zookeeper.version=${version}`,
    '[main] INFO  binding to port 0.0.0.0/0.0.0.0:2181',
  ],
  endings: JAVA_ENDINGS,
  idle: { cpuMilli: 4, memoryMiB: 90 },
};

const KAFKA: DaemonOptions = {
  ports: [9_092],
  newest: '4.1.0',
  lines: (version) => [
    `INFO Kafka version: ${version} (org.apache.kafka.common.utils.AppInfoParser)`,
    'INFO [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)',
  ],
  endings: JAVA_ENDINGS,
  idle: { cpuMilli: 12, memoryMiB: 340 },
};

const ELASTICSEARCH: DaemonOptions = {
  ports: [9_200, 9_300],
  http: {
    9200: ({ target }) => {
      const body = target.startsWith('/_cluster/health')
        ? { cluster_name: 'docker-cluster', status: 'green', number_of_nodes: 1 }
        : { cluster_name: 'docker-cluster', tagline: 'You Know, for Search' };
      return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    },
  },
  newest: '9.1.3',
  lines: (version) => [`{"log.level": "INFO", "message":"started", "elasticsearch.version":"${version}"}`],
  endings: JAVA_ENDINGS,
  idle: { cpuMilli: 15, memoryMiB: 900 },
};

const RABBITMQ: DaemonOptions = {
  ports: [5_672, 15_672, 25_672],
  newest: '4.1.3',
  lines: (version) => [`Starting RabbitMQ ${version}`, 'Server startup complete; 4 plugins started.'],
  idle: { cpuMilli: 6, memoryMiB: 110 },
};

const MEMCACHED: DaemonOptions = {
  ports: [11_211],
  newest: '1.6.39',
  lines: () => [],
  idle: { cpuMilli: 1, memoryMiB: 3 },
};

const CASSANDRA: DaemonOptions = {
  ports: [7_000, 9_042],
  newest: '5.0.5',
  lines: () => [
    'INFO  [main] Startup complete',
    'INFO  [main] Starting listening for CQL clients on /0.0.0.0:9042 (unencrypted)...',
  ],
  endings: JAVA_ENDINGS,
  idle: { cpuMilli: 20, memoryMiB: 700 },
};

const ETCD: DaemonOptions = {
  ports: [2_379, 2_380],
  http: {
    2379: ({ target }) =>
      target.startsWith('/health')
        ? {
            status: 200,
            headers: { 'content-type': 'application/json' },
            body: '{"health":"true","reason":""}',
          }
        : { status: 404, body: '404 page not found\n' },
  },
  grpcHealth: { 2379: (service) => (service === '' ? 'SERVING' : undefined) },
  newest: '3.6.4',
  lines: (version) => [
    `{"level":"info","msg":"starting an etcd server","etcd-version":"${version}"}`,
    '{"level":"info","msg":"ready to serve client requests"}',
  ],
  idle: { cpuMilli: 10, memoryMiB: 30 },
};

const redis: ImageProfile = {
  entrypoint: ['docker-entrypoint.sh'],
  cmd: ['redis-server'],
  workingDir: '/data',
  commands: 'all',
  sizeMiB: 43,
  idle: { cpuMilli: 3, memoryMiB: 7 },
  programs: {
    'redis-server': async (image) => (await import('./redis.ts')).redisServer(image),
    'redis-cli': async () => (await import('./redis.ts')).redisCli,
  },
};

const cassandra = server('cassandra', 130, CASSANDRA);
const kafka = server('kafka', 350, KAFKA);

export const DATABASES: Readonly<Record<string, ImageProfile>> = {
  redis,
  valkey: redis,
  'redis-slave': redis,
  'gb-redis-follower': redis,
  'gb-redisslave': redis,
  mysql: server('mysqld', 240, MYSQL),
  mariadb: server('mariadbd', 115, MARIADB),
  postgres: server('postgres', 155, POSTGRES),
  mongo: server('mongod', 280, MONGO),
  zookeeper: server('zkServer.sh', 120, ZOOKEEPER),
  'kubernetes-zookeeper': server('start-zookeeper', 120, ZOOKEEPER, {
    entrypoint: [],
    cmd: ['start-zookeeper'],
  }),
  kafka,
  'apache/kafka': kafka,
  'confluentinc/cp-kafka': kafka,
  'wurstmeister/kafka': kafka,
  elasticsearch: server('eswrapper', 620, ELASTICSEARCH),
  'elasticsearch/elasticsearch': server('eswrapper', 620, ELASTICSEARCH),
  rabbitmq: server('rabbitmq-server', 105, RABBITMQ, { tags: /^(?:management|alpine)/ }),
  memcached: server('memcached', 30, MEMCACHED),
  cassandra,
  etcd: server('etcd', 22, ETCD, { entrypoint: [], cmd: ['etcd'], commands: 'none' }),
  'coreos/etcd': server('etcd', 22, ETCD, { entrypoint: [], cmd: ['etcd'], commands: 'none' }),
};
