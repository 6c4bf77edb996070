import { writeFile } from 'node:fs/promises'
import { pageModule } from './page.ts'

await writeFile(new URL('../src/status-page/page.generated.ts', import.meta.url), await pageModule())
