import type { Child } from "./child.js";

/** The figures of one contender in one round, by name. */
export type Figures = Readonly<Record<string, number>>;

/** Single measurements of one contender in one round, by name, for distributions. */
export type Samples = Readonly<Record<string, readonly number[]>>;

/** One side of a comparison: Baton, a floor, or a peer. */
export interface Contender {
  readonly name: string;
  /** Runs before the first round. @default one round, whose figures are dropped */
  warmUp?(): Promise<void>;
  /** Does the work once. */
  round(): Promise<Figures>;
  /** The single measurements of the last round. */
  samples?(): Samples;
  close?(): Promise<void>;
}

/** The bound that we want a figure, or its ratio to the floor's, to keep. */
export interface Target {
  readonly on: "figure" | "ratio";
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** Names a figure of a contender. */
export type FigureOf = readonly [contender: string, figure: string];

/** Names the samples of a contender. */
export type SamplesOf = readonly [contender: string, samples: string];

/** One line of the report. */
export interface Line {
  readonly label: string;
  readonly unit: string;
  readonly of: FigureOf;
  readonly against?: FigureOf;
  readonly target?: Target;
}

/** Samples to draw one below the other on one logarithmic axis; all are above 0. */
export interface Distribution {
  /** The axis' label, with its unit. */
  readonly x: string;
  readonly of: readonly SamplesOf[];
}

export type ScaleKind = "linear" | "log";

/** A figure as a function of something varied. A question's curves share one plot. */
export interface Curve {
  readonly label: string;
  readonly points: readonly { readonly x: number; readonly of: FigureOf }[];
}

/** The axes of a question's curves: their labels with units, and their scales. */
export interface Axes {
  readonly x: string;
  readonly y: string;
  readonly xScale: ScaleKind;
  /** A linear one begins at 0. */
  readonly yScale: ScaleKind;
}

/** The resources that a question may use. The bench removes them all when it ends. */
export interface Bench {
  /**
   * Creates a database and returns its URL. Each contender needs one of its own, since a NOTIFY
   * wakes every listener of its database.
   */
  database(): Promise<string>;
  /** Starts another process that runs a module of `bench/processes`. */
  child(script: URL, argument: object, flags?: readonly string[]): Promise<Child>;
}

/** One thing to measure: the contenders, and which of their figures are reported. */
export interface Question {
  readonly scope: string;
  readonly title: string;
  /** Says how it is measured, and against which floor. */
  readonly about: string;
  readonly lines: readonly Line[];
  readonly distributions?: readonly Distribution[];
  readonly curves?: { readonly axes: Axes; readonly of: readonly Curve[] };
  /**
   * Whether each round begins with the next contender, so that none always follows the same one.
   * @default false: every round has the order of `open`
   */
  readonly rotate?: boolean;
  /** Sets up the contenders. */
  open(bench: Bench): Promise<Contender[]>;
}
