import { controllersWork, runLeaderService } from '@orrery/controller/leader-service.ts';
import { loadConfig } from './config.ts';
import { horizontalPodAutoscaler } from './index.ts';

await runLeaderService({
  name: 'hpa',
  config: loadConfig,
  build: (context) => controllersWork([horizontalPodAutoscaler(context)], context),
});
