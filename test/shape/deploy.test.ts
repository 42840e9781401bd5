import { randomBytes } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const KEY = randomBytes(32).toString('base64');

interface Container {
  env: { name: string }[];
  ports: { name: string; containerPort: number }[];
  livenessProbe: { httpGet: { path: string; port: string } };
  readinessProbe: { httpGet: { path: string; port: string } };
  securityContext: Record<string, unknown>;
  volumeMounts: { mountPath: string }[];
}
interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: Record<string, unknown>;
}

const manifests = globSync('deploy/kubernetes/*.yaml', { cwd: root })
  .filter((path) => !/(kustomization|symbolon)\.yaml$/.test(path))
  .flatMap((path) => parseAllDocuments(read(path)).map((one) => one.toJS() as Manifest));
const find = (kind: string) => manifests.find((one) => one.kind === kind) as Manifest;
const pod = (
  find('Deployment').spec as {
    template: { spec: { containers: Container[]; securityContext: Record<string, unknown> } };
  }
).template.spec;
const container = pod.containers[0] as Container;

/** The words of a Dockerfile instruction in exec form; the last one counts. */
function instruction(name: string): string[] {
  const lines = [...read('deploy/Dockerfile').matchAll(new RegExp(`^${name} (\\[.*\\])$`, 'gm'))];
  return JSON.parse(lines.at(-1)?.[1] ?? '[]') as string[];
}

describe('the files for deployment', () => {
  it('carry a configuration that the service accepts, with the variables that they set', () => {
    const variables = {
      PUBLIC_URL: 'https://identity.example.com',
      SITE_ORIGIN: 'https://www.example.com',
      SYMBOLON_KEY: KEY,
      ADMIN_TOKEN: 'a-token-of-more-than-24-characters',
      DATABASE_URL: 'postgres://symbolon:x@postgres/symbolon',
      REDIS_URL: 'redis://:x@redis',
    };
    const file = join(root, 'deploy/kubernetes/symbolon.yaml');
    const { config } = loadConfig({ file, environment: readEnvironment(variables) });
    expect(config.ops.port).toBe(8082);
    expect(container.ports.map((port) => port.containerPort)).toEqual([config.listen.port, config.ops.port]);
    const named = [...read('deploy/kubernetes/symbolon.yaml').matchAll(/\$\{(\w+)\}/g)].map((one) => one[1]);
    const given = container.env.map((one) => one.name);
    expect(named.filter((name) => !given.includes(name as string))).toEqual([]);
    const env = [...read('deploy/example.env').matchAll(/^(\w+)=/gm)].map((one) => one[1]);
    expect(named.filter((name) => !env.includes(name as string))).toEqual([]);
  });

  it('let the process write nowhere but its data and temporary folders, as an ordinary user', () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    const { services } = parse(read('deploy/compose.yaml')) as {
      services: { symbolon: Record<string, unknown> };
    };
    expect(services.symbolon).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
    const dockerfile = read('deploy/Dockerfile');
    const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
    expect(last).toMatch(/^USER node$/m);
    expect(last.indexOf('USER node')).toBeGreaterThan(last.lastIndexOf('RUN '));
  });

  it('ask for health where it is answered, and keep the administrator’s listener inside', () => {
    expect(container.livenessProbe.httpGet).toEqual({ path: '/health/live', port: 'ops' });
    expect(container.readinessProbe.httpGet).toEqual({ path: '/health/ready', port: 'ops' });
    const exposed = manifests
      .filter((one) => one.kind === 'Service')
      .flatMap((one) =>
        (one.spec as { ports: { targetPort: string }[] }).ports.map((port) => port.targetPort),
      );
    expect(exposed).toEqual(['http', 'ops']);
    expect(read('deploy/compose.yaml')).not.toContain('8081');
  });

  it('keep the cloud’s metadata address out of reach', () => {
    const rules = JSON.stringify(find('NetworkPolicy').spec);
    expect(rules).toContain('169.254.0.0/16');
    expect(rules).toContain('fe80::/10');
  });

  it('select each other by one label', () => {
    const label = { 'app.kubernetes.io/name': 'symbolon' };
    for (const kind of ['Deployment', 'PodDisruptionBudget', 'NetworkPolicy', 'Service']) {
      const spec = find(kind).spec as { selector?: object; podSelector?: object };
      const selector = spec.selector ?? spec.podSelector;
      expect(JSON.stringify(selector)).toContain(JSON.stringify(label).slice(1, -1));
    }
  });

  it('start the launcher that a package carries, with a command it has', () => {
    const [program, memory, launcher, ...rest] = instruction('ENTRYPOINT');
    expect([program, memory, launcher, ...rest]).toEqual([
      'node',
      '--max-semi-space-size=8',
      '/app/bin/symbolon.mjs',
    ]);
    expect(instruction('CMD')).toEqual(['serve']);
    const copied = [...read('deploy/Dockerfile').matchAll(/^COPY --from=build (.+) (\S+)$/gm)].flatMap(
      (one) => (one[1] as string).split(' ').map((path) => path.replace('/build/', '')),
    );
    const { files } = JSON.parse(read('package.json')) as { files: string[] };
    const carried = (path: string) => copied.some((one) => path === one || path.startsWith(`${one}/`));
    expect(files.filter((path) => !path.startsWith('demo/') && !carried(path))).toEqual([]);
  });
});

describe('the JSON Schema of the configuration', () => {
  const ajv = new Ajv2020({ strict: false });
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  const accepts = ajv.compile(configJsonSchema());

  it('accepts what is shipped as an example, placeholders included', () => {
    const shipped = ['symbolon.example.yaml', 'deploy/kubernetes/symbolon.yaml'];
    expect(shipped.filter((path) => !accepts(parse(read(path))))).toEqual([]);
    expect(accepts({ public_url: 'https://id.example.com', listen: { port: '${PORT}' } })).toBe(true);
  });

  it('refuses a misspelt name, a wrong type and a file without an address', () => {
    const base = { public_url: 'https://id.example.com' };
    expect(accepts({ ...base, chanels: [] })).toBe(false);
    expect(accepts({ ...base, listen: { port: 'eighty' } })).toBe(false);
    expect(accepts({ listen: { port: 80 } })).toBe(false);
  });

  it('reads no file and no variable', () => {
    const before = process.cwd();
    process.chdir(mkdtempSync(join(tmpdir(), 'symbolon-schema-')));
    try {
      expect(configJsonSchema()).toHaveProperty('properties.channels');
    } finally {
      process.chdir(before);
    }
  });
});
