// npm would pack `workspace:^` and the sources' entry points, which nobody can install; pnpm puts what is published in their place.
if (!process.env.npm_config_user_agent?.startsWith('pnpm/')) {
  console.error(
    'Pack with "npm run pack" at the root of the repository: npm alone makes a package that cannot be installed.',
  )
  process.exit(1)
}
