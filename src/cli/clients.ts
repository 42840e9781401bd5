import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { withAdmin } from './admin-session.ts';
import { items } from './admin-client.ts';
import { commandList, type Listed } from './command-options.ts';
import { registerClientRotation } from './rotate.ts';
import { CommandFailed, print, printJson, record, shownOnce, table } from './terminal.ts';

const COLUMNS = ['client_id', 'partner', 'label', 'application_type', 'scopes', 'created_at', 'revoked_at'];

/** Grants have long names on the wire. */
const GRANT_NAMES: Record<string, string> = {
  'token-exchange': 'urn:ietf:params:oauth:grant-type:token-exchange',
};

interface CreateOptions {
  partner: string;
  label: string;
  scopes?: Listed;
  grants?: Listed;
  type?: string;
  redirect?: Listed;
  firstParty?: boolean;
  public?: boolean;
  jwks?: string;
  openid?: boolean;
  pkce?: string;
  claim?: Listed;
  claimsInIdToken?: boolean;
  acr?: string;
}

interface UpdateOptions {
  label?: string;
  scopes?: Listed;
  redirect?: Listed;
}

/** One value per option: commas may stand in a URI. */
const eachText = (text: string, earlier?: Listed): Listed => [...(earlier ?? []), text];

function readKeySet(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new CommandFailed(`${file} is not a readable JSON Web Key Set.`, { cause });
  }
}

/** The OpenID part of a registration: any of its options makes the client one of OpenID Connect. */
function openIdSettings(options: CreateOptions): Record<string, unknown> {
  const { pkce, claim, claimsInIdToken, acr } = options;
  const further = {
    ...(pkce === undefined ? {} : { pkce }),
    ...(claim === undefined ? {} : { claims: claimFields(claim) }),
    ...(claimsInIdToken ? { claims_in_id_token: true } : {}),
    ...(acr === undefined ? {} : { acr }),
  };
  return options.openid || Object.keys(further).length > 0 ? { openid: further } : {};
}

/** `email=mail` as claim and profile field; a name alone is both. */
function claimFields(claims: Listed): Record<string, string> {
  return Object.fromEntries(
    claims.map((text) => {
      const [claim = '', field = claim] = text.split('=', 2);
      return [claim, field];
    }),
  );
}

function registration(options: CreateOptions): Record<string, unknown> {
  return {
    partner: options.partner,
    label: options.label,
    ...(options.scopes === undefined ? {} : { scopes: options.scopes }),
    ...(options.grants === undefined
      ? {}
      : { grant_types: options.grants.map((name) => GRANT_NAMES[name] ?? name) }),
    ...(options.type === undefined ? {} : { application_type: options.type }),
    ...(options.redirect === undefined ? {} : { redirect_uris: options.redirect }),
    ...(options.firstParty ? { party: 'first' } : {}),
    ...(options.public ? { authentication: 'none' } : {}),
    ...(options.jwks === undefined ? {} : { jwks: readKeySet(options.jwks) }),
    ...openIdSettings(options),
  };
}

function registerCreate(clients: Command): void {
  clients
    .command('create')
    .description('make a client; its secret, if it has one, is shown once')
    .requiredOption('--partner <id>', 'partner it belongs to')
    .option('--label <text>', 'what it is for; of an app that customers use: its name', 'client')
    .option(
      '--scopes <names>',
      'scopes it may ask for, separated by commas (default: profile:read,whoami)',
      commandList,
    )
    .option(
      '--grants <names>',
      'client_credentials, authorization_code, refresh_token, token-exchange (default: follows from --redirect)',
      commandList,
    )
    .addOption(new Option('--type <type>', 'where the application runs').choices(['web', 'native', 'spa']))
    .option('--redirect <uri>', 'redirect URI of the authorization code flow; may be repeated', eachText)
    .option('--first-party', "the company's own application: customers are not asked for consent")
    .option('--public', 'a client without a secret (default for native and spa)')
    .option('--jwks <file>', 'public keys of the client, which then signs assertions instead of a secret')
    .option('--openid', 'a client of OpenID Connect, such as a chat vendor that redeems codes')
    .addOption(
      new Option('--pkce <who>', 'vendor: the vendor cannot do PKCE, so do without').choices([
        'required',
        'vendor',
      ]),
    )
    .option('--claim <name=field>', 'a claim and the profile field it comes from; may be repeated', eachText)
    .option('--claims-in-id-token', 'put these claims into ID tokens too, for vendors that ask nowhere else')
    .option('--acr <text>', 'stated as acr in ID tokens, for vendors that compare it')
    .addHelpText(
      'after',
      `
Examples:
  $ symbolon clients create --partner chat-vendor --label "live server"
  $ symbolon clients create --partner chat-vendor --label "Budget App" --type native \\
      --redirect com.example.budget:/callback
  $ symbolon clients create --partner chat-vendor --label Genesys --first-party --openid \\
      --redirect https://www.example.com/`,
    )
    .action(async (options: CreateOptions, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const made = await admin.call('POST', '/admin/clients', registration(options));
        if (json) return printJson(made);
        print('client_secret' in made ? shownOnce(made, ['client_secret']) : record(made));
      });
    });
}

function registerUpdate(clients: Command): void {
  clients
    .command('update <client_id>')
    .description('change the label, scopes or redirect URIs of a client; lists replace what was there')
    .option('--label <text>', 'what it is for')
    .option('--scopes <names>', 'scopes it may ask for, separated by commas', commandList)
    .option('--redirect <uri>', 'redirect URI; may be repeated', eachText)
    .action(async (clientId: string, options: UpdateOptions, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('PATCH', `/admin/clients/${encodeURIComponent(clientId)}`, {
          ...(options.label === undefined ? {} : { label: options.label }),
          ...(options.scopes === undefined ? {} : { scopes: options.scopes }),
          ...(options.redirect === undefined ? {} : { redirect_uris: options.redirect }),
        });
        if (json) return printJson(answer);
        print(record(answer));
      });
    });
}

/** `clients create|list|update|revoke`: OAuth 2.0 clients of partners. */
export function registerClients(program: Command): void {
  const clients = program.command('clients').description('OAuth 2.0 clients of partners');
  registerCreate(clients);

  clients
    .command('list')
    .description('every client')
    .option('--partner <id>', 'only those of one partner')
    .action(async (options: { partner?: string }, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const query = options.partner === undefined ? '' : `?partner=${encodeURIComponent(options.partner)}`;
        const answer = await admin.call('GET', `/admin/clients${query}`);
        if (json) return printJson(answer);
        print(table(items(answer), COLUMNS));
      });
    });

  registerUpdate(clients);

  clients
    .command('revoke <client_id>')
    .description('end a client and every access token it holds, at once')
    .action(async (clientId: string, _options: object, command: Command) => {
      await withAdmin(command, async (admin, { json }) => {
        const answer = await admin.call('POST', `/admin/clients/${encodeURIComponent(clientId)}/revoke`);
        if (json) return printJson(answer);
        print(`Client ${clientId} is revoked.`);
      });
    });

  registerClientRotation(clients);
}
