// Lints of the end-to-end tests, and of the console's scripts. Types are checked by tsc; here stands what types do not see.
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
  {
    // The console runs in browsers, and shows texts of strangers: nothing in it may turn a text into markup or code.
    files: ['src/console/web/**/*.js', 'src/console/export/html/*.js'],
    languageOptions: { globals: globals.browser },
    rules: {
      'no-restricted-syntax': [
        'error',
        { selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|srcdoc)$/]", message: 'texts stay texts: dom.js makes elements' },
      ],
      'no-eval': 'error',
      'no-implied-eval': 'error',
    },
  },
  { files: ['src/console/export/html/*.js'], languageOptions: { sourceType: 'script' } },
  { files: ['**/*.cjs'], languageOptions: { sourceType: 'commonjs' } },
  { files: ['pages/**', 'scenarios/**', 'lib/browser.js', 'lib/console.js', 'lib/recorded.js', 'lib/toolbar.js', 'lib/viewer.js', 'measure.js'], languageOptions: { globals: globals.browser } },
];
