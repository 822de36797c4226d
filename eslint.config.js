import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'
import importX from 'eslint-plugin-import-x'
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'
import prettier from 'eslint-config-prettier'

/** Everything points to core; the three edges of the system never import one another, nor a driver. */
const zones = [
  { target: './src/core', from: './src', except: ['./core'], message: 'core imports nothing of src' },
  { target: './src/ports', from: './src', except: ['./core', './ports'], message: 'ports are interfaces over core' },
  { target: './src/producers', from: ['./src/consumers', './src/api', './src/adapters'] },
  { target: './src/consumers', from: ['./src/producers', './src/api', './src/adapters'] },
  { target: './src/api', from: ['./src/producers', './src/consumers', './src/adapters'] },
  { target: './src/adapters', from: ['./src/producers', './src/consumers', './src/api', './src/catalogue'] },
  {
    target: ['./src/models', './src/training', './src/evaluation', './src/catalogue', './src/telemetry'],
    from: [
      './src/producers',
      './src/consumers',
      './src/api',
      './src/adapters',
      './src/roles',
      './src/commands',
      './src/bootstrap.ts',
    ],
  },
  {
    target: ['./src/producers', './src/consumers', './src/api', './src/adapters'],
    from: ['./src/roles', './src/commands', './src/bootstrap.ts'],
  },
  { target: ['./src/roles', './src/commands'], from: './src/adapters', message: 'only bootstrap.ts knows drivers' },
  { target: ['./src/models'], from: ['./src/training', './src/evaluation'] },
  {
    target: './src/client',
    from: './src',
    except: ['./client'],
    message: 'the client runs where nothing else of src does',
  },
]

export default defineConfig(
  globalIgnores(['dist', 'demo', 'coverage', '.pairstream', 'node_modules', 'src/client/schema.ts']),
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createTypeScriptImportResolver({ project: ['tsconfig.json', 'web/tsconfig.json'] })],
    },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-cycle': 'error',
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/require-await': 'off', // ports are asynchronous; an embedded driver may have nothing to await
      '@typescript-eslint/unbound-method': 'off', // factories return closures: nothing here uses `this`
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
    },
  },
  { files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
  prettier,
)
