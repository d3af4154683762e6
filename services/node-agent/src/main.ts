import { runService } from '@orrery/kit/service.ts';
import { startNodeAgent } from './agent.ts';
import { loadConfig } from './config.ts';

await runService({ name: 'node-agent', config: loadConfig, start: startNodeAgent });
