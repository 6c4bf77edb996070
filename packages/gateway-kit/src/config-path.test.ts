import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { configPath } from './config-path.ts'
import { MissingConfigError } from './missing-config.ts'

const present = fileURLToPath(import.meta.url)
const absent = `${present}.none`
/** Asking for it fails, as it does without the right to see its directory. */
const hidden = `/${'x'.repeat(5_000)}`

describe('configPath', () => {
  it.each([
    ['nothing', {}, undefined],
    [
      'ROUTER_CONFIG, even if the file is missing',
      { ROUTER_CONFIG: absent, ML_TEXT_URL: 'http://ml' },
      absent,
    ],
    ['variables for backends', { ML_IMAGE_URL: 'http://ml', ROUTER_CONFIG_DEFAULT: present }, undefined],
    ['ROUTER_CONFIG_DEFAULT', { ROUTER_CONFIG_DEFAULT: present }, present],
    ['ROUTER_CONFIG_DEFAULT, if the file is missing', { ROUTER_CONFIG_DEFAULT: absent }, undefined],
    ['ROUTER_CONFIG_DEFAULT, if the file cannot be seen', { ROUTER_CONFIG_DEFAULT: hidden }, hidden],
  ])('follows %s', (_, env, path) => {
    expect(configPath(env)).toBe(path)
  })

  it('is named by the error for a missing configuration', () => {
    expect(new MissingConfigError({ ROUTER_CONFIG_DEFAULT: absent }).message).toContain(
      `no backend is configured, and ${absent} does not exist (in a container, mount the directory`,
    )
  })
})
