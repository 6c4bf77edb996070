import * as z from 'zod'

// zod compiles each schema before its first use. The gateway reads its configuration once, so compiling costs more than it saves.
z.config({ jitless: true })
