/** The repository on GitHub. `test/manifests.test.ts` compares it with the package.json files. */
export const REPOSITORY = 'https://github.com/immich-ml-router/immich-ml-router'

/** The site is a project page of GitHub Pages, so it lives below the name of the repository. */
export const BASE = '/immich-ml-router/'
