import type { Command } from 'commander';
import { systemClock } from '../platform/clock.ts';
import { decodeBase64Url } from '../platform/encoding.ts';
import {
  type ExplainingKeys,
  explainV1,
  explainV2,
  type SignatureExplanation,
} from '../signatures/explain.ts';
import { signingKeyBytes } from '../signatures/signed-request.ts';
import { commandList, type Listed, wholeNumber, type GlobalOptions } from './command-options.ts';
import { type MessageOptions, messageOf, secretOf, withMessage } from './signed-message.ts';
import { CommandFailed, plain, print, printJson, styled, UsageError } from './terminal.ts';

interface ExplainOptions extends MessageOptions {
  at?: number;
  publicKeys?: Listed;
}

function printExplanation({ version, checks, stringToSign }: SignatureExplanation): void {
  print(styled('bold', `Signature ${version}`));
  for (const { ok, part, message } of checks) print(`  ${ok ? 'right' : 'WRONG'}  ${part}: ${message}`);
  if (!stringToSign) return;
  print(`String to sign, ${stringToSign.bytes} bytes, SHA-256 ${stringToSign.sha256}:`);
  for (const line of stringToSign.text.split('\n')) print(`  | ${plain(line)}`);
  if (stringToSign.truncated) print('  | …');
}

/** `explain-signature`: which part of a signature does not match, told from the secret and nothing else. */
export function registerExplainSignature(program: Command): void {
  withMessage(
    program
      .command('explain-signature')
      .description('say why a request signature is not accepted; asks no service')
      .option('--at <seconds>', 'Unix time to judge it by (default: now)', wholeNumber(0, 999_999_999_999))
      .option('--public-keys <keys>', 'Ed25519 public keys, base64url, instead of a secret', commandList),
  )
    .addHelpText(
      'after',
      `
Give the request as it was sent, its signature headers among the others:
  $ symbolon explain-signature --secret-file secret.txt --data-file body.json \\
      --header "X-Timestamp: 1790000000" --header "X-API-Signature: 5d41…"`,
    )
    .action(async (options: ExplainOptions, command: Command) => {
      const request = messageOf(options);
      if (options.publicKeys?.some((key) => decodeBase64Url(key)?.length !== 32)) {
        throw new UsageError('A public key is the 32 bytes of an Ed25519 key as base64url.');
      }
      const keys: ExplainingKeys = options.publicKeys
        ? { signingKeys: [], publicKeys: options.publicKeys }
        : await secretOf(options).then((secret) => ({
            signingKeys: [signingKeyBytes(secret)],
            publicKeys: [],
            secret,
          }));
      const nowMs = options.at === undefined ? systemClock.nowMs() : options.at * 1_000;
      const found = [explainV1(request, keys, nowMs), explainV2(request, keys, nowMs)].filter(
        (one) => one !== undefined,
      );
      if (found.length === 0) {
        throw new UsageError(
          'No signature header was given: X-Timestamp with X-API-Signature, or Signature-Input.',
        );
      }
      if (found.some(({ version }) => version === 'v2') && options.url === undefined) {
        throw new UsageError('A v2 signature covers the address: give it with --url.');
      }
      if (command.optsWithGlobals<GlobalOptions>().json) printJson({ signatures: found });
      else found.forEach(printExplanation);
      if (!found.every(({ right }) => right)) throw new CommandFailed('The signature is not right.');
    });
}
