// What the commands hand over to. Each part is loaded when its command runs, so that `worker` never loads the coordinator
// and nobody but a worker loads a tensor library.
import type {
  BaselineOptions,
  CheckSubmissionOptions,
  CoordinatorOptions,
  DoctorOptions,
  DownloadOptions,
  ExportOptions,
  ImportOptions,
  LocalOptions,
  ReportOptions,
  VerifyOptions,
  WorkerOptions,
  WorkersOptions,
} from '../../shared/ports.js'
import type { ReproduceOrder } from '../local/reproduce.js'
import type { StudyRun } from '../local/study.js'
import type { PackOptions } from '../bundle/pack.js'
import type { TopOptions } from '../watch/top.js'
import type { SavedRun } from '../../coordinator/store/saved-run.js'

export async function serveCoordinator(options: CoordinatorOptions): Promise<void> {
  const part = await import('../../coordinator/service.js')
  await part.serveCoordinator(options)
}

export async function serveWorker(options: WorkerOptions): Promise<void> {
  if (options.gpu === undefined) await prepareEngine(options)
  const part = await import('../../worker/service.js')
  await part.serveWorker(options)
}

/** Where the first worker of a machine starts, its engine may have to be compiled. */
async function prepareEngine({ backend, root, out }: Pick<WorkerOptions, 'backend' | 'root' | 'out'>): Promise<void> {
  if (backend !== 'auto' && backend !== 'native') return
  const { ensureNative } = await import('../setup/native-build.js')
  await ensureNative({ root, log: (line) => out.line(line), must: backend === 'native' })
}

export async function startLocal(options: LocalOptions): Promise<void> {
  const part = await import('../local/cluster.js')
  await part.startLocal(options)
}

/** As startLocal; `file` is kept up to date with the answers of its evaluation. */
export async function startAnswering(options: LocalOptions, file: string): Promise<void> {
  const { startLocal } = await import('../local/cluster.js')
  const { serveCoordinator } = await import('../../coordinator/service.js')
  const { liveAnswers } = await import('../../coordinator/evaluate/live-answers.js')
  const answers = liveAnswers(file, (error) => options.out.line(`${file} cannot be written: ${String(error)}`))
  await startLocal(options, (local) => serveCoordinator(local, answers))
}

export async function startWorkers(options: WorkersOptions): Promise<void> {
  if (options.cpu !== undefined) await prepareEngine(options)
  const part = await import('../local/cluster.js')
  await part.startWorkers(options)
}

export async function downloadData(options: DownloadOptions): Promise<void> {
  const part = await import('../../coordinator/data/download.js')
  await part.downloadData(options)
}

export async function verifyData(options: VerifyOptions): Promise<void> {
  const part = await import('../../coordinator/data/verify.js')
  await part.verifyData(options)
}

export async function importWeights(options: ImportOptions): Promise<void> {
  const part = await import('../../coordinator/import/import-weights.js')
  await part.importWeights(options)
}

export async function exportWeights(options: ExportOptions): Promise<void> {
  const part = await import('../../coordinator/import/export-weights.js')
  await part.exportWeights(options)
}

export async function runDoctor(options: DoctorOptions): Promise<void> {
  const part = await import('../doctor/doctor.js')
  await part.runDoctor(options)
}

export async function checkSubmissionFile(options: CheckSubmissionOptions): Promise<void> {
  const part = await import('../../coordinator/evaluate/check-file.js')
  await part.checkSubmissionFile(options)
}

export async function reportRun(options: ReportOptions): Promise<void> {
  const part = await import('../../coordinator/report/write-report.js')
  await part.report(options)
}

export async function runStudy(run: StudyRun): Promise<void> {
  const part = await import('../local/study.js')
  await part.runStudy(run)
}

export async function startBaseline(options: LocalOptions, baseline: BaselineOptions): Promise<void> {
  const [{ startLocal: start }, { leadBaseline }] = await Promise.all([
    import('../local/cluster.js'),
    import('../../coordinator/baseline/lead.js'),
  ])
  await start(options, (led) => leadBaseline({ ...led, baseline }))
}

/** Name, question and cost of every study. */
export async function listStudies(): Promise<readonly { name: string; question: string; cost: string }[]> {
  const part = await import('../../coordinator/study/studies.js')
  return part.STUDIES
}

/** @throws ConfigError naming those there are */
export async function checkStudyName(name: string): Promise<void> {
  const part = await import('../../coordinator/study/studies.js')
  part.studyNamed(name)
}

/** Name and title of every recipe. */
export async function listRecipes(): Promise<readonly { name: string; title: string }[]> {
  const part = await import('../../coordinator/reproduce/recipes.js')
  return part.RECIPES
}

/** The runs of a recipe: their settings and names. @throws ConfigError naming the recipes there are */
export async function recipeOf(name: string): Promise<{ arms: readonly { settings: object; run: string }[] }> {
  const { recipeNamed, runOf } = await import('../../coordinator/reproduce/recipes.js')
  const recipe = recipeNamed(name)
  return { arms: recipe.arms.map((arm) => ({ settings: arm.settings, run: runOf(recipe, arm) })) }
}

export async function reproduceRecipe(name: string, order: Omit<ReproduceOrder, 'recipe'>): Promise<void> {
  const [{ reproduce }, { recipeNamed }] = await Promise.all([
    import('../local/reproduce.js'),
    import('../../coordinator/reproduce/recipes.js'),
  ])
  await reproduce({ ...order, recipe: recipeNamed(name) })
}

export async function packBundle(options: PackOptions): Promise<void> {
  const part = await import('../bundle/pack.js')
  await part.pack(options)
}

/** What a checkpoint says of itself. */
export async function savedRun(dir: string): Promise<SavedRun> {
  const part = await import('../../coordinator/store/saved-run.js')
  return part.savedRun(dir)
}

/** Identifiers that the model of a checkpoint has. */
export async function puzzlesOf(dir: string): Promise<number> {
  const part = await import('../../coordinator/base.js')
  return part.puzzlesOf(dir)
}

export async function watchRun(options: TopOptions): Promise<void> {
  const part = await import('../watch/top.js')
  await part.watchRun(options)
}
