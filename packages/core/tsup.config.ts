import { defineConfig } from 'tsup'
import { library } from '../../tsup.shared.ts'

export default defineConfig({
  ...library,
  entry: {
    index: 'src/index.ts',
    logging: 'src/logging/index.ts',
    metrics: 'src/metrics/index.ts',
    'status-page': 'src/status-page/index.ts',
    tracing: 'src/tracing/index.ts',
  },
})
