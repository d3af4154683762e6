/** `which`: where the programs named are. */

import { command } from './command.ts';

export const which = command(async (self) => {
  const { files, env } = self.process;
  let status = 0;
  for (const name of self.args.filter((each) => !each.startsWith('-'))) {
    const directories = (env.get('PATH') ?? '/usr/local/bin:/usr/bin:/bin').split(':');
    const inFiles = name.includes('/') ? [name] : directories.map((directory) => `${directory}/${name}`);
    let path = inFiles.find((each) => files.exists(each) && (files.stat(each).mode & 0o111) !== 0);
    if (path === undefined && (await self.wait(self.process.findProgram(name))) !== undefined)
      path = `/bin/${name}`;
    if (path === undefined) status = 1;
    else await self.print(`${path}\n`);
  }
  return status;
});
