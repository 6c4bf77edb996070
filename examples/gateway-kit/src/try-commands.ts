/** Printed when stand-in servers run. */
export function whatToTry(url: string): string {
  const entries = (task: string, type: string) => `-F 'entries={"${task}":{"${type}":{"modelName":"any"}}}'`
  return `
Stand-in ML servers are running, one for text, one for images, one for the rest. In another terminal, try:

  curl -i ${entries('clip', 'textual')} -F 'text=cat' ${url}/predict
  curl -i ${entries('clip', 'visual')} -F 'image=@README.md' ${url}/predict
  curl ${url}/ping

and look at ${url}/_router in a browser.

Each answer names the server that gave it in the header x-immich-ml-backend. For real servers, set
ML_TEXT_URL, ML_IMAGE_URL and ML_DEFAULT_URL, or ROUTER_CONFIG to the path of a configuration file.

`
}
