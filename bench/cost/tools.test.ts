import { expect, it } from 'vitest'
import { CONTENDERS } from './contenders.ts'
import { lackOf } from './tools.ts'

const lacks = (...found: [object, string[]]) =>
  CONTENDERS.flatMap((contender) => {
    const lack = lackOf(contender, ...found)
    return lack === undefined ? [] : [`${contender.name}: ${lack}`]
  })

it('names what a contender lacks', () => {
  expect(lacks({}, [])).toEqual([
    'nginx: nginx',
    'lua: nginx',
    'fastapi: FastAPI, uvicorn or httpx',
    'nginx/keep: nginx',
    'lua/keep: nginx',
    'fastapi/keep: FastAPI, uvicorn or httpx',
  ])
})

it('without its Lua module, nginx itself takes part', () => {
  const lua = "nginx's Lua module"
  expect(lacks({ nginx: '1.22', python: '3' }, [])).toEqual([`lua: ${lua}`, `lua/keep: ${lua}`])
  expect(lacks({ nginx: '1.22', python: '3' }, ['a.so'])).toEqual([])
})
