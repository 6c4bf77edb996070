/** `Authorization` by user name and password, in UTF-8 (RFC 7617). */
export function basicAuthorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** A URL without the user name and password in it, and what they authorize with. */
export function takeCredentials(url: string): { readonly base: URL; readonly authorization?: string } {
  const base = new URL(url)
  const { username, password } = base
  if (username === '' && password === '') return { base }
  base.username = ''
  base.password = ''
  return {
    base,
    authorization: basicAuthorization(decodeURIComponent(username), decodeURIComponent(password)),
  }
}

/** A base URL as it stands in logs, and by which it is known whether two servers are the same. */
export function withoutCredentials(url: string): string {
  return takeCredentials(url).base.href.replace(/\/+$/, '')
}
