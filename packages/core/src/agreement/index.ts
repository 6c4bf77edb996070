/**
 * Compares the answers of backends that serve the same model.
 *
 * @module core/agreement
 */

export { compareAnswers } from './compare-answers.ts'
export { type Dissent, findDissent } from './find-dissent.ts'
export { fixedQuestion } from './question.ts'
export { watchAgreement } from './watch-agreement.ts'
