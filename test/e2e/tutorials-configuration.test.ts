/** Pages of the Kubernetes documentation on what containers are told: configuration, secrets, environment, themselves. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tutorial } from '../support/tutorial.ts';

/** Mounted files follow their objects after a sync period of a minute: six seconds. */
const SPEED = 10;

let tutorial: Tutorial;

beforeAll(async () => {
  tutorial = await Tutorial.open({ nodes: 3, speed: SPEED });
});
afterAll(() => tutorial.close());

const type = (line: string): Promise<string> => tutorial.type(line);

/** What a pod that ends by itself printed. The pod is deleted, since the pages use its name again. */
async function outputOf(manifest: string, pod = 'dapi-test-pod'): Promise<string> {
  await type(`kubectl create -f ${manifest}`);
  await tutorial.until(pod, 'phase', 'Succeeded');
  const printed = await type(`kubectl logs ${pod}`);
  await type(`kubectl delete pod ${pod} --now`);
  return printed;
}

describe.concurrent('"Configure a Pod to Use a ConfigMap"', () => {
  const FILES = 'configure-pod-container/configmap';

  it('creates them from a directory, files, environment files and literals', async () => {
    await type(`kubectl create configmap game-config --from-file=${FILES}/`);
    const described = await type('kubectl describe configmaps game-config');
    expect(described).toContain('game.properties:\n----\nenemies=aliens\nlives=3\n');
    expect(described).toContain('ui.properties:\n----\ncolor.good=purple\n');
    await type(
      `kubectl create configmap game-config-3 --from-file=game-special-key=${FILES}/game.properties`,
    );
    expect(await type('kubectl get configmaps game-config-3 -o yaml')).toContain(
      'data:\n  game-special-key: |\n    enemies=aliens\n',
    );
    await type(
      'kubectl create configmap game-config-env-file --from-env-file=configmap/game-env-file.properties',
    );
    expect(await type('kubectl get configmap game-config-env-file -o yaml')).toContain(
      'data:\n  allowed: \'"true"\'\n  enemies: aliens\n  lives: "3"\n',
    );
  });

  it('gives their values to containers: as variables, in commands, as files', async () => {
    await type('kubectl create -f configmap/configmaps.yaml');
    expect(await outputOf('pods/pod-single-configmap-env-variable.yaml')).toMatch(
      /^SPECIAL_LEVEL_KEY=very$/m,
    );
    const both = await outputOf('pods/pod-multiple-configmap-env-variable.yaml');
    expect(both).toMatch(/^SPECIAL_LEVEL_KEY=very$/m);
    expect(both).toMatch(/^LOG_LEVEL=INFO$/m);
    await type('kubectl replace -f configmap/configmap-multikeys.yaml');
    const all = await outputOf('pods/pod-configmap-envFrom.yaml');
    expect(all).toMatch(/^SPECIAL_LEVEL=very$/m);
    expect(all).toMatch(/^SPECIAL_TYPE=charm$/m);
    expect(await outputOf('pods/pod-configmap-env-var-valueFrom.yaml')).toBe('very charm\n');
    expect(await outputOf('pods/pod-configmap-volume.yaml')).toBe('SPECIAL_LEVEL\nSPECIAL_TYPE\n');
    expect(await outputOf('pods/pod-configmap-volume-specific-key.yaml')).toBe('very');
    expect(await outputOf('pods/pod-configmap-optional.yaml')).toBe('level=\nend\n');
  });

  it('holds back a container whose ConfigMap is not there, until it is', async () => {
    await type('kubectl create namespace late');
    await type(
      "sed '/namespace:/d' pods/pod-single-configmap-env-variable.yaml | kubectl create -n late -f -",
    );
    await tutorial.untilPrinted(
      'kubectl get pod dapi-test-pod -n late',
      /^dapi-test-pod +0\/1 +CreateContainerConfigError +0 /m,
    );
    await tutorial.untilEvents(
      'dapi-test-pod -n late',
      'Warning Failed Error: configmap "special-config" not found',
    );
    await type('kubectl create configmap special-config -n late --from-literal=special.how=very');
    await tutorial.until('dapi-test-pod -n late', 'phase', 'Succeeded');
    expect(await type('kubectl logs dapi-test-pod -n late')).toMatch(/^SPECIAL_LEVEL_KEY=very$/m);
  });

  it('keeps one that is immutable as it is', async () => {
    await type('kubectl apply -f configmap/immutable.yaml');
    const change = `kubectl patch configmap company-name-20150801 -p '{"data":{"company_name":"Fiktivesunternehmen"}}'`;
    await expect(type(change)).rejects.toThrow('data: Forbidden: field is immutable when `immutable` is set');
  });
});

