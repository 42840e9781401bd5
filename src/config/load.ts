import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { StartRefused } from '../errors.ts';
import { isJsonObject } from '../platform/json-object.ts';
import { type Config, type ConfigInput, configSchema, sectionSchemas } from './config.ts';
import { readConfigFile, type SettingsTree } from './config-file.ts';
import { checkConsistency } from './consistency.ts';
import { type Environment, readEnvironment } from './environment.ts';
import type { ConsistencyContext, Finding } from './finding.ts';
import { type ConfigProblem, ConfigRefused } from './problems.ts';
import { resolveReferences } from './references.ts';
import { schemaProblems } from './schema-problems.ts';

/** A sound configuration, where it came from and what is unwise about it. */
export interface LoadedConfig {
  config: Config;
  /** Path of the file, or `undefined` when the environment alone configures. */
  file: string | undefined;
  warnings: readonly Finding[];
}

const DEFAULT_FILE = 'symbolon.yaml';

/** Which variable overrides which setting. */
const OVERRIDES = [
  {
    variable: 'PUBLIC_URL',
    section: 'public_url',
    setting: undefined,
    read: (env: Environment) => env.publicUrl,
  },
  { variable: 'PORT', section: 'listen', setting: 'port', read: (env: Environment) => env.port },
  {
    variable: 'DATABASE_URL',
    section: 'storage',
    setting: 'database_url',
    read: (env: Environment) => env.databaseUrl,
  },
  {
    variable: 'REDIS_URL',
    section: 'storage',
    setting: 'redis_url',
    read: (env: Environment) => env.redisUrl,
  },
  { variable: 'ADMIN_TOKEN', section: 'admin', setting: 'token', read: (env: Environment) => env.adminToken },
  { variable: 'LOG_LEVEL', section: 'log', setting: 'level', read: (env: Environment) => env.logLevel },
] as const;

/** Adds settings to a section; one that is not a group of settings stays as it is and is refused later. */
function setIn(tree: SettingsTree, section: string, settings: SettingsTree): void {
  const written = tree[section] ?? {};
  if (isJsonObject(written)) tree[section] = { ...written, ...settings };
}

/** Lays the variables over the file. Returns which setting now comes from which variable. */
function overlay(tree: SettingsTree, environment: Environment): Map<string, string> {
  const origins = new Map<string, string>();
  for (const { variable, section, setting, read } of OVERRIDES) {
    const value = read(environment);
    if (value === undefined) continue;
    origins.set(setting ? `${section}.${setting}` : section, variable);
    if (setting === undefined) tree[section] = value;
    else setIn(tree, section, { [setting]: value });
  }
  return origins;
}

/** Uses `SYMBOLON_KEY` or `SYMBOLON_KEY_FILE` when the file lists no key; a key that would be ignored is a problem. */
function overlayKey(tree: SettingsTree, environment: Environment, baseDir: string): ConfigProblem[] {
  const path = 'keys.encryption_keys';
  const { encryptionKey, encryptionKeyFile } = environment;
  if (encryptionKey === undefined && encryptionKeyFile === undefined) return [];
  if (encryptionKey !== undefined && encryptionKeyFile !== undefined) {
    return [{ path, problem: 'comes from both SYMBOLON_KEY and SYMBOLON_KEY_FILE', fix: 'Set one of them.' }];
  }
  const written = isJsonObject(tree['keys']) ? tree['keys']['encryption_keys'] : undefined;
  const reference = encryptionKey ?? `file:${encryptionKeyFile}`;
  const resolved = resolveReferences({ key: reference }, { lookup: () => undefined, baseDir });
  const key = encryptionKey ?? resolved.tree['key'];
  if (typeof key !== 'string') {
    return [
      {
        path,
        problem: 'comes from SYMBOLON_KEY_FILE, which cannot be read',
        fix: 'Check that the file exists and may be read by this user.',
      },
    ];
  }
  if (Array.isArray(written) && written.length > 0) {
    if (written.includes(key)) return [];
    return [
      {
        path,
        problem: 'does not hold the key of SYMBOLON_KEY',
        fix: 'Add ${SYMBOLON_KEY} to the list, or unset the variable.',
      },
    ];
  }
  setIn(tree, 'keys', { encryption_keys: [key] });
  return [];
}

/** Relative paths start at the folder of the configuration file. */
function withAbsolutePaths(config: Config, baseDir: string): Config {
  const { database_url } = config.storage;
  const path = /^file:(.*)$/.exec(database_url)?.[1];
  return {
    ...config,
    data_dir: resolve(baseDir, config.data_dir),
    storage: {
      ...config.storage,
      database_url:
        path === undefined || path === ':memory:' ? database_url : `file:${resolve(baseDir, path)}`,
    },
  };
}

