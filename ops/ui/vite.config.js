import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The gateway serves dist/ under this path, with a policy that allows scripts of its own files only.
export default defineConfig({
  base: '/ops/traces/',
  plugins: [react()],
  resolve: { dedupe: ['react', 'react-dom', '@mui/material', '@perses-dev/components', '@perses-dev/core', '@perses-dev/plugin-system'] },
  build: { outDir: 'dist', emptyOutDir: true, assetsInlineLimit: 0, chunkSizeWarningLimit: 8000 },
});
