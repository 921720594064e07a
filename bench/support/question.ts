import type { Scope } from "./arguments.js";
import type { Child } from "./child.js";

/** What one round of one side came to, by name. */
export type Figures = Readonly<Record<string, number>>;

/** Single measurements of one round of one side, by name: what a distribution is drawn of. */
export type Samples = Readonly<Record<string, readonly number[]>>;

/** One side of a comparison: the product, or a floor to hold it against. */
export interface Contender {
  readonly name: string;
  /** Does the work once. The first call is the warm-up, and does not count. */
  round(): Promise<Figures>;
  /** The single measurements of the last round. */
  samples?(): Samples;
  close?(): Promise<void>;
}

/** What a figure, or its ratio to the floor's, should be. */
export interface Target {
  readonly on: "figure" | "ratio";
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** A contender's figure: `[contender, figure]`. */
export type FigureOf = readonly [contender: string, figure: string];

/** A contender's samples: `[contender, samples]`. */
export type SamplesOf = readonly [contender: string, samples: string];

/** One line of the report. */
export interface Line {
  readonly label: string;
  readonly unit: string;
  readonly of: FigureOf;
  readonly against?: FigureOf;
  readonly target?: Target;
}

/** Samples to draw one below the other on one axis, whose scale is logarithmic: all above 0. */
export interface Distribution {
  /** What the axis shows, with its unit. */
  readonly x: string;
  readonly of: readonly SamplesOf[];
}

/** A figure by something that was varied. Curves of a question with the same axes are drawn into one plot. */
export interface Curve {
  readonly label: string;
  /** What the axes show, with their units. */
  readonly x: string;
  readonly y: string;
  /** Of the horizontal axis; default "linear". */
  readonly scale?: "linear" | "log";
  /** Of the vertical axis; default "linear", which begins at 0. */
  readonly yScale?: "linear" | "log";
  readonly points: readonly { readonly x: number; readonly of: FigureOf }[];
}

/** What a question may use; all of it is gone when the bench ends. */
export interface Bench {
  /** A fresh database, by its URL: one for each contender, since a NOTIFY wakes every listener of its database. */
  database(): Promise<string>;
  /** Another process, running a module of `bench/processes`. */
  child(script: URL, argument: object, flags?: readonly string[]): Promise<Child>;
}

/** One thing to find out: who takes part, and which of their figures are reported. */
export interface Question {
  readonly scope: Scope;
  readonly title: string;
  /** What is done, and what the floor is. */
  readonly about: string;
  readonly lines: readonly Line[];
  /** What the html reporter draws beside the lines' ratios. */
  readonly distributions?: readonly Distribution[];
  readonly curves?: readonly Curve[];
  /** Sets up the contenders; they take turns. */
  open(bench: Bench): Promise<Contender[]>;
}
