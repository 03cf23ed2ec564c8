// The part of a committed dashboard that a reader of it needs.

export interface PanelModel {
  readonly type: string
  readonly title: string
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string; readonly refId: string }[]
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
  readonly options?: { readonly content?: string }
  readonly transformations?: readonly {
    readonly id: string
    readonly options: {
      readonly renameByName?: Readonly<Record<string, string>>
      readonly indexByName?: Readonly<Record<string, number>>
    }
  }[]
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
}

export interface DashboardModel {
  readonly title: string
  readonly uid: string
  readonly panels: readonly PanelModel[]
}
