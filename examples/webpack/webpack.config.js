import path from 'node:path';
import HtmlWebpackPlugin from 'html-webpack-plugin';

export default {
  entry: './src/index.ts',
  output: { path: path.resolve(import.meta.dirname, 'dist'), filename: '[name].[contenthash].js' },
  plugins: [new HtmlWebpackPlugin({ template: 'index.html' })],
  module: { rules: [{ test: /\.(ts|tsx)$/i, loader: 'ts-loader', exclude: ['/node_modules/'] }] },
  resolve: { extensions: ['.tsx', '.ts', '.jsx', '.js', '...'] },
};
