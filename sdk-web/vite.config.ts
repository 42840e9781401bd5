import { defineConfig } from 'vite';

/** One ES module and one script-tag file (global `Symbolon`); neither needs eval or inline code. */
export default defineConfig({
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    lib: {
      entry: 'src/index.ts',
      name: 'Symbolon',
      formats: ['es', 'iife'],
      fileName: (format) => (format === 'es' ? 'symbolon.js' : 'symbolon.global.js'),
    },
  },
});