describe.concurrent('"Updating Configuration via a ConfigMap"', () => {
  it('reaches the files of running pods, which go on', async () => {
    await type('kubectl create configmap sport --from-literal=sport=football');
    await type('kubectl apply -f deployments/deployment-with-configmap-as-volume.yaml');
    await type('kubectl rollout status deployment/configmap-volume --timeout=60s');
    await tutorial.untilPrinted(
      'kubectl logs deployments/configmap-volume',
      /My preferred sport is football$/m,
    );
    await type(`kubectl patch configmap sport -p '{"data":{"sport":"cricket"}}'`);
    await tutorial.untilPrinted(
      'kubectl logs deployments/configmap-volume',
      /football\n[^\n]* My preferred sport is cricket$/m,
    );
    expect(await type('kubectl get pods -l app.kubernetes.io/name=configmap-volume')).not.toMatch(
      /Running +[1-9]/,
    );
  });
});

describe.concurrent('"Distribute Credentials Securely Using Secrets"', () => {
  it('makes them files and variables, decoded', async () => {
    await type('kubectl apply -f pods/inject/secret.yaml');
    const described = await type('kubectl describe secret test-secret');
    expect(described).toMatch(/^password: +12 bytes$/m);
    expect(described).toMatch(/^username: +6 bytes$/m);
    await type('kubectl apply -f pods/inject/secret-pod.yaml -f pods/inject/pod-secret-envFrom.yaml');
    await tutorial.untilReady('secret-test-pod envfrom-secret');
    expect(await type('kubectl exec secret-test-pod -- ls /etc/secret-volume')).toBe('password\nusername\n');
    expect(
      await type(
        `kubectl exec secret-test-pod -- sh -c 'for each in username password; do cat /etc/secret-volume/$each; echo; done'`,
      ),
    ).toBe('my-app\n39528$vdg7Jb\n');
    expect(
      await type(
        `kubectl exec -i -t envfrom-secret -- /bin/sh -c 'echo "username: $username\\npassword: $password\\n"'`,
      ),
    ).toContain('username: my-app\npassword: 39528$vdg7Jb\n');
    await expect(type('kubectl exec secret-test-pod -- touch /etc/secret-volume/new')).rejects.toThrow(
      'Read-only file system',
    );
  });

  it('projects keys to paths, with modes', async () => {
    await type('kubectl create secret generic mode-secret --from-literal=username=my-app');
    await type('sed s/test-secret/mode-secret/ pods/inject/secret-items-pod.yaml | kubectl create -f -');
    await tutorial.untilReady('mypod');
    expect(await type('kubectl exec mypod -- cat /etc/foo/my-group/my-username')).toBe('my-app');
    expect(await type('kubectl exec mypod -- ls /etc/foo')).toBe('my-group\n');
    await type('kubectl delete pod mypod --now');
    await type('sed s/test-secret/mode-secret/ pods/inject/secret-mode-pod.yaml | kubectl create -f -');
    await tutorial.untilReady('mypod');
    expect(await type('kubectl exec mypod -- ls -lL /etc/foo')).toMatch(/^-r-------- .* username$/m);
  });

  it('takes variables from several', async () => {
    await type(
      "kubectl create secret generic backend-user --from-literal=backend-username='backend-admin' && " +
        "kubectl create secret generic db-user --from-literal=db-username='db-admin'",
    );
    await type('kubectl create -f pods/inject/pod-multiple-secret-env-variable.yaml');
    await tutorial.untilReady('envvars-multiple-secrets');
    const printed = await type(
      `kubectl exec -i -t envvars-multiple-secrets -- /bin/sh -c 'env | grep _USERNAME'`,
    );
    expect(printed.split(/\r?\n/).toSorted()).toEqual([
      '',
      'BACKEND_USERNAME=backend-admin',
      'DB_USERNAME=db-admin',
    ]);
  });

  it('hides a file whose name begins with a dot from ls, but not from ls -a', async () => {
    await type('kubectl create -f secret/dotfile-secret.yaml');
    await tutorial.untilRestarts('secret-dotfiles-pod', 1);
    expect(await type('kubectl logs secret-dotfiles-pod --previous')).toBe('total 0\n');
    await type(
      `sed 's/-l\\b/-la/; s/secret-dotfiles-pod/all-dotfiles/' secret/dotfile-secret.yaml | kubectl apply -f -`,
    );
    await tutorial.untilRestarts('all-dotfiles', 1);
    expect(await type('kubectl logs all-dotfiles --previous')).toMatch(
      / \.secret-file -> \.\.data\/\.secret-file$/m,
    );
  });
});

