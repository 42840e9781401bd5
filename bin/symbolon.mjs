#!/usr/bin/env node
// Starts Symbolon with a Node that can run it. Plain old JavaScript on purpose: it must at least parse on a Node that
// is too old, so that what is missing can be said in a sentence.
import { spawn } from 'child_process';
import { existsSync } from 'fs';
import { createRequire } from 'module';
import { dirname, join } from 'path';
import { fileURLToPath, pathToFileURL } from 'url';

const NEEDED = [24, 21];
const root = dirname(dirname(fileURLToPath(import.meta.url)));

function suffices(version) {
  const parts = version.split('.').map(Number);
  return parts[0] > NEEDED[0] || (parts[0] === NEEDED[0] && parts[1] >= NEEDED[1]);
}

/** A young generation of 8 MiB: a third less memory under load for a few per cent of processor time. */
const HEAP = '--max-semi-space-size=8';

/** Runs this file again with the Node that came as a dependency; signals and the exit code pass through. */
function runWith(node) {
  const script = fileURLToPath(import.meta.url);
  const child = spawn(node, [HEAP, script].concat(process.argv.slice(2)), { stdio: 'inherit' });
  ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach(function (signal) {
    process.on(signal, function () {
      child.kill(signal);
    });
  });
  child.on('error', function () {
    refuse();
  });
  child.on('exit', function (code, signal) {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exit(code === null ? 1 : code);
  });
}

function refuse() {
  console.error(
    'Symbolon needs Node ' +
      NEEDED.join('.') +
      ' or newer; this is ' +
      process.versions.node +
      '. ' +
      'Install it from https://nodejs.org, or run `npm ci` in a clone, which brings one along.',
  );
  process.exit(1);
}

/** A compiled copy of each module makes the next start faster; it is kept inside the installation, never in /tmp. */
function useCompileCache() {
  const modules = join(root, 'node_modules');
  const nodeModule = createRequire(import.meta.url)('module');
  if (nodeModule.enableCompileCache && existsSync(modules)) {
    nodeModule.enableCompileCache(join(modules, '.cache', 'symbolon'));
  }
}

/**
 * What dies young is collected by this thread alone: helpers on other threads cost more processor time than they save,
 * because little survives a request.
 */
function collectAlone() {
  createRequire(import.meta.url)('v8').setFlagsFromString('--no-parallel-scavenge');
}

if (suffices(process.versions.node)) {
  collectAlone();
  useCompileCache();
  const clone = join(root, 'src', 'main.ts');
  const main = existsSync(clone) ? clone : join(root, 'dist', 'src', 'main.js');
  import(pathToFileURL(main).href).catch(function (error) {
    console.error(
      existsSync(main) ? error : 'Symbolon is not built: ' + main + ' is missing. Run `npm run build`.',
    );
    process.exit(1);
  });
} else {
  const own = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(own)) runWith(own);
  else refuse();
}
