/** The Apache HTTP server: serves the files of the container on port 80. */

import type { HttpHandler } from '../../network/network.ts';
import type { Program } from '../process.ts';
import type { ImageName } from './image-name.ts';
import { serve } from './server.ts';
import { accessLine, serveFile, type StaticSite } from './static-files.ts';
import { versionOf } from './version.ts';

/** `root` is where the image has its pages. */
export function httpd(root: string): (image: ImageName) => Program {
  return (image) => {
    const version = versionOf(image, '2.4.65');
    const site: StaticSite = {
      root,
      server: `Apache/${version} (Unix)`,
      errorPage: (status, reason) =>
        `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>${status} ${reason}</title>\n</head><body>\n<h1>${reason}</h1>\n</body></html>\n`,
    };
    return (process) => {
      const http: HttpHandler = async (request) => {
        const response = serveFile(process.files, site, request);
        await process.stdout.write(`${accessLine(request, response, process.clock.now())}\n`);
        return response;
      };
      const notice = (id: string, text: string): string =>
        `[${new Date(process.clock.now()).toUTCString().replace(/ GMT$/, '')}] [mpm_event:notice] [pid ${process.pid}:tid ${process.pid}] ${id}: ${text}`;
      return serve(process, {
        ports: [[80, { http }]],
        stream: 'stderr',
        lines: [notice('AH00489', `Apache/${version} (Unix) configured -- resuming normal operations`)],
        endings: { SIGTERM: 0, SIGWINCH: 0, SIGINT: 0 },
        farewell: (signal) => [
          signal === 'SIGWINCH'
            ? notice('AH00492', 'caught SIGWINCH, shutting down gracefully')
            : notice('AH00491', 'caught SIGTERM, shutting down'),
        ],
        idle: { cpuMilli: 1, memoryMiB: 6 },
        portTaken: (port, reason) =>
          `(98)${reason}: AH00072: make_sock: could not bind to address 0.0.0.0:${port}`,
      });
    };
  };
}
