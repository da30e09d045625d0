// Lint rules: Next's own set, plus the habits that keep the content security policy without unsafe-inline.
import next from 'eslint-config-next/core-web-vitals';
import typescript from 'eslint-config-next/typescript';

const config = [
  { ignores: ['.next/**', 'out/**', 'node_modules/**', 'next-env.d.ts'] },
  ...next,
  ...typescript,
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-imports': [
        'error',
        {
          paths: [
            { name: 'radix-ui', message: 'Import the one primitive by its path (radix-ui/…), so that the bundle holds only that.' },
            { name: 'sonner', message: 'It injects a style element, which the policy forbids.' },
          ],
          patterns: [{ group: ['@radix-ui/*'], message: 'Use radix-ui/… instead.' }],
        },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "JSXMemberExpression[object.name='Dialog'][property.name='Overlay']",
          message: 'Dialog.Overlay injects a style element; use the backdrop of components/ui/dialog.',
        },
        { selector: "JSXOpeningElement[name.name='style']", message: 'Inline style elements are forbidden by the policy.' },
      ],
    },
  },
];

export default config;
