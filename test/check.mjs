// Types and lint of src/ and test/ over one program: what the compiler has found out about a type,
// the rules that ask for types need not find out again. Says what it found; status 1 where that is
// anything. `npm run typecheck` and `npm run lint` say the same, each by itself.
import path from 'node:path';
import { ESLint } from 'eslint';
import ts from 'typescript';

const root = path.resolve(import.meta.dirname, '..');

function loadProgram() {
  const file = path.join(root, 'test', 'tsconfig.json');
  const say = (fault) => {
    throw new Error(ts.flattenDiagnosticMessageText(fault.messageText, '\n'));
  };
  const system = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: say };
  const { fileNames, options, errors } = ts.getParsedCommandLineOfConfigFile(file, {}, system);
  errors.forEach(say);
  return ts.createProgram({
    rootNames: fileNames,
    options,
    host: ts.createCompilerHost(options, true),
  });
}

function checkTypes(program) {
  const faults = ts.getPreEmitDiagnostics(program);
  const host = {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => root,
    getNewLine: () => '\n',
  };
  process.stdout.write(ts.formatDiagnostics(faults, host));
  return faults.length === 0;
}

async function lint(program) {
  const eslint = new ESLint({
    cwd: root,
    overrideConfigFile: '.ci/eslint.config.js',
    overrideConfig: {
      files: ['src/**/*.ts', 'test/**/*.ts'],
      languageOptions: { parserOptions: { programs: [program], project: null } },
    },
  });
  const results = await eslint.lintFiles(['src', 'test']);
  const formatter = await eslint.loadFormatter('stylish');
  process.stdout.write(await formatter.format(results));
  return results.every(({ errorCount, warningCount }) => errorCount + warningCount === 0);
}

const program = loadProgram();
const isTyped = checkTypes(program);
const isClean = await lint(program);
process.exitCode = isTyped && isClean ? 0 : 1;
