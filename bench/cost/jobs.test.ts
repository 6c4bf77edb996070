import { classifyPredictRequest } from '@immich-ml-router/core'
import { expect, it } from 'vitest'
import { bodyOf, CONTENT_TYPE, JOBS } from './jobs.ts'

it.each(JOBS)(
  '$title: the job is what it is called, and nothing in it misleads who searches for parts',
  async (job) => {
    const body = bodyOf(job.name)
    const { classification, body: read } = await classifyPredictRequest(body, { contentType: CONTENT_TYPE })
    read.destroy()
    expect(classification).toMatchObject({ classified: true, input: job.backend })
    const parts = body.toString('latin1').match(/form-data; name="\w+"/g)
    const names = ['form-data; name="entries"', `form-data; name="${job.backend}"`]
    expect(parts).toEqual(job.name.endsWith('-last') ? names.reverse() : names)
  },
)

it('sizes are what they are called', () => {
  expect(bodyOf('text')).toHaveLength(300)
  expect(bodyOf('500k').length - 500_000).toBeLessThan(500)
})
