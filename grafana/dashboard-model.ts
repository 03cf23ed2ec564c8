// The part of a committed dashboard that a reader of it needs.

export interface PanelModel {
  readonly type: string
  readonly title: string
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string; readonly refId: string }[]
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string }
    readonly overrides?: readonly {
      readonly matcher: { readonly options?: unknown }
      readonly properties: readonly { readonly id: string; readonly value?: unknown }[]
    }[]
  }
  readonly options?: { readonly content?: string }
  readonly transformations?: readonly {
    readonly id: string
    readonly options: {
      readonly renameByName?: Readonly<Record<string, string>>
      readonly sort?: readonly { readonly field: string }[]
    }
  }[]
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
}

export interface DashboardModel {
  readonly title: string
  readonly uid: string
  readonly panels: readonly PanelModel[]
}
