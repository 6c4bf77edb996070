// A separate file in the build, because the other imports fail on an older Node. Its syntax works in every Node.

/** The same as `engines` in package.json. */
const needed = [22, 19] as const

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < needed[0] || (major === needed[0] && minor < needed[1]))
  throw new Error(
    '@immich-ml-router/core needs Node.js ' +
      needed.join('.') +
      ' or later, and this is Node.js ' +
      process.versions.node +
      '. Update Node.js.',
  )
