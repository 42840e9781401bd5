import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { epochSeconds, systemClock } from '../platform/clock.ts';
import { randomToken } from '../platform/random.ts';
import { signingKeyOf } from '../signatures/signed-request.ts';
import { signV1 } from '../signatures/v1.ts';
import { signV2, type V2SigningKey } from '../signatures/v2.ts';
import { commandList, type Listed, type GlobalOptions } from './command-options.ts';
import { type MessageOptions, messageOf, secretOf, withMessage } from './signed-message.ts';
import { print, printJson, UsageError } from './terminal.ts';

interface SignOptions extends MessageOptions {
  key: string;
  scheme: 'v1' | 'v2';
  privateKeyFile?: string;
  cover?: Listed;
}

function privateKeyIn(file: string): V2SigningKey {
  try {
    const privateKey = createPrivateKey(readFileSync(file));
    if (privateKey.asymmetricKeyType === 'ed25519') return { algorithm: 'ed25519', privateKey };
  } catch {
    // Said below, without what the file holds.
  }
  throw new UsageError(`${file} holds no Ed25519 private key in PEM.`);
}

async function headersFor(options: SignOptions): Promise<Record<string, string>> {
  const request = messageOf(options);
  const nowSeconds = epochSeconds(systemClock);
  if (options.scheme === 'v1') {
    const signingKey = signingKeyOf(await secretOf(options));
    return {
      'x-api-key': options.key,
      ...signV1({ signingKey, timestampSeconds: nowSeconds, body: request.body }),
    };
  }
  if (options.url === undefined) throw new UsageError('Signing with v2 needs --url: it covers the address.');
  const key: V2SigningKey =
    options.privateKeyFile === undefined
      ? { algorithm: 'hmac-sha256', signingKey: signingKeyOf(await secretOf(options)) }
      : privateKeyIn(options.privateKeyFile);
  const absent = (options.cover ?? []).find((name) => request.header(name) === undefined);
  if (absent !== undefined) throw new UsageError(`The header ${absent} is to be covered, but was not given.`);
  return signV2({
    request,
    keyId: options.key,
    key,
    createdSeconds: nowSeconds,
    nonce: randomToken(18),
    alsoCover: options.cover ?? [],
  });
}

/** `sign`: the headers that sign one request, for trying a key out. */
export function registerSign(program: Command): void {
  withMessage(
    program
      .command('sign')
      .description('print the headers that sign a request')
      .requiredOption('--key <public_id>', 'public id (pk_…) of the key')
      .addOption(new Option('--scheme <scheme>', 'signature scheme').choices(['v1', 'v2']).default('v2'))
      .option('--private-key-file <file>', 'Ed25519 private key in PEM, instead of a secret (v2)')
      .option('--cover <names>', 'further headers to cover, in lower case (v2)', commandList),
  )
    .addHelpText(
      'after',
      `
Example:
  $ symbolon sign --scheme v1 --key pk_live_… --secret-file secret.txt --data-file body.json > headers.txt
  $ curl -H @headers.txt -H "Content-Type: application/json" --data-binary @body.json https://…/getprofile`,
    )
    .action(async (options: SignOptions, command: Command) => {
      const headers = await headersFor(options);
      if (command.optsWithGlobals<GlobalOptions>().json) return printJson(headers);
      for (const [name, value] of Object.entries(headers)) print(`${name}: ${value}`);
    });
}
