// Lints of the end-to-end tests. Types are checked by tsc; here stands what types do not see.
import js from '@eslint/js';
import globals from 'globals';

export default [
  { ignores: ['node_modules/', 'results/'] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: 'module', globals: globals.node },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'eqeqeq': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'no-console': 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-restricted-globals': ['error', { name: 'setInterval', message: 'wait for an event, not for a time' }],
      'no-restricted-properties': [
        'error',
        { property: 'waitForTimeout', message: 'wait for an event, not for a time' },
        { object: 'test', property: 'only', message: 'all tests run' },
      ],
    },
  },
  { files: ['**/*.cjs'], languageOptions: { sourceType: 'commonjs' } },
  { files: ['pages/**', 'scenarios/**', 'lib/browser.js'], languageOptions: { globals: globals.browser } },
];
