/**
 * node:http without its WebSocket client. An import statement makes Node evaluate every export of
 * a module, also those that are meant to load late: here undici, which costs a start 70 ms of CPU
 * and every process 7 MiB (Node 24.21, 2026-11-25). Types may be imported from node:http.
 */
export const { createServer, get, request, ServerResponse } = process.getBuiltinModule('node:http');
export type ServerResponse = InstanceType<typeof ServerResponse>;
