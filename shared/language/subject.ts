// What is measured side by side: TRM, and each language model of ours with all its weights or only adapters trained. Names
// are label values of metrics, so the set is closed.
import { LANGUAGE_SIZES, TUNINGS, type LanguageSize, type Tuning } from './shape.js'

export interface LanguageSubject {
  readonly size: LanguageSize
  readonly tuning: Tuning
}

export type SubjectName = 'trm' | `llm-${LanguageSize}-${Tuning}`
/** Counted, never run. */
export const MODELLED = ['llm-8b-full', 'llm-8b-lora'] as const
export type ModelledName = (typeof MODELLED)[number]

export const subjectName = ({ size, tuning }: LanguageSubject): SubjectName => `llm-${size}-${tuning}`

const LANGUAGE_SUBJECTS: readonly LanguageSubject[] = LANGUAGE_SIZES.flatMap((size) =>
  TUNINGS.map((tuning) => ({ size, tuning })),
)

export const SUBJECTS: readonly SubjectName[] = ['trm', ...LANGUAGE_SUBJECTS.map(subjectName)]

/** undefined: TRM. */
export const languageOf = (name: SubjectName): LanguageSubject | undefined =>
  LANGUAGE_SUBJECTS.find((subject) => subjectName(subject) === name)
