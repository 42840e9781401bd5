/**
 * The environment variables that Symbolon reads, in one place. Any other variable is read only where the
 * configuration file asks for it by `${NAME}`.
 */
export interface Environment {
  /** `PORT`: overrides `listen.port`. */
  port: string | undefined;
  /** `DATABASE_URL`: overrides `storage.database_url`. */
  databaseUrl: string | undefined;
  /** `REDIS_URL`: overrides `storage.redis_url`. */
  redisUrl: string | undefined;
  /** `PUBLIC_URL`: overrides `public_url`. */
  publicUrl: string | undefined;
  /** `ADMIN_TOKEN`: overrides `admin.token`. */
  adminToken: string | undefined;
  /** `SYMBOLON_KEY`: the key-encryption key when the file lists none. */
  encryptionKey: string | undefined;
  /** `SYMBOLON_KEY_FILE`: a file that holds it. */
  encryptionKeyFile: string | undefined;
  /** `SYMBOLON_CONFIG`: path of the configuration file. */
  configFile: string | undefined;
  /** `LOG_LEVEL`: overrides `log.level`. */
  logLevel: string | undefined;
  /** Whether `NODE_ENV` is `production`. */
  production: boolean;
  /** Any variable by name, for `${NAME}` in the configuration file. An empty one counts as not set. */
  lookup: (name: string) => string | undefined;
}

/** Every variable above; `docs/configuration.md` and `.env.example` list the same. */
export const ENVIRONMENT_VARIABLES = [
  'PUBLIC_URL',
  'PORT',
  'DATABASE_URL',
  'REDIS_URL',
  'ADMIN_TOKEN',
  'SYMBOLON_KEY',
  'SYMBOLON_KEY_FILE',
  'SYMBOLON_CONFIG',
  'NODE_ENV',
  'LOG_LEVEL',
] as const;

/** Reads the environment. An empty variable counts as not set, because that is how shells and compose files unset. */
export function readEnvironment(
  variables: Readonly<Record<string, string | undefined>> = process.env,
): Environment {
  const lookup = (name: string) => {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    return value === '' ? undefined : value;
  };
  const named = (name: (typeof ENVIRONMENT_VARIABLES)[number]) => lookup(name);
  return {
    publicUrl: named('PUBLIC_URL'),
    port: named('PORT'),
    databaseUrl: named('DATABASE_URL'),
    redisUrl: named('REDIS_URL'),
    adminToken: named('ADMIN_TOKEN'),
    encryptionKey: named('SYMBOLON_KEY'),
    encryptionKeyFile: named('SYMBOLON_KEY_FILE'),
    configFile: named('SYMBOLON_CONFIG'),
    logLevel: named('LOG_LEVEL'),
    production: named('NODE_ENV') === 'production',
    lookup,
  };
}
