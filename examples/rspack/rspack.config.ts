import { defineConfig } from '@rspack/cli';
import { rspack } from '@rspack/core';

export default defineConfig({
  entry: { main: './src/index.ts' },
  output: { filename: '[name].[contenthash].js' },
  target: ['browserslist:last 2 versions, > 0.2%, not dead, Firefox ESR'],
  resolve: { extensions: ['...', '.ts'] },
  module: {
    rules: [{ test: /\.(?:js|mjs|cjs|ts|mts|cts)$/, loader: 'builtin:swc-loader', options: { detectSyntax: 'auto' } }],
  },
  plugins: [new rspack.HtmlRspackPlugin({ template: './index.html' })],
});