describe.concurrent('"Expose Pod Information to Containers"', () => {
  it('as environment variables: fields of the pod', async () => {
    await type('kubectl apply -f pods/inject/dapi-envars-pod.yaml');
    await tutorial.untilReady('dapi-envars-fieldref');
    const { spec, status } = await tutorial.pod('dapi-envars-fieldref');
    const expected = `\n${spec.nodeName}\ndapi-envars-fieldref\ndefault\n${status?.podIP}\ndefault\n`;
    await tutorial.untilPrinted('kubectl logs dapi-envars-fieldref', new RegExp(`^${expected}`));
    expect(await type('kubectl exec -it dapi-envars-fieldref -- sh -c printenv')).toMatch(
      /^MY_POD_NAME=dapi-envars-fieldref$/m,
    );
  });

  it('as environment variables: fields of the container', async () => {
    await type('kubectl apply -f pods/inject/dapi-envars-container.yaml');
    await tutorial.untilPrinted('kubectl logs dapi-envars-resourcefieldref', /^\n1\n1\n33554432\n67108864\n/);
  });

  it('through files: labels and annotations, which are followed', async () => {
    const pod = 'kubernetes-downwardapi-volume-example';
    await type('kubectl apply -f pods/inject/dapi-volume.yaml');
    await tutorial.untilPrinted(
      `kubectl logs ${pod}`,
      /^\n\ncluster="test-cluster1"\nrack="rack-22"\nzone="us-est-coast"\n\nbuild="two"\nbuilder="john-doe"\n/,
    );
    const listed = await type(`kubectl exec ${pod} -- ls -laR /etc/podinfo`);
    expect(listed).toMatch(/ \.\.data -> \.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.\d+$/m);
    expect(listed).toMatch(/ labels -> \.\.data\/labels$/m);
    expect(listed).toMatch(/^\/etc\/podinfo\/\.\.\d{4}_[^:]*:\n/m);
    await type(`kubectl label pod ${pod} rack=rack-23 --overwrite`);
    await tutorial.untilPrinted(`kubectl exec ${pod} -- cat /etc/podinfo/labels`, /^rack="rack-23"$/m);
    expect(await type(`kubectl exec ${pod} -- ls -la /etc/podinfo`)).not.toContain(
      / (\.\.\d{4}_\S+)$/m.exec(listed)![1],
    );
  });

  it('through files: resources of the container', async () => {
    const pod = 'kubernetes-downwardapi-volume-example-2';
    await type('kubectl apply -f pods/inject/dapi-volume-resources.yaml');
    await tutorial.untilReady(pod);
    const read = `cd /etc/podinfo && for each in *; do echo "$each $(cat $each)"; done`;
    expect(await type(`kubectl exec ${pod} -- sh -c '${read}'`)).toBe(
      'cpu_limit 250\ncpu_request 125\nmem_limit 64\nmem_request 32\n',
    );
  });
});

describe.concurrent('"Configure a Pod to Use a Projected Volume for Storage"', () => {
  it('puts several sources into one directory', async () => {
    await type('mkdir -p $HOME; printf admin > $HOME/username.txt; printf 1f2d1e2e67df > $HOME/password.txt');
    await type('kubectl create secret generic user --from-file=username.txt=$HOME/username.txt');
    await type('kubectl create secret generic pass --from-file=password.txt=$HOME/password.txt');
    await type('kubectl create secret generic mysecret --from-literal=username=me');
    await type('kubectl create configmap myconfigmap --from-literal=config=on');
    await type(
      'kubectl create -f pods/storage/projected.yaml -f pods/storage/projected-secret-downwardapi-configmap.yaml',
    );
    await tutorial.untilReady('test-projected-volume volume-test');
    expect(await type('kubectl exec test-projected-volume -- ls /projected-volume/')).toBe(
      'password.txt\nusername.txt\n',
    );
    expect(await type('kubectl exec test-projected-volume -- cat /projected-volume/password.txt')).toBe(
      '1f2d1e2e67df',
    );
    const look = 'cd /projected-volume; ls . my-group; cat my-group/my-username my-group/my-config';
    expect(await type(`kubectl exec volume-test -- sh -c '${look}'`)).toBe(
      '.:\ncpu_limit\nlabels\nmy-group\n\nmy-group:\nmy-config\nmy-username\nmeon',
    );
  });
});

