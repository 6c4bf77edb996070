import { expect, it } from 'vitest'
import { nextSteps, placeFor } from './next-steps.ts'

it.each([
  ['an installed command', {}, 'immich-ml-router'],
  ['npx', { npm_command: 'exec' }, 'npx @immich-ml-router/gateway'],
  ['npm start in a clone', { npm_command: 'start', npm_package_name: 'immich-ml-router' }, 'npm start --'],
  [
    'npm start of another project',
    { npm_command: 'start', npm_package_name: 'my-server' },
    'immich-ml-router',
  ],
])('says how to go on after %s', (_, env, command) => {
  const steps = nextSteps(placeFor('router.yaml', [], env))
  expect(steps.filter((line) => line.includes(command))).toEqual([
    `  ${command} router.yaml`,
    `  ${command} check router.yaml --probe`,
    `  ${command} status`,
  ])
})
