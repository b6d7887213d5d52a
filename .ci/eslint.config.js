// Type-aware lint, and the house rules that a linter can hold: which folder may import which
// (DESIGN, "Parts"), no clock or random in the core, sizes, no empty catch.
import tseslint from 'typescript-eslint';

/** Folder of src/ -> folders it may import from. Everything else sideways or up is an error. */
const mayImport = {
  core: [],
  observe: [],
  sipd: [],
  mediad: [],
  config: ['core'],
  journal: ['core', 'observe'],
  media: ['core', 'config', 'observe'],
  runtime: ['core', 'journal', 'observe'],
  reports: ['core', 'journal', 'observe'],
  sip: ['core', 'config', 'media', 'runtime', 'observe'],
  http: ['core', 'config', 'runtime', 'reports', 'observe'],
  cli: ['config', 'http', 'observe', 'media'],
};

const sizes = {
  'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
  'max-len': ['error', { code: 100, ignoreUrls: true, ignoreRegExpLiterals: true }],
  'no-empty': ['error', { allowEmptyCatch: false }],
};

const boundaries = Object.entries(mayImport).map(([folder, allowed]) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: allowed.length
              ? `^(\\.\\./)+(?!(\\.\\./|${allowed.concat(folder).join('/|')}/))`
              : `^(\\.\\./)+(?!\\.\\./|${folder}/)`,
            message: `src/${folder} may import only from: ${allowed.join(', ') || 'itself'}`,
          },
        ],
      },
    ],
  },
}));

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