/** Top-level settings that are not sound, and those that a misspelt name was probably meant to be. */
function brokenSections(problems: readonly ConfigProblem[]): Set<string> {
  const broken = new Set<string>();
  for (const { path, fix } of problems) {
    broken.add(/^[^.[]+/.exec(path)?.[0] ?? '');
    const meant = /^Did you mean "([^"]+)"/.exec(fix)?.[1];
    if (meant && !path.includes('.')) broken.add(meant);
  }
  return broken;
}

/** A configuration of the sound sections alone, for the rules that concern only them. */
function soundPart(tree: SettingsTree, broken: ReadonlySet<string>): Config | undefined {
  const kept: SettingsTree = { public_url: 'http://localhost' };
  for (const name of Object.keys(sectionSchemas)) {
    if (!broken.has(name) && tree[name] !== undefined) kept[name] = tree[name];
  }
  return configSchema.safeParse(kept).data;
}

interface Settings {
  tree: SettingsTree;
  /** What is already known to be wrong. */
  problems: readonly ConfigProblem[];
  /** Setting → variable that it came from. */
  origins: ReadonlyMap<string, string>;
  source: string;
  baseDir: string;
  context: ConsistencyContext;
}

function check({ tree, problems, origins, source, baseDir, context }: Settings): {
  config: Config;
  warnings: Finding[];
} {
  const parsed = configSchema.safeParse(tree);
  const known = new Set(problems.map((one) => one.path));
  const found = parsed.success
    ? []
    : schemaProblems(parsed.error.issues, configSchema, tree).filter((one) => !known.has(one.path));
  const all = [...problems, ...found];
  const broken = brokenSections(all);
  const config = parsed.data ?? soundPart(tree, broken);
  const findings = config ? checkConsistency(config, context, broken) : [];
  all.push(...findings.filter((one) => one.severity === 'refused'));
  if (all.length > 0 || !parsed.success) {
    const named = all.map((one) => {
      const variable = origins.get(one.path);
      return {
        path: variable ? `${one.path} (from ${variable})` : one.path,
        problem: one.problem,
        fix: one.fix,
      };
    });
    throw new ConfigRefused(source, named);
  }
  return {
    config: withAbsolutePaths(parsed.data, baseDir),
    warnings: findings.filter((one) => one.severity === 'warning'),
  };
}

/**
 * Checks a configuration that was made in code, without any file or environment variable.
 * Relative paths start at `baseDir`, by default the working directory. Throws `ConfigRefused`.
 */
export function parseConfig(
  input: ConfigInput,
  options: { baseDir?: string; production?: boolean } = {},
): Config {
  return check({
    tree: input,
    problems: [],
    origins: new Map(),
    source: 'The configuration',
    baseDir: options.baseDir ?? process.cwd(),
    context: { production: options.production ?? false },
  }).config;
}

/** The configuration file that would be read: `--config`, `SYMBOLON_CONFIG`, or `symbolon.yaml` when it is there. */
export function findConfigFile(
  options: { file?: string | undefined; environment?: Environment; cwd?: string } = {},
): string | undefined {
  const cwd = options.cwd ?? process.cwd();
  const named = options.file ?? (options.environment ?? readEnvironment()).configFile;
  if (named !== undefined) return resolve(cwd, named);
  const usual = resolve(cwd, DEFAULT_FILE);
  return existsSync(usual) ? usual : undefined;
}

/**
 * Reads file and environment into a sound configuration. Throws `ConfigRefused` with every problem at once; with
 * neither a file nor `DATABASE_URL` there is nothing to start from, which is `StartRefused` too.
 */
export function loadConfig(
  options: { file?: string | undefined; environment?: Environment; cwd?: string } = {},
): LoadedConfig {
  const environment = options.environment ?? readEnvironment();
  const file = findConfigFile({ ...options, environment });
  if (file === undefined && environment.databaseUrl === undefined) {
    throw new StartRefused(
      `Symbolon is not configured: there is neither ${DEFAULT_FILE} nor DATABASE_URL. Write a file with \`symbolon init\`, or try the demo with \`symbolon demo\`.`,
    );
  }
  const baseDir = file === undefined ? (options.cwd ?? process.cwd()) : dirname(file);
  const written = file === undefined ? {} : readConfigFile(file);
  const { tree, problems } = resolveReferences(written, { lookup: environment.lookup, baseDir });
  const origins = overlay(tree, environment);
  const keyProblems = overlayKey(tree, environment, options.cwd ?? process.cwd());
  const unsettled = problems.filter((one) => !origins.has(one.path));
  const checked = check({
    tree,
    problems: [...unsettled, ...keyProblems],
    origins,
    source: file ?? 'The environment',
    baseDir,
    context: { production: environment.production },
  });
  return { ...checked, file };
}
