/** Flags for the Node processes of a cluster, in one place because they were chosen together by measuring. */

/** For the services. */
export const SERVICE_NODE_FLAGS: readonly string[] = [];

/** For the supervisor, which does next to nothing and should take next to no memory. */
export const SUPERVISOR_NODE_FLAGS: readonly string[] = ['--max-semi-space-size=1', '--single-threaded-gc'];
