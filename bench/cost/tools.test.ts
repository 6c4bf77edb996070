import { expect, it } from 'vitest'
import { CONTENDERS } from './contenders.ts'
import { lackOf, type Tools } from './tools.ts'

const nothing: Tools = {
  wrk: undefined,
  strace: undefined,
  nginx: undefined,
  luaModules: undefined,
  python: undefined,
  versions: {},
}
const lacks = (tools: Tools) =>
  CONTENDERS.flatMap((contender) => {
    const lack = lackOf(contender, tools)
    return lack === undefined ? [] : [`${contender.name}: ${lack}`]
  })

it('who needs a program that is missing is left out, and it is said what', () => {
  expect(lacks(nothing)).toEqual([
    'nginx: nginx',
    'lua: nginx',
    'fastapi: FastAPI, uvicorn or httpx',
    'nginx/keep: nginx',
    'lua/keep: nginx',
    'fastapi/keep: FastAPI, uvicorn or httpx',
  ])
})

it('without its Lua module, nginx itself takes part', () => {
  expect(lacks({ ...nothing, nginx: 'nginx', python: 'python3' })).toEqual([
    "lua: nginx's Lua module",
    "lua/keep: nginx's Lua module",
  ])
  expect(lacks({ ...nothing, nginx: 'nginx', luaModules: ['a.so'], python: 'python3' })).toEqual([])
})
