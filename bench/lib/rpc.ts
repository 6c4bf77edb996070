/**
 * What a process offers another over IPC: functions by name. Arguments and answers travel as JSON, so they are plain data.
 */
export type Functions<F> = { [Name in keyof F]: (...args: never[]) => unknown }

export type Name<F> = keyof F & string
export type Arguments<F extends Functions<F>, N extends Name<F>> = Parameters<F[N]>
export type Answer<F extends Functions<F>, N extends Name<F>> = Awaited<ReturnType<F[N]>>

export interface Call {
  readonly id: number
  readonly name: string
  readonly args: readonly unknown[]
}

export type Reply =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly message: string }
