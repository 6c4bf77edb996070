/** Input of a canary until there is a sample of its kind: a word, and a drawing of a house, 96 x 72 pixels. */
export const BUILT_IN_TEXT = 'house'

/** A JPEG; no face and no text is in it, so it shows only that images can be read and embedded. */
export const BUILT_IN_IMAGE = Buffer.from(
  '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA4KCw0LCQ4NDA0QDw4RFiQXFhQUFiwgIRokNC43NjMuMjI6QVNGOj1OPjIySGJJTlZYXV5dOEVmbW' +
    'VabFNbXVn/2wBDAQ8QEBYTFioXFypZOzI7WVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVn/wAARCABI' +
    'AGADASIAAhEBAxEB/8QAGgABAAMBAQEAAAAAAAAAAAAAAAECAwUEBv/EAC4QAAICAQEFBwIHAAAAAAAAAAABAhEDBAUSITFRExQVQWOi4WFxIj' +
    'JDcoGR0f/EABkBAAIDAQAAAAAAAAAAAAAAAAADAQQFAv/EACARAAIDAAICAwEAAAAAAAAAAAABAgMREjEEUQUUIXH/2gAMAwEAAhEDEQA/ALUK' +
    'NKFGzyKJnQo0oUHIDOhRpQoOQGdCjShQcgM6FHZ2VoYTh2+aKldqMXxX3OplxQzQ3MkFKPRmXf8AKQqs4JbnZZh4zlHdPkqFHr1ul7tqHjtuPO' +
    'LfmjCjRhYpxUo9MruLi8ZehRpQoXyAzoUaURJqMXKTpIOQGcnGKuTSRNHhzZHlm35eSN9Jm/Tm/wBv+CY3pywa6mo6b0KNKK5JwxY5TySUYx4t' +
    'sdyFZp1tlaiLxLBJpTje79VzOi2opttJLi2z4aG2cTztShKOLhUvO/quh1nlnlgryynF8VcrRj2+FC6xzhLvsvK2VUUpo01+ZanUuUfypbqfU8' +
    'tGlCjVrSriox6RSk3J6zShR4PFfQ9/wPFPQ9/wV/sQ9hh7pVGLk+CStnM1Gd5pdILkiNRrnnio7rhHzSd2Yb66MVZepfiY+tRX6ywKdoujHaLo' +
    'xPJDecfZ0dLqJTXZvjOvwtvn9zk7QxarNqGs88dxVJRbpGyyU01aaJy5HlyOcubomy3Y5o/w4Qla/wCHO7nk6x/s9+y8erxZZQxSxuL4yjJuv4' +
    '4cyDXTaju2Rz3d61VXQqueSTZd8mqKqkzs0KPB4p6Pv+B4p6Pu+C99iHswMOfQotRNGXpzpSiaLUKDSdKUKLUTQaRpSiaLUKDR1N8qnyiVILUT' +
    'QaNn5ts4uL6ZSiaLUKDSrpahQByLJoUABJFCgAIJoUABJFCgAIJoUABJ/9k=',
  'base64',
)
