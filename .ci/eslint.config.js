// Type-aware lint, and the house rules that a linter can hold: which folder may import which
// (docs/ARCHITECTURE.md), no clock or random in the core, sizes, no empty catch.
import tseslint from 'typescript-eslint';

/** Folder of src/ -> folders it may import from. Everything else sideways or up is an error. */
const mayImport = {
  shared: [],
  core: [],
  observe: ['shared'],
  // Programs of their own; what they share is how they hang on to the supervisor, how they write,
  // what a network is, how G.711 is read, and small tables.
  sipd: ['shared'],
  mediad: ['shared'],
  config: ['core'],
  journal: ['core', 'observe'],
  media: ['shared', 'core', 'config', 'observe'],
  runtime: ['shared', 'core', 'journal', 'observe'],
  reports: ['core', 'journal', 'observe'],
  // A whole ACD but its edges: people are played, time is stepped.
  sim: ['shared', 'core', 'config', 'journal', 'runtime', 'reports'],
  sip: ['shared', 'core', 'config', 'media', 'runtime', 'observe'],
  http: ['shared', 'core', 'config', 'runtime', 'reports', 'observe'],
  webhooks: ['core', 'config', 'runtime', 'http'],
  // It holds a lock of the journal's kind.
  supervisor: ['shared', 'config', 'journal', 'media', 'observe'],
  // The demo's phones stand on our own SIP stack and audio process; a journal is repaired while
  // there is no server to ask.
  cli: [
    'shared',
    'config',
    'http',
    'journal',
    'observe',
    'reports',
    'media',
    'sip',
    'sim',
    'app',
    'supervisor',
  ],
};

const sizes = {
  'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
  'max-len': ['error', { code: 100, ignoreUrls: true, ignoreRegExpLiterals: true }],
  'no-empty': ['error', { allowEmptyCatch: false }],
};

function boundary(folder, allowed, files, up) {
  const open = ['\\.\\./', ...allowed.concat(folder).map((name) => `${name}/`)].join('|');
  const message = `src/${folder} may import only from: ${allowed.join(', ') || 'itself'}`;
  const patterns = [{ regex: `^${up}(\\.\\./)*(?!(${open}))`, message }];
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] } };
}

// In a folder one below (http/routes/) a single `../` is still at home.
const boundaries = Object.entries(mayImport).flatMap(([folder, allowed]) => [
  boundary(folder, allowed, [`src/${folder}/*.ts`], '\\.\\./'),
  boundary(folder, allowed, [`src/${folder}/*/**/*.ts`], '\\.\\./\\.\\./'),
]);

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        project: './test/tsconfig.json',
        tsconfigRootDir: `${import.meta.dirname}/..`,
      },
    },
    rules: {
      ...sizes,
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          name: 'better-sqlite3',
          allowTypeImports: true,
          message: 'src/journal/database.ts gives the one that this Node can load',
        },
      ],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  ...boundaries,
  {
    files: ['src/core/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', 'setTimeout', 'setInterval', 'setImmediate', 'process'],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'time comes in with the command' },
        { object: 'Math', property: 'random', message: 'random comes in with the command' },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: { 'max-lines-per-function': 'off' },
  },
);