describe.concurrent('"Define Environment Variables" and commands "for a Container"', () => {
  it('sets what the pod says, beside what the image and the cluster do', async () => {
    await type('kubectl apply -f pods/inject/envars.yaml');
    await tutorial.untilReady('envar-demo');
    expect(await type('kubectl get pods -l purpose=demonstrate-envars')).toMatch(
      /^envar-demo +1\/1 +Running +0 /m,
    );
    const printed = (await type('kubectl exec envar-demo -- printenv')).split('\n');
    expect(printed).toEqual(
      expect.arrayContaining([
        'HOSTNAME=envar-demo',
        'DEMO_GREETING=Hello from the environment',
        'DEMO_FAREWELL=Such a sweet sorrow',
        'KUBERNETES_SERVICE_HOST=10.96.0.1',
      ]),
    );
  });

  it('expands references to variables that come before', async () => {
    await type('kubectl apply -f pods/inject/dependent-envars.yaml');
    await tutorial.untilPrinted(
      'kubectl logs pod/dependent-envars-demo',
      /^\nUNCHANGED_REFERENCE=\$\(PROTOCOL\):\/\/172\.17\.0\.1:80\nSERVICE_ADDRESS=https:\/\/172\.17\.0\.1:80\nESCAPED_REFERENCE=\$\(PROTOCOL\):\/\/172\.17\.0\.1:80\n/,
    );
  });

  it('runs the command with its arguments', async () => {
    expect(await outputOf('pods/commands.yaml', 'command-demo')).toBe('command-demo\ntcp://10.96.0.1:443\n');
  });
});

describe('"Configure Service Accounts for Pods"', () => {
  const claimsOf = (token: string): { aud: string[]; sub: string; iat: number; exp: number } =>
    JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as ReturnType<typeof claimsOf>;
  const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

  beforeAll(async () => {
    await type('kubectl create serviceaccount build-robot');
    await type('kubectl create -f pods/pod-projected-svc-token.yaml');
    await tutorial.untilReady('nginx-token');
  });

  it('projects a token for whom and as long as the pod says', async () => {
    const claims = claimsOf(
      await type('kubectl exec nginx-token -- cat /var/run/secrets/tokens/vault-token'),
    );
    expect(claims).toMatchObject({ aud: ['vault'], sub: 'system:serviceaccount:default:build-robot' });
    expect(claims.exp - claims.iat).toBe(7_200);
  });

  it('lets the container into the cluster’s API', async () => {
    expect(await type(`kubectl exec nginx-token -- cat ${MOUNT}/namespace`)).toBe('default');
    expect(await type(`kubectl exec nginx-token -- head -1 ${MOUNT}/ca.crt`)).toBe(
      '-----BEGIN CERTIFICATE-----\n',
    );
    const read = (file: string): string => `kubectl exec nginx-token -- cat ${MOUNT}/${file}`;
    await type(`${read('ca.crt')} > $HOME/ca.crt && ${read('token')} > $HOME/token`);
    const server = await type("kubectl config view -o jsonpath='{.clusters[0].cluster.server}'");
    const inside = `kubectl --kubeconfig=/dev/null --server=${server} --certificate-authority=$HOME/ca.crt`;
    expect(await type(`${inside} --token=$(cat $HOME/token) auth whoami`)).toMatch(
      /^Username +system:serviceaccount:default:build-robot$/m,
    );
  });

  it('puts a new token in place of the old one before that ends', async () => {
    const now = (): Promise<string> => type(`kubectl exec nginx-token -- cat ${MOUNT}/token`);
    const linkOf = async (): Promise<string> =>
      / (\.\.\d{4}_\S+)$/m.exec(await type(`kubectl exec nginx-token -- ls -la ${MOUNT}`))![1]!;
    const [token, link] = [await now(), await linkOf()];
    await tutorial.cluster.orreryOk('clock', '600');
    await tutorial.untilPrinted(
      `kubectl exec nginx-token -- ls -la ${MOUNT}`,
      new RegExp(`^(?!.*${link})`, 's'),
    );
    const next = await now();
    expect(next).not.toBe(token);
    expect(claimsOf(next).iat).toBeLessThan(claimsOf(token).exp);
  });
});
