/** Servers of which nothing is simulated but that they start, listen and stop. */

import type { GrpcHealth, HttpHandler, PortService } from '../../network/network.ts';
import type { Process, Program, Signal } from '../process.ts';
import type { ImageName } from './image-name.ts';
import type { Idle } from './profile.ts';
import { serve, SILENT } from './server.ts';
import { versionOf } from './version.ts';

export interface DaemonOptions {
  /** What listens on its ports. */
  ports: readonly number[];
  /** What answers on those of its ports that speak HTTP. */
  http?: Readonly<Record<number, HttpHandler>>;
  /** What answers health checks, on those of its ports that speak gRPC. */
  grpcHealth?: Readonly<Record<number, GrpcHealth>>;
  newest: string;
  /** What it prints when it is ready. */
  lines: (version: string, process: Process) => readonly string[];
  farewell?: readonly string[];
  /** At least one of these variables is needed, as the image's entrypoint asks; otherwise it says this and exits with 1. */
  needs?: { oneOf: readonly string[]; complaint: string };
  endings?: Partial<Record<Signal, number>>;
  idle: Idle;
}

export function daemon(options: DaemonOptions): (image: ImageName) => Program {
  const { ports, http = {}, grpcHealth = {}, newest, lines, farewell, needs, endings, idle } = options;
  const serviceOf = (port: number): PortService => {
    const health = grpcHealth[port];
    const service = http[port] === undefined ? SILENT : { http: http[port] };
    return health === undefined ? service : { ...service, grpcHealth: health };
  };
  return (image) => async (process) => {
    const { env } = process;
    if (needs !== undefined && !needs.oneOf.some((name) => env.has(name))) {
      await process.stderr.write(`${needs.complaint}\n`);
      return 1;
    }
    return serve(process, {
      ports: ports.map((port) => [port, serviceOf(port)]),
      lines: lines(versionOf(image, newest), process),
      ...(farewell === undefined ? {} : { farewell: () => farewell }),
      ...(endings === undefined ? {} : { endings }),
      idle,
    });
  };
}
