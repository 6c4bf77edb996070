/** The command, and the first word of its messages. */
export const NAME = 'immich-ml-router'
