/** The commands to try, printed when stub servers run. */
export function tryCommands(url: string): string {
  const entries = (task: string, type: string) => `-F 'entries={"${task}":{"${type}":{"modelName":"any"}}}'`
  return `
Three stub ML servers are running: one for text, one for images, one for the rest. Try in another terminal:

  curl -i ${entries('clip', 'textual')} -F 'text=cat' ${url}/predict
  curl -i ${entries('clip', 'visual')} -F 'image=anything;filename=photo.jpg' ${url}/predict
  curl ${url}/ping

and open ${url}/_router in a browser.

The header x-immich-ml-backend of an answer names the backend. "immich-ml-router init" writes a configuration for real
backends, and "immich-ml-router router.yaml" runs it.

`
}
