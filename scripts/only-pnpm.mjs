// pnpm replaces `workspace:^` and the entry points with the published ones. npm does not, and its package cannot be installed.
if (!process.env.npm_config_user_agent?.startsWith('pnpm/')) {
  console.error(
    'npm pack creates a package that cannot be installed; run "npm run pack" in the root directory instead.',
  )
  process.exit(1)
}
