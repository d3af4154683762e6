/** The only place of the CLI that reads the environment. */

/** Colours on standard output: only for a terminal, and not against the user's wish (https://no-color.org). */
export function wantsColour(): boolean {
  return process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '';
}

/** The directories in which programs are looked for, in order. */
export function programDirectories(): string[] {
  const listed = (process.env['PATH'] ?? '').split(':').filter((directory) => directory !== '');
  // Debian puts nats-server into /usr/sbin, which is not on the PATH of ordinary users.
  const customary = ['/usr/local/bin', '/usr/bin', '/usr/local/sbin', '/usr/sbin', '/opt/homebrew/bin'];
  return [...new Set([...listed, ...customary])];
}

const USER_SETTINGS: ReadonlySet<string> = new Set([
  'ORRERY_LOG_LEVEL',
  'ORRERY_CHAOS_ROUNDS',
  'ORRERY_CHAOS_SEED',
  'ORRERY_PROPERTY_SEED',
]);

/**
 * The environment of a child process: the user's own, without variables that configure services
 * (one left over in a shell must not change the cluster), and with `extra`. How much is logged
 * and what tests try is for the user to say.
 */
export function childEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value === undefined) continue;
    if (name.startsWith('ORRERY_') && !USER_SETTINGS.has(name)) continue;
    environment[name] = value;
  }
  return { ...environment, ...extra };
}
