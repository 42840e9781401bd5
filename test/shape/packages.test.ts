import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const json = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'));

interface Manifest {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
}
interface LockedPackage {
  link?: boolean;
  integrity?: string;
  version?: string;
  dev?: boolean;
  hasInstallScript?: boolean;
}

const manifest = json('package.json') as Manifest;
const { packages } = json('package-lock.json') as { packages: Record<string, LockedPackage> };
const installed = Object.entries(packages).filter(
  ([path, one]) => path.startsWith('node_modules/') && !one.link,
);

describe('packages of others', () => {
  it('are asked for in exact versions, which are the locked ones', () => {
    const asked = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    const locked = asked.map(([name]) => [name, packages[`node_modules/${name}`]?.version]);
    expect(asked.length).toBeGreaterThan(20);
    expect(asked).toEqual(locked);
  });

  it('are locked by the hash of their content, every one', () => {
    expect(installed.length).toBeGreaterThan(100);
    const loose = installed.filter(([, one]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(one.integrity ?? ''));
    expect(loose.map(([path]) => path)).toEqual([]);
  });

  it('run no script at install in production, and only named ones in development', () => {
    const scripted = installed.filter(([, one]) => one.hasInstallScript);
    expect(scripted.filter(([, one]) => !one.dev).map(([path]) => path)).toEqual([]);
    const unnamed = scripted.map(([path]) => path.replace(/^.*node_modules\//, ''));
    expect(unnamed.filter((name) => manifest.allowScripts[name] === undefined)).toEqual([]);
    expect(readFileSync(join(root, '.npmrc'), 'utf8')).toMatch(/^strict-allow-scripts=true$/m);
  });
});
