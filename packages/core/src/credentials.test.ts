import { expect, it } from 'vitest'
import { basicAuthorization, takeCredentials, withoutCredentials } from './credentials.ts'

it('turns the user name and password of a URL into an authorization, in UTF-8', () => {
  const { base, authorization } = takeCredentials('http://us%20er:p%C3%A4ss@gpu:3003/ml')
  expect([base.href, authorization]).toEqual(['http://gpu:3003/ml', basicAuthorization('us er', 'päss')])
  expect(authorization).toBe(`Basic ${Buffer.from('us er:päss').toString('base64')}`)
})

it('finds no authorization in a URL without credentials', () => {
  expect(takeCredentials('http://gpu').authorization).toBeUndefined()
})

it('compares backends by a base URL without credentials and slashes at its end', () => {
  expect(withoutCredentials('http://user:secret@gpu:3003/ml//')).toBe('http://gpu:3003/ml')
  expect(withoutCredentials('http://gpu:80/')).toBe('http://gpu')
})
